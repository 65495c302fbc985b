/**
 * A Pennon context as LaunchDarkly's contexts: one of a kind, or several; their keys and attributes.
 *
 * A place in them is written `[kind:]reference`. The kind is `user` where it is left out; the reference is a name, or a
 * JSON pointer into the context of that kind. The name `targetingKey` (or `key`) is the context's key, `kind` its kind.
 * @module
 */

import { isObject, member } from "../values.js";

/** @typedef {import("../seam.js").Context} Context */
/**
 * An attribute of the context of one kind. `steps` are the names to it; none: the reference is malformed.
 * @typedef {{ kind: string, steps: readonly string[] }} Place
 */

export const USER = "user";
const MULTI = "multi";
const KIND = /^[-A-Za-z0-9._]+$/;
const PREFIXED = /^([-A-Za-z0-9._]+):(.*)$/s;
const BAD_ESCAPE = /~(?![01])/;
/** Members that make a context, and are no attributes of it. */
const HIDDEN = new Set(["targetingKey", "privateAttributes", "_meta"]);

/**
 * Read `[kind:]reference`.
 * @param {string} text
 * @returns {Place}
 */
export function placeOf(text) {
  const prefixed = PREFIXED.exec(text);
  const [kind, reference] = prefixed === null ? [USER, text] : [prefixed[1], prefixed[2]];
  return { kind, steps: reference === "targetingKey" ? ["key"] : referenceSteps(reference) };
}

/**
 * Return the names that one of LaunchDarkly's attribute references goes through; none where it is malformed.
 * @param {string} reference
 * @returns {string[]}
 */
export function referenceSteps(reference) {
  if (!reference.startsWith("/")) return reference === "" ? [] : [reference];
  const steps = reference.slice(1).split("/");
  if (steps.some((step) => step === "" || BAD_ESCAPE.test(step))) return [];
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Tell whether a place is a context's key, or its kind. @param {Place} place @param {"key" | "kind"} what */
export function isJust(place, what) {
  return place.steps.length === 1 && place.steps[0] === what;
}

/** @param {string} name */
function isKind(name) {
  return name !== "kind" && name !== MULTI && KIND.test(name);
}

/** Return the key of the context of one kind: a string that is not empty. @param {Context} individual @returns {string | null} */
function keyOf(individual) {
  for (const name of ["targetingKey", "key"]) {
    const found = member(individual, name);
    if (typeof found === "string" && found !== "") return found;
  }
  return null;
}

/** @param {Context} context */
function kindOf(context) {
  const kind = member(context, "kind");
  return typeof kind === "string" && kind !== "" ? kind : USER;
}

/**
 * Return the contexts of all kinds that *context* holds.
 * @param {Context} context
 * @returns {[string, Context][]}
 */
export function individuals(context) {
  if (member(context, "kind") !== MULTI) return [[kindOf(context), context]];
  const members = Object.entries(context).filter(([name, each]) => isObject(each) && name !== "targetingKey");
  return /** @type {[string, Context][]} */ (members);
}

/**
 * Tell whether LaunchDarkly takes *context*: at least one kind, and each of them well-named and with a key.
 * @param {Context} context
 * @returns {boolean}
 */
export function isValid(context) {
  const kind = member(context, "kind");
  if (kind === MULTI) {
    const found = individuals(context);
    return found.length > 0 && found.every(([name, each]) => isKind(name) && keyOf(each) !== null);
  }
  return (typeof kind !== "string" || kind === "" || isKind(kind)) && keyOf(context) !== null;
}

/**
 * Return a function that finds the context of *kind*.
 * @param {string} kind
 * @returns {(context: Context) => Context | null}
 */
export function individual(kind) {
  return (context) => {
    if (member(context, "kind") !== MULTI) return kindOf(context) === kind ? context : null;
    const found = kind === "targetingKey" ? null : member(context, kind);
    return isObject(found) ? found : null;
  };
}

/**
 * Return a function that finds the key of the context of *kind*.
 * @param {string} kind
 * @returns {(context: Context) => string | null}
 */
export function keyReader(kind) {
  const find = individual(kind);
  return (context) => {
    const found = find(context);
    return found === null ? null : keyOf(found);
  };
}

/**
 * Return a function that finds an attribute, null where the kind or the attribute is not there.
 * @param {Place} place
 * @returns {(context: Context) => unknown}
 */
export function attributeReader(place) {
  if (isJust(place, "key")) return keyReader(place.kind);
  const find = individual(place.kind);
  const [first, ...rest] = place.steps;
  return (context) => {
    const found = find(context);
    if (found === null) return null;
    let value = attributeOf(found, first, place.kind);
    for (const step of rest) value = isObject(value) ? member(value, step) : null;
    return value;
  };
}

/**
 * Return an attribute. Those that LaunchDarkly gives a type are not there with any other.
 * @param {Context} found
 * @param {string} name
 * @param {string} kind
 * @returns {unknown}
 */
function attributeOf(found, name, kind) {
  if (HIDDEN.has(name)) return null;
  if (name === "kind") return kind;
  if (name === "key") return keyOf(found);
  const value = member(found, name);
  if (name === "name") return typeof value === "string" ? value : null;
  return name === "anonymous" ? value === true : value;
}
