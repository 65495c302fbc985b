/**
 * Snapshots as a server sends them, with the hashes and digests that they should have.
 * @module
 */

import { createHash } from "node:crypto";

import { ENVIRONMENT } from "./running.js";

const ATTRIBUTES = /** @type {const} */ ([
  ["country", "in", ["XX", "YY"]],
  ["plan", "in", ["pro", "team"]],
  ["appVersion", "versionGreaterOrEqual", ["9.9.9"]],
  ["email", "endsWith", ["@example.com"]],
  ["age", "greaterOrEqual", [200]],
]);
const HALVES = [
  { variation: "on", weight: 50_000 },
  { variation: "off", weight: 50_000 },
];

/** Return a boolean flag that is on and client-side. @param {string} key @param {Record<string, unknown>} [rest] */
export function boolean(key, rest = {}) {
  const variations = [
    { key: "on", value: true },
    { key: "off", value: false },
  ];
  const serving = { variations, offVariation: "off", fallthrough: { variation: "on" } };
  return { key, version: 1, kind: "boolean", on: true, salt: `s-${key}`, ...serving, clientSide: true, ...rest };
}

/**
 * Return a flag of five rules, each with another operator, before a split.
 * @param {number} number
 * @param {Record<string, unknown>} [rest]
 */
export function ruled(number, rest = {}) {
  const rules = ATTRIBUTES.map(([attribute, op, values], at) => {
    const condition = { attribute, op, values, negate: false, ignoreCase: false };
    return { id: `r${at + 1}`, description: `who is served by ${op}`, conditions: [condition], serve: { variation: "on" } };
  });
  const more = { prerequisites: [], targets: [], staleness: null, critical: false, exposures: "experiments", needs: [], compat: null };
  const fallthrough = { split: { by: "targetingKey", salt: null, hash: "sha256", weights: HALVES, experiment: null } };
  return boolean(`flag-${String(number).padStart(5, "0")}`, { rules, fallthrough, ...more, ...rest });
}

/** @param {any} item */
function travelling(item) {
  const { hash, ...stored } = item;
  return { hash: sha256(JSON.stringify(stored)).toString("hex").slice(0, 16), ...stored };
}

/**
 * Return a snapshot's text.
 * @param {number} revision
 * @param {any[]} flags
 * @param {Record<string, unknown>} [rest] other members, `segments` by key among them
 */
export function snapshot(revision, flags, { segments = {}, ...rest } = {}) {
  const sum = Buffer.alloc(32);
  /** @param {string} kind @param {any[]} items */
  const sent = (kind, items) => {
    const all = items.map(travelling);
    for (const { key, version = 1, hash } of all) sha256(`${kind}:${key}:${version}:${hash}`).forEach((byte, at) => (sum[at] ^= byte));
    return Object.fromEntries(all.map((item) => [item.key, item]));
  };
  const items = { flags: sent("flag", flags), segments: sent("segment", Object.values(/** @type {object} */ (segments))), layers: {} };
  const head = { spec: 1, environment: ENVIRONMENT, epoch: 1, revision, digest: sum.toString("hex") };
  return JSON.stringify({ ...head, ...items, ...rest });
}

/** @param {string} text */
function sha256(text) {
  return createHash("sha256").update(text).digest();
}
