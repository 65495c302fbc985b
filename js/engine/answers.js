/**
 * What an evaluation answers, prebuilt where it can be.
 * @module
 */

/**
 * @typedef {"OFF" | "PREREQUISITE_FAILED" | "TARGET_MATCH" | "RULE_MATCH" | "FALLTHROUGH" | "SPLIT" | "STALE" | "ERROR"} Reason
 * @typedef {"PROVIDER_NOT_READY" | "FLAG_NOT_FOUND" | "PARSE_ERROR" | "TYPE_MISMATCH" | "TARGETING_KEY_MISSING" | "INVALID_CONTEXT"
 *   | "PROVIDER_FATAL" | "GENERAL"} ErrorCode
 * @typedef {Readonly<{ value: any, variation: string | null, reason: Reason, ruleId: string | null, flagVersion: number | null,
 *   errorCode: ErrorCode | null, errorMessage: string | null }>} Evaluation
 */

/**
 * A place in a flag whose answer is an exposure: what was served, by which rule, and whose unit is exposed.
 * @typedef {Readonly<{ flag: string, version: number, variation: string, ruleId: string | null, experiment: string | null,
 *   by: string }>} ExposureSite
 */

/**
 * An answer. `isOpen`: the value is the caller's default. `site`: who is told so, where it is an exposure.
 * @typedef {{ evaluation: Evaluation, isOpen: boolean, site: ExposureSite | null }} Answer
 */

/**
 * Return the answer that serves a value; of an open one, the caller's default.
 * @param {{ value: any, variation: string | null, reason: Reason, ruleId: string | null, flagVersion: number }} served
 * @param {boolean} isOpen
 * @param {ExposureSite | null} site
 * @returns {Answer}
 */
export function answer({ value, variation, reason, ruleId, flagVersion }, isOpen, site) {
  const evaluation = { value: frozen(value), variation, reason, ruleId, flagVersion, errorCode: null, errorMessage: null };
  return { evaluation: Object.freeze(evaluation), isOpen, site };
}

/**
 * Return the answer of an error.
 * @param {ErrorCode} errorCode
 * @param {string} errorMessage
 * @param {number | null} flagVersion
 * @returns {Answer}
 */
export function failed(errorCode, errorMessage, flagVersion) {
  const reason = /** @type {const} */ ("ERROR");
  const evaluation = { value: null, variation: null, reason, ruleId: null, flagVersion, errorCode, errorMessage };
  return { evaluation: Object.freeze(evaluation), isOpen: true, site: null };
}

/**
 * Return an answer to a caller. An open one is built anew only where the default is another than the last time, so that
 * an evaluation is mostly the same object for the same answer: counters may go by that.
 * @param {Answer} found
 * @param {any} caller
 * @returns {Evaluation}
 */
export function given(found, caller) {
  const { evaluation } = found;
  if (!found.isOpen || Object.is(evaluation.value, caller)) return evaluation;
  return (found.evaluation = Object.freeze({ ...evaluation, value: caller }));
}

/**
 * Freeze a JSON value through and through: answers share it.
 * @template T
 * @param {T} value
 * @returns {T}
 */
function frozen(value) {
  // What is no object is frozen.
  if (!Object.isFrozen(value)) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
