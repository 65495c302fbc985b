/**
 * The values of one context, as a server's answer, or the bootstrap in a page, has them. They never change.
 * @module
 */

import { unreadable } from "./asking.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {"bootstrap" | "cache" | "network" | "defaults" | "rules"} Source */
/** @typedef {Record<string, any>} Context */
/**
 * What a flag answers, without a value where the caller's default is meant; and where to read it is an exposure, the attribute whose value
 * is exposed, and the experiment.
 * @typedef {[found: Partial<Pick<Evaluation, "value">> & Omit<Evaluation, "value">, by?: string | null, experiment?: string | null]}
 *   Found
 */
/**
 * @typedef {object} Values
 * @property {(flag: string) => Found | false} find
 * @property {() => Iterable<string>} keys
 * @property {string} [revision] `epoch.revision`
 * @property {string} [flagsVersion]
 * @property {number} [ttl] seconds
 * @property {string} [stream] where notices come from
 */

/**
 * Return the values in what OFREP's bulk evaluation, or a bootstrap, says. Throws `Trouble` where it is neither.
 * @param {{ body: any }} kept
 * @param {string} base the server's address
 * @returns {Values}
 */
export function readValues({ body }, base) {
  const { flags, metadata = body, eventStreams } = body ?? {};
  if (Object(flags) !== flags) throw unreadable(base);
  // The keys are anybody's: a map has no prototype that they could name.
  const found = new Map(Array.isArray(flags) ? flags.map((flag) => [flag?.key, flag]) : Object.entries(flags));
  const { url, endpoint } = eventStreams?.[0] ?? {};
  const stream = url ?? endpoint?.requestUri;
  return {
    ...metadata,
    stream: stream && new URL(stream, endpoint?.origin ?? base).href,
    keys: () => found.keys(),
    find: (flag) => found.has(flag) && read(found.get(flag)),
  };
}

/**
 * Return what is said of one flag, by OFREP or by a bootstrap.
 * @param {any} said
 * @returns {Found}
 */
export function read(said) {
  const { errorCode = null, errorDetails = errorCode, metadata = said, value, reason = "ERROR", variant = null, variation = variant } =
    said ?? {};
  const { ruleId = null, flagVersion = null, exposureBy, experiment = null } = metadata ?? {};
  const known = { DISABLED: "OFF", DEFAULT: "FALLTHROUGH", TARGETING_MATCH: ruleId ? "RULE_MATCH" : "TARGET_MATCH" };
  return [
    {
      value,
      variation,
      reason: metadata?.reason ?? known[/** @type {keyof typeof known} */ (reason)] ?? reason,
      ruleId,
      flagVersion,
      errorCode,
      errorMessage: errorDetails,
    },
    exposureBy,
    experiment,
  ];
}
