/**
 * How GrowthBook's SDKs read conditions and split: `javascript` loosely, `python` strictly. See
 * spec/dialects/growthbook.md.
 * @module
 */

import { Refused } from "../../refused.js";
import { unitReader } from "./attributes.js";
import * as javascript from "./javascript.js";
import { asExpression } from "./operators.js";
import * as python from "./python.js";
import { choosing, placing } from "./units.js";

/** @typedef {import("../seam.js").Choice} Choice */
/** @typedef {import("../seam.js").Condition} Condition */
/** @typedef {import("../seam.js").Dialect} Dialect */
/** @typedef {import("../seam.js").Flag} Flag */
/** @typedef {import("../seam.js").Key} Key */
/** @typedef {import("../seam.js").Segment} Segment */
/** @typedef {import("../seam.js").Split} Split */
/** @typedef {import("../seam.js").Test} Test */
/** @typedef {import("./units.js").Unit} Unit */

/**
 * One of GrowthBook's SDKs.
 * @implements {Dialect}
 */
class GrowthBook {
  #conditions;
  #unit;
  #storedName;

  /**
   * @param {import("./conditions.js").Conditions} conditions
   * @param {Unit} unit makes the text that is hashed of an attribute's value
   * @param {Unit} storedName makes that of its sticky bucket
   */
  constructor(conditions, unit, storedName) {
    this.#conditions = conditions;
    this.#unit = unit;
    this.#storedName = storedName;
  }

  /**
   * Prepare a condition: one about a unit, which it names with `by`, or one about attributes.
   * @param {Condition} condition
   * @param {Flag | Segment} owner
   * @returns {Test}
   */
  condition(condition, owner) {
    return condition.by !== null || condition.op === "inBucket"
      ? this.#aboutUnit(condition, owner)
      : this.#conditions.expression(asExpression(condition));
  }

  /**
   * Prepare `inBucket`, `in` and `exists` of a unit. Who has none is in no bucket and no list, negated or not.
   * @param {Condition} condition
   * @param {Flag | Segment} owner
   * @returns {Test}
   */
  #aboutUnit({ op, by, values, negate, from, to, hash, salt }, owner) {
    const read = unitReader(by || "targetingKey");
    const [unit, name] = [this.#unit, this.#storedName];
    if (op === "exists") return (context) => (unit(read(context)) !== null) !== negate;
    if (op === "in") {
      const listed = new Set(values.filter((value) => typeof value === "string"));
      return (context) => {
        const found = name(read(context));
        return found !== null && listed.has(found) !== negate;
      };
    }
    if (op !== "inBucket") throw new Refused(`${op} asks about an attribute, not about a unit`);
    if (from === null || to === null) throw new Refused("inBucket goes from a place to another");
    const find = placing(hash, salt ?? owner.salt);
    return (context) => {
      const found = unit(read(context));
      if (found === null) return false;
      const place = find(found);
      return (from <= place && place < to) !== negate;
    };
  }

  /** @param {Split} split @param {Flag} owner @returns {Choice} */
  split(split, owner) {
    return choosing(split, split.salt ?? owner.salt, this.#unit);
  }

  /**
   * Prepare the reading of a unit; the targeting key is the attribute `id`, as the SDK would have it.
   * @param {string} attribute
   * @returns {Key}
   */
  key(attribute) {
    const read = unitReader(attribute);
    return (context) => this.#unit(read(context));
  }
}

/** By name. @type {Readonly<Record<string, Dialect>>} */
export const DIALECTS = Object.freeze({
  javascript: new GrowthBook(javascript.CONDITIONS, javascript.unit, javascript.storedName),
  python: new GrowthBook(python.CONDITIONS, python.unit, python.unit),
});
