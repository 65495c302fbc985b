/**
 * What frames say, apart from how they are written on a stream (`sse.js`). Their data is a JSON object with an `age`: for how many
 * seconds its sender has not known the state to be current at the origin.
 * @module
 */

import { integer, InvalidDocument, string } from "./documents.js";
import { headsOf } from "./heads.js";

/** @typedef {import("./heads.js").Head} Head */
/** @typedef {Readonly<{ environment: string, epoch: number, revision: number, digest: string, heads: readonly Head[] }>} Heartbeat */

/**
 * Return an age. Throws `InvalidDocument` where it is no number from 0 on, as a header may say.
 * @param {unknown} age
 * @returns {number}
 */
export function checkedAge(age) {
  if (typeof age === "number" && age >= 0 && age < Infinity) return age;
  throw new InvalidDocument("/age", "not a number of seconds from 0 on");
}

/**
 * Return what a heartbeat says. Throws `InvalidDocument`.
 * @param {Record<string, unknown>} parsed
 * @returns {Heartbeat}
 */
export function heartbeatOf(parsed) {
  const heads = headsOf(parsed.heads === undefined ? [] : parsed.heads);
  if (heads === null) throw new InvalidDocument("/heads", "expected signed heads");
  const [epoch, revision] = [integer(parsed, "epoch"), integer(parsed, "revision")];
  return { environment: string(parsed, "environment", ""), epoch, revision, digest: string(parsed, "digest"), heads };
}
