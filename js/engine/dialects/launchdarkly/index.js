/**
 * LaunchDarkly's dialects: what its SDKs for Python, Node and Go (so too Java and .NET), and Ruby make of a flag. See
 * spec/dialects/launchdarkly.md.
 * @module
 */

import { boundsF32, boundsF64, placeF32, placeF64, shareF32, shareF64 } from "../../../bucketing/sha1.js";
import { Refused } from "../../refused.js";
import { isObject } from "../values.js";
import * as contexts from "./contexts.js";
import { GO, NAMES, NODE, OPERATORS, PYTHON } from "./operators.js";
import * as units from "./units.js";

/** @typedef {import("../seam.js").Choice} Choice */
/** @typedef {import("../seam.js").Condition} Condition */
/** @typedef {import("../seam.js").Context} Context */
/** @typedef {import("../seam.js").Dialect} Dialect */
/** @typedef {import("../seam.js").Flag} Flag */
/** @typedef {import("../seam.js").Key} Key */
/** @typedef {import("../seam.js").Segment} Segment */
/** @typedef {import("../seam.js").Split} Split */
/** @typedef {import("../seam.js").Test} Test */
/** @typedef {import("./contexts.js").Place} Place */

/**
 * In what the SDKs differ, beside how they read values. `absent` is the bucket of a context that lacks the kind which a
 * split goes by, `absentRule` that of a segment's rule, null where the rule does not match. `hidden` are the first names
 * of references that the SDK does not take. `isStrict`: a reference that is malformed is an error even where the context
 * lacks its kind.
 * @typedef {{ reading: import("./operators.js").Reading, unit: units.Unit, absent: number, absentRule: number | null,
 *   hidden: readonly string[], isStrict: boolean }} Flavour
 */

/** The precision of buckets and weights. */
const HASHES = new Map(
  Object.entries({
    "sha1-60-f64": { place: placeF64, share: shareF64, bounds: boundsF64 },
    "sha1-60-f32": { place: placeF32, share: shareF32, bounds: boundsF32 },
  }),
);

/** @implements {Dialect} */
class LaunchDarkly {
  #flavour;

  /** @param {Flavour} flavour */
  constructor(flavour) {
    this.#flavour = flavour;
  }

  /** @param {Context} context */
  accepts(context) {
    return contexts.isValid(context);
  }

  /** @param {string} attribute @returns {Key} */
  key(attribute) {
    const place = contexts.placeOf(attribute);
    if (!contexts.isJust(place, "key")) throw new Refused(`LaunchDarkly lists keys only, and '${attribute}' is none`);
    return contexts.keyReader(place.kind);
  }

  /**
   * Prepare a condition by its operator, by a share of a segment's rule, or as LaunchDarkly's own clause.
   * @param {Condition} condition
   * @param {Flag | Segment} owner
   * @returns {Test}
   */
  condition(condition, owner) {
    if (condition.ignoreCase) throw new Refused("LaunchDarkly compares letters as they are: it has no ignoreCase");
    if (condition.op === "expression") return this.#expression(condition.value);
    if (condition.op === "inBucket") return this.#share(condition, owner);
    if (!OPERATORS.has(condition.op) || condition.attribute === null) {
      throw new Refused(`LaunchDarkly has no ${condition.op} of '${condition.attribute}'`);
    }
    const place = contexts.placeOf(condition.attribute);
    if (place.steps.length === 0) throw new Refused(`'${condition.attribute}' is no reference to an attribute`);
    return this.#test(condition.op, place, condition.values, condition.negate);
  }

  /** @param {string} op @param {Place} place @param {any[]} values @param {boolean} negate @returns {Test} */
  #test(op, place, values, negate) {
    const prepare = /** @type {import("./operators.js").Prepare} */ (OPERATORS.get(op));
    const match = prepare(values, this.#flavour.reading);
    if (contexts.isJust(place, "kind")) return (context) => contexts.individuals(context).some(([kind]) => match(kind)) !== negate;
    const read = contexts.attributeReader(place);
    return (context) => {
      const value = read(context);
      if (value === null) return false;
      return (Array.isArray(value) ? value.some(match) : match(value)) !== negate;
    };
  }

  /** Prepare a clause of LaunchDarkly's, or `{"keys": {"contextKind", "values"}, "negate"}`. @param {any} clause @returns {Test} */
  #expression(clause) {
    if (!isObject(clause)) throw new Refused("an expression of LaunchDarkly's is a clause, an object");
    const negate = clause.negate === true;
    if (Object.hasOwn(clause, "keys")) return keyTest(clause.keys, negate);
    const { op, values } = clause;
    if (typeof op !== "string" || !Array.isArray(values)) throw new Refused("a clause of LaunchDarkly's has an op and values");
    // The segments that are there are conditions of their own: these are not.
    if (op === "segmentMatch") return () => negate;
    const name = NAMES.get(op);
    if (name === undefined) throw new Refused(`LaunchDarkly has no operator '${op}'`);
    const place = placeOfClause(clause);
    const isHidden = Boolean(clause.contextKind) && this.#flavour.hidden.includes(place.steps[0]);
    return place.steps.length === 0 || isHidden ? this.#malformed(place.kind) : this.#test(name, place, values, negate);
  }

  /** @param {string} kind @returns {Test} */
  #malformed(kind) {
    const find = contexts.individual(kind);
    return (context) => {
      if (this.#flavour.isStrict || find(context) !== null) throw new TypeError("a malformed reference to an attribute");
      return false;
    };
  }

  /**
   * Prepare a split: past the last weight is the last, and who lacks the kind is in the first.
   * @param {Split} split
   * @param {Flag} owner
   * @returns {Choice}
   */
  split(split, owner) {
    const arithmetic = arithmeticOf(split.hash);
    const place = this.#place(split.by, split.salt, owner, arithmetic);
    const bounds = arithmetic.bounds(split.weights.map(({ weight }) => weight));
    return (context) => {
      const at = place(context) ?? this.#flavour.absent;
      const found = bounds.findIndex((bound) => at < bound);
      return found < 0 ? bounds.length - 1 : found;
    };
  }

  /** @param {Condition} condition @param {Flag | Segment} owner @returns {Test} */
  #share({ from, to, by, salt, hash, negate }, owner) {
    if (from === null || to === null || from < 0) throw new Refused("a share goes from one bucket to another");
    const arithmetic = arithmeticOf(hash);
    const place = this.#place(by || "targetingKey", salt, owner, arithmetic);
    const [low, high] = [from === 0 ? -Infinity : arithmetic.share(from), arithmetic.share(to)];
    return (context) => {
      const found = place(context) ?? this.#flavour.absentRule;
      return (found !== null && low <= found && found < high) !== negate;
    };
  }

  /**
   * Return a function that finds the bucket by *by*, null where the context lacks the kind.
   * @param {string} by
   * @param {string | null} salt
   * @param {Flag | Segment} owner
   * @param {ReturnType<typeof arithmeticOf>} arithmetic
   * @returns {(context: Context) => number | null}
   */
  #place(by, salt, owner, arithmetic) {
    const place = contexts.placeOf(by);
    const find = contexts.individual(place.kind);
    if (place.steps.length === 0) return this.#malformedPlace(find);
    const { unit } = this.#flavour;
    const number = units.hasher(salt === null ? `${owner.key}.${owner.salt}.` : `${salt}.`, unit);
    const isRead = !contexts.isJust(place, "kind") || unit.readsKind;
    const read = isRead ? contexts.attributeReader(place) : () => null;
    return (context) => {
      if (find(context) === null) return null;
      const text = unit.text(read(context));
      return text === null ? 0 : arithmetic.place(number(text));
    };
  }

  /** @param {(context: Context) => Context | null} find @returns {(context: Context) => number | null} */
  #malformedPlace(find) {
    return (context) => {
      if (this.#flavour.isStrict || find(context) !== null) throw new TypeError("a malformed reference to what a split goes by");
      return null;
    };
  }
}

/** @param {string | null} name */
function arithmeticOf(name) {
  const found = HASHES.get(name ?? "");
  if (found === undefined) throw new Refused(`LaunchDarkly has no hash '${name}'`);
  return found;
}

/**
 * Return where a clause looks. Without a kind an attribute is a name, whatever it looks like.
 * @param {Record<string, any>} clause
 * @returns {Place}
 */
function placeOfClause({ contextKind, attribute }) {
  if (typeof attribute !== "string") return { kind: contexts.USER, steps: [] };
  if (!contextKind) return { kind: contexts.USER, steps: attribute === "" ? [] : [attribute] };
  return { kind: String(contextKind), steps: contexts.referenceSteps(attribute) };
}

/** Prepare the test that a context's key is listed. Who lacks the kind is not. @param {any} keys @param {boolean} negate @returns {Test} */
function keyTest(keys, negate) {
  if (!isObject(keys) || !Array.isArray(keys.values)) throw new Refused("keys are listed as {contextKind, values}");
  const read = contexts.keyReader(String(keys.contextKind || contexts.USER));
  /** @type {Set<unknown>} */
  const listed = new Set(keys.values.filter((key) => typeof key === "string"));
  return (context) => listed.has(read(context)) !== negate;
}

/** By the names that `compat.dialect` has. @type {Readonly<Record<string, Dialect>>} */
export const DIALECTS = Object.freeze({
  python: new LaunchDarkly({ reading: PYTHON, unit: units.PYTHON, absent: -1, absentRule: -1, hidden: [], isStrict: false }),
  node: new LaunchDarkly({ reading: NODE, unit: units.NODE, absent: 0, absentRule: 0, hidden: ["_meta"], isStrict: true }),
  go: new LaunchDarkly({ reading: GO, unit: units.GO, absent: 0, absentRule: null, hidden: [], isStrict: true }),
});
