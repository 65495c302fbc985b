/**
 * Unleash's two dialects: `python`, the Rust core under most of its SDKs, and `node`, its Node SDK. See
 * spec/dialects/unleash.md.
 *
 * What both share is here: which text is hashed, what a share is, how a choice is made. What a field, a constraint or an
 * id is differs, and is in `python` and `node`.
 * @module
 */

import { Refused } from "../../refused.js";
import { isObject } from "../values.js";
import { ROLLOUT_PLACES, rolloutPlace, variantPlace } from "./buckets.js";
import { constraintOf } from "./constraints.js";
import { DEFAULT, listed, RANDOM } from "./fields.js";
import * as node from "./node.js";
import * as python from "./python.js";

/** @typedef {import("../seam.js").Choice} Choice */
/** @typedef {import("../seam.js").Condition} Condition */
/** @typedef {import("../seam.js").Dialect} Dialect */
/** @typedef {import("../seam.js").Flag} Flag */
/** @typedef {import("../seam.js").Key} Key */
/** @typedef {import("../seam.js").Segment} Segment */
/** @typedef {import("../seam.js").Split} Split */
/** @typedef {import("../seam.js").Test} Test */

/**
 * Conditions and splits as one of Unleash's SDKs reads them.
 * @implements {Dialect}
 */
class Unleash {
  #readings;

  /** @param {import("./fields.js").Readings} readings */
  constructor(readings) {
    this.#readings = readings;
  }

  /** @param {Condition} condition @param {Flag | Segment} owner @returns {Test} */
  condition(condition, owner) {
    if (condition.op === "inBucket") return negated(this.#share(condition, owner), condition.negate);
    if (condition.op !== "expression" || !isObject(condition.value)) return this.#readings.constraint(constraintOf(condition));
    const test = this.#special(condition.value) ?? this.#readings.constraint(constraintOf(condition));
    return negated(test, condition.negate);
  }

  /** Prepare an expression that is no constraint. @param {Record<string, any>} document @returns {Test | null} */
  #special({ override, name, parameters }) {
    if (isObject(override)) {
      const values = Array.isArray(override.values) ? override.values : [];
      return listed(
        this.#readings.field(String(override.contextName)),
        values.filter((each) => typeof each === "string"),
        true,
      );
    }
    if (typeof name !== "string") return null;
    const texts = Object.entries(parameters ?? {}).filter(([, each]) => typeof each === "string");
    return this.#readings.strategy(name, new Map(/** @type {[string, string][]} */ (texts)));
  }

  /**
   * Hold for the places [from, to) out of 100 of the unit that `by` names.
   * @param {Condition} condition
   * @param {Flag | Segment} owner
   * @returns {Test}
   */
  #share({ by, salt, hash, from, to }, owner) {
    const place = rolloutPlace(hash, salt ?? owner.salt);
    const [start, end] = [from ?? 0, to ?? ROLLOUT_PLACES];
    const name = by ?? DEFAULT;
    const unit = this.#readings.rolloutUnit(name);
    // Whoever has no id is given one by chance, and all of them are in.
    if ((name === DEFAULT || name === RANDOM) && start <= 0 && end >= ROLLOUT_PLACES) return () => true;
    return (context, now) => {
      const found = unit(context, now);
      if (found === null) return false;
      const at = place(found);
      return start <= at && at < end;
    };
  }

  /**
   * Prepare a choice of variants: the first whose running weight exceeds the unit's place.
   * @param {Split} split
   * @param {Flag} owner
   * @returns {Choice}
   */
  split(split, owner) {
    const weights = split.weights.map(({ weight }) => weight);
    if (!weights.every((weight) => Number.isInteger(weight) && weight >= 0) || !weights.some((weight) => weight > 0)) {
      throw new Refused("weights are integers from 0 on, and one at least is above");
    }
    let total = 0;
    const bounds = weights.map((weight) => (total += weight));
    const place = variantPlace(split.hash, split.salt ?? owner.salt, total);
    const unit = this.#readings.variantUnit(split.by);
    if (weights.filter((weight) => weight > 0).length === 1) {
      const only = weights.findIndex((weight) => weight > 0);
      return () => only;
    }
    return (context, now) => {
      const found = unit(context, now);
      if (found === null) return null;
      const at = place(found);
      return bounds.findIndex((bound) => bound > at);
    };
  }

  /**
   * Prepare the reading of a target's attribute: a field; the targeting key is Unleash's userId.
   * @param {string} attribute
   * @returns {Key}
   */
  key(attribute) {
    const read = this.#readings.field(attribute === "targetingKey" ? "userId" : attribute);
    return (context) => read(context, null);
  }
}

/** @param {Test} test @param {boolean} negate @returns {Test} */
function negated(test, negate) {
  return negate ? (context, now) => !test(context, now) : test;
}

/** By name. @type {Readonly<Record<string, Dialect>>} */
export const DIALECTS = Object.freeze({ python: new Unleash(python), node: new Unleash(node) });
