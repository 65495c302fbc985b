/**
 * IP addresses and networks: as Rust's standard library and ipnetwork read them, and as npm's ip-address does.
 * @module
 */

import { isWithin, plainAddress } from "../../addresses.js";

/** @typedef {import("../../addresses.js").Network} Network */

const PREFIX = /^\+?0*[0-9]{1,3}$/;
const NODE_4 = /^([0-9.]{7,15})(?:\/([0-9]{1,2}))?$/;
const NODE_6 = /^([0-9A-Fa-f:.]+)(?:\/([0-9]{1,3}))?(?:%[^\n]*)?$/;

/**
 * Read an address without a prefix.
 * @param {string} text
 * @returns {Network | null}
 */
export function rustAddress(text) {
  const found = plainAddress(text);
  return found === undefined ? null : { ...found, length: found.bits };
}

/**
 * Read an address, alone or with a prefix's length; for version 4 a mask will do, too.
 * @param {string} text
 * @returns {Network | null}
 */
export function rustNetwork(text) {
  const slash = text.indexOf("/");
  const found = rustAddress(slash < 0 ? text : text.slice(0, slash));
  if (found === null || slash < 0) return found;
  const prefix = text.slice(slash + 1);
  const length = PREFIX.test(prefix) ? Number(prefix) : found.bits === 32 ? masked(prefix) : -1;
  return length < 0 || length > found.bits ? null : { ...found, length };
}

/** Return how many leading bits a mask has, -1 of what is none. @param {string} text */
function masked(text) {
  const mask = rustAddress(text);
  if (mask === null || mask.bits !== 32) return -1;
  const bits = mask.groups.map((group) => group.toString(2).padStart(16, "0")).join("");
  return /^1*0*$/.test(bits) ? bits.replaceAll("0", "").length : -1;
}

/** Read a version 4 address, alone or with a prefix's length of one or two digits. @param {string} text */
export function node4(text) {
  return nodeNetwork(NODE_4.exec(text));
}

/** Read a version 6 address, alone or with a prefix's length, a zone or both. @param {string} text */
export function node6(text) {
  return text.includes(":") ? nodeNetwork(NODE_6.exec(text)) : null;
}

/** @param {RegExpExecArray | null} match @returns {Network | null} */
function nodeNetwork(match) {
  const found = match === null ? null : rustAddress(match[1]);
  if (match === null || found === null || match[2] === undefined) return found;
  return Number(match[2]) > found.bits ? null : { ...found, length: Number(match[2]) };
}

/** Whether the leading bits are the same; never across families. @param {Network} address @param {Network} network */
export function contains(network, address) {
  return isWithin(address, network);
}
