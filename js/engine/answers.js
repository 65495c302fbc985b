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
 * An answer that only wants the caller's default, where it serves that.
 * @typedef {(caller: any) => Evaluation} Answer
 */

/**
 * Return the answer that serves a variation; null: the caller's default.
 * @param {{ key: string, value: any } | null} variation
 * @param {{ reason: Reason, ruleId: string | null, flagVersion: number }} why
 * @returns {Answer}
 */
export function served(variation, { reason, ruleId, flagVersion }) {
  const rest = { reason, ruleId, flagVersion, errorCode: null, errorMessage: null };
  // A variation without a value stands for the caller's default: imported flags have those.
  if (variation === null || variation.value === null) {
    const key = variation?.key ?? null;
    return (caller) => Object.freeze({ value: caller, variation: key, ...rest });
  }
  const answer = Object.freeze({ value: frozen(variation.value), variation: variation.key, ...rest });
  return () => answer;
}

/**
 * Return the answer of an error.
 * @param {ErrorCode} errorCode
 * @param {string} errorMessage
 * @param {number | null} flagVersion
 * @returns {Answer}
 */
export function failed(errorCode, errorMessage, flagVersion) {
  return (caller) =>
    Object.freeze({ value: caller, variation: null, reason: "ERROR", ruleId: null, flagVersion, errorCode, errorMessage });
}

/**
 * Freeze a JSON value through and through: answers share it.
 * @template T
 * @param {T} value
 * @returns {T}
 */
function frozen(value) {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) frozen(each);
  }
  return value;
}
