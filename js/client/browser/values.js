/**
 * The values of one context: read from what a server answers, or from the bootstrap in a page, never changed after.
 * @module
 */

import { Trouble } from "./asking.js";
import { attempt } from "./page.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/answers.js").Reason} Reason */
/** @typedef {"bootstrap" | "cache" | "network" | "defaults" | "rules"} Source */
/** @typedef {Record<string, any>} Context */
/** @typedef {{ by: string, experiment: string | null }} Site whose unit is exposed by reading a flag */
/**
 * What answers.
 * @typedef {object} Values
 * @property {(key: string, caller: any) => Evaluation | undefined} find undefined: there is no such flag
 * @property {(key: string, evaluation: Evaluation) => Site | null | undefined} site none: to read it is no exposure
 * @property {() => Iterable<string>} keys
 * @property {string | null} revision `epoch.revision`
 * @property {string | null} flagsVersion
 * @property {number} ttlMs
 * @property {string | null | undefined} stream where notices come from
 */

const TTL_S = 300;
/** Pennon's reasons by OFREP's. @type {Record<string, Reason>} */
const REASONS = { DISABLED: "OFF", TARGETING_MATCH: "TARGET_MATCH", DEFAULT: "FALLTHROUGH" };

/**
 * Return the values in what OFREP's bulk evaluation, or a bootstrap, says. Throws `Trouble` where it is neither.
 * @param {any} body as `JSON.parse` gives it
 * @param {string} base the server's address
 * @returns {Values}
 */
export function readValues(body, base) {
  const { flags, metadata: head = body, eventStreams } = body ?? {};
  if (typeof flags !== "object" || !flags) throw new Trouble("no flags", `${base} answers something that is no flags: is it Pennon's address?`);
  // The keys are strangers': a map has no prototype that they could name.
  const found = new Map(Array.isArray(flags) ? flags.map((flag) => [flag?.key, flag]) : Object.entries(flags));
  return {
    find: (key, caller) => (found.has(key) ? evaluationOf(found.get(key), caller) : undefined),
    site(key) {
      const { exposureBy: by, experiment = null } = found.get(key)?.metadata ?? {};
      return by && { by, experiment };
    },
    keys: () => found.keys(),
    revision: head.revision ?? null,
    flagsVersion: head.flagsVersion ?? null,
    ttlMs: (head.ttl > 0 ? head.ttl : TTL_S) * 1000,
    stream: attempt(() => {
      const { url, endpoint } = eventStreams.find((/** @type {any} */ each) => each.type === "sse");
      return new URL(url ?? endpoint.requestUri, endpoint?.origin ?? base).href;
    }),
  };
}

/**
 * @param {any} said of one flag
 * @param {any} caller
 * @returns {Evaluation}
 */
function evaluationOf(said, caller) {
  const { errorCode = null, errorDetails = errorCode, value, reason = "ERROR", variant, variation = variant, metadata = said } = said ?? {};
  const { ruleId = null, flagVersion = null } = metadata ?? {};
  return Object.freeze({
    value: value ?? caller,
    variation: variation ?? null,
    reason: metadata?.reason ?? (ruleId && reason === "TARGETING_MATCH" ? "RULE_MATCH" : (REASONS[reason] ?? reason)),
    ruleId,
    flagVersion,
    errorCode,
    errorMessage: errorDetails,
  });
}
