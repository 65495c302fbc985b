/**
 * Between Pennon's words and OpenFeature's: contexts one way, evaluations the other.
 * @module
 */

/** @typedef {import("../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @typedef {import("@openfeature/core").EvaluationContext} EvaluationContext */
/** @typedef {Record<string, any>} Context */
/** @typedef {{ revision: string | null, ageS: number | null }} Standing what the rules are that answered, and how old */

/** @type {Record<string, string>} */
const REASONS = {
  OFF: "DISABLED",
  PREREQUISITE_FAILED: "DISABLED",
  TARGET_MATCH: "TARGETING_MATCH",
  RULE_MATCH: "TARGETING_MATCH",
  FALLTHROUGH: "DEFAULT",
};

/**
 * Return an evaluation as OpenFeature wants it. A value of another kind than was asked for is a `TYPE_MISMATCH` and the caller's
 * default. Objects are copies, which the caller may change.
 * @template T
 * @param {Evaluation} evaluation
 * @param {{ kind: Kind, fallback: T, standing: Standing }} asked
 * @returns {import("@openfeature/core").ResolutionDetails<T>}
 */
export function resolutionOf(evaluation, { kind, fallback, standing }) {
  const { value, variation, reason, errorCode, errorMessage } = evaluation;
  const flagMetadata = metadataOf(evaluation, standing);
  if (errorCode !== null) return failure(fallback, errorCode, errorMessage ?? undefined, flagMetadata);
  if (value !== fallback && !isOfKind(value, kind)) {
    return failure(fallback, "TYPE_MISMATCH", `asked for a ${kind}, and the value is none`, flagMetadata);
  }
  const served = value === fallback ? fallback : copied(value);
  return { value: served, variant: variation ?? undefined, reason: REASONS[reason] ?? reason, flagMetadata };
}

/** @param {any} value @param {any} code one of OpenFeature's, which are Pennon's @param {string | undefined} message @param {any} flagMetadata */
function failure(value, code, message, flagMetadata) {
  return { value, reason: "ERROR", errorCode: code, errorMessage: message, flagMetadata };
}

/** @param {Evaluation} evaluation @param {Standing} standing @returns {Record<string, string | number>} */
function metadataOf({ flagVersion, ruleId }, { revision, ageS }) {
  /** @type {Record<string, string | number>} */
  const found = {};
  if (revision !== null) found.revision = revision;
  if (ageS !== null) found.age = Math.floor(ageS * 1000) / 1000;
  if (flagVersion !== null) found.flagVersion = flagVersion;
  if (ruleId !== null) found.ruleId = ruleId;
  return found;
}

/** @param {any} value @param {Kind} kind */
function isOfKind(value, kind) {
  return kind === "object" ? typeof value === "object" && value !== null : typeof value === kind;
}

/** @param {any} value JSON @returns {any} */
function copied(value) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copied(each)]));
}

/**
 * Return a context as Pennon takes it: dates, however deep, as RFC 3339; one that is no date is missing.
 * @param {EvaluationContext | undefined} context
 * @returns {Context}
 */
export function contextOf(context) {
  return dated(context ?? {}, new Map());
}

/**
 * Return *value* with its dates as text: itself, if it has none. Each object is looked at once, so a circle is no trap.
 * @param {any} value
 * @param {Map<object, any>} known
 * @returns {any}
 */
function dated(value, known) {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (known.has(value)) return known.get(value);
  known.set(value, value);
  const entries = Object.entries(value);
  const converted = entries.map(([name, each]) => [name, dated(each, known)]);
  if (converted.every(([, each], index) => each === entries[index][1])) return value;
  const whole = Array.isArray(value) ? converted.map(([, each]) => each) : Object.fromEntries(converted);
  known.set(value, whole);
  return whole;
}

/** What `initialize` rejects with, in the form that OpenFeature's SDKs read. */
export class ProviderError extends Error {
  /** @param {"PROVIDER_FATAL" | "PROVIDER_NOT_READY"} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = "ProviderError";
    this.code = code;
  }
}
