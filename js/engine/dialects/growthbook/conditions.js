/**
 * GrowthBook's conditions as tests, with what both SDKs agree on; a language has the rest: literals, order, versions.
 * Prepared once: nothing of a condition is looked at again when it is asked.
 * @module
 */

import { Refused } from "../../refused.js";
import { isObject } from "../values.js";
import { contextReader, elementReader } from "./attributes.js";
import { typeName } from "./coercion.js";
import { isOneOf, isSame } from "./membership.js";

/** @typedef {import("./membership.js").Holds} Holds */
/** Prepares an operator for its operand. @typedef {(operand: any) => Holds} Prepare */
/** @typedef {(path: string) => import("./attributes.js").Read} Reader */
/**
 * What the SDK of one language has for itself. `literal` prepares the comparison with a literal, without regard to case if
 * it is told so. `isTrue` tells truth. `operators` are its own, beside those that all share. An object without keys is
 * `literalEmpty`, or no operators at all, which holds always. An `$elemMatch` of any of `elementConditions` tests the
 * element's attributes.
 * @typedef {{ literal: (condition: any, ignoreCase: boolean) => Holds, isTrue: (value: unknown) => boolean,
 *   operators: Readonly<Record<string, Prepare>>, literalEmpty: boolean, elementConditions: readonly string[] }} Language
 */

/** What stands in the place of an attribute. */
export const LOGICAL = ["$or", "$nor", "$and", "$not"];
/** Beside an attribute these hold for nobody: the SDKs know them in an attribute's place only. */
const ATTRIBUTES_PLACE_ONLY = ["$or", "$nor", "$and", "$savedGroup"];
const GROUPS = ["$savedGroup", "$inGroup", "$notInGroup"];

/** Hold for nobody. @type {Holds} */
export const never = () => false;

/** Prepares conditions for one language. All methods throw `Refused` for what is not known, or malformed. */
export class Conditions {
  #language;
  #operators;

  /** @param {Language} language */
  constructor(language) {
    this.#language = language;
    /** @type {ReadonlyMap<string, Prepare>} */
    this.#operators = new Map(
      Object.entries({
        $eq: isSame,
        $ne: (operand) => negated(isSame(operand)),
        $in: (operand) => listed(operand, { negate: false, ignoreCase: false }),
        $nin: (operand) => listed(operand, { negate: true, ignoreCase: false }),
        $ini: (operand) => listed(operand, { negate: false, ignoreCase: true }),
        $nini: (operand) => listed(operand, { negate: true, ignoreCase: true }),
        $type: (operand) => (value) => typeName(value) === operand,
        $exists: (operand) => (language.isTrue(operand) ? (value) => value !== null : (value) => value === null),
        $not: (operand) => negated(this.#value(operand, false)),
        $size: (operand) => this.#size(operand),
        $elemMatch: (operand) => this.#element(operand),
        $all: (operand) => this.#all(operand, false),
        $alli: (operand) => this.#all(operand, true),
        ...language.operators,
      }),
    );
  }

  /** Return the test of a condition of a whole context. @param {any} condition @returns {Holds} */
  expression(condition) {
    return this.#condition(condition, contextReader);
  }

  /** @param {any} condition @param {Reader} reader @returns {Holds} */
  #condition(condition, reader) {
    if (!isObject(condition)) throw new Refused(`a condition is an object, not ${typeName(condition)}`);
    return every(Object.entries(condition).map(([key, value]) => this.#entry(key, value, reader)));
  }

  /** @param {string} key @param {any} value @param {Reader} reader @returns {Holds} */
  #entry(key, value, reader) {
    if (key === "$not") return negated(this.#condition(value, reader));
    if (LOGICAL.includes(key)) {
      if (!Array.isArray(value)) throw new Refused(`${key} takes a list of conditions, not ${typeName(value)}`);
      return combined(
        key,
        value.map((each) => this.#condition(each, reader)),
      );
    }
    if (key === "$savedGroup") throw unknown(key);
    const read = reader(key);
    const holds = this.#value(value, false);
    return (given) => holds(read(given));
  }

  /**
   * Return the test of what stands beside an attribute: a literal, or operators.
   * @param {any} condition
   * @param {boolean} ignoreCase
   * @returns {Holds}
   */
  #value(condition, ignoreCase) {
    if (!isOperators(condition) || (Object.keys(condition).length === 0 && this.#language.literalEmpty)) {
      return this.#language.literal(condition, ignoreCase);
    }
    return every(Object.entries(condition).map(([name, operand]) => this.#operator(name, operand)));
  }

  /** @param {string} name @param {any} operand @returns {Holds} */
  #operator(name, operand) {
    const prepare = this.#operators.get(name);
    if (prepare !== undefined) return prepare(operand);
    if (ATTRIBUTES_PLACE_ONLY.includes(name)) return never;
    throw unknown(name);
  }

  /** @param {any} operand @returns {Holds} */
  #size(operand) {
    const holds = this.#value(operand, false);
    return (value) => Array.isArray(value) && holds(value.length);
  }

  /** @param {any} operand @returns {Holds} */
  #element(operand) {
    const { elementConditions } = this.#language;
    const keys = isOperators(operand) ? Object.keys(operand) : [];
    const isValue = keys.length > 0 && !keys.some((key) => elementConditions.includes(key));
    const holds = isValue ? this.#value(operand, false) : this.#condition(operand, elementReader);
    return (value) => Array.isArray(value) && value.some((each) => each !== null && holds(each));
  }

  /** @param {any} operand @param {boolean} ignoreCase @returns {Holds} */
  #all(operand, ignoreCase) {
    if (!Array.isArray(operand)) return never;
    const tests = operand.map((each) => this.#value(each, ignoreCase));
    return (value) => Array.isArray(value) && tests.every((test) => value.some(test));
  }
}

/**
 * Tell whether all keys of an object are operators, of which it may have none.
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
function isOperators(value) {
  return isObject(value) && Object.keys(value).every((key) => key.startsWith("$"));
}

/** @param {Holds[]} tests @returns {Holds} */
function every(tests) {
  return tests.length === 1 ? tests[0] : (given) => tests.every((test) => test(given));
}

/** @param {string} key @param {Holds[]} tests @returns {Holds} */
function combined(key, tests) {
  if (key === "$and") return every(tests);
  // Of no conditions at all any holds: that is how both SDKs read an empty list.
  /** @type {Holds} */
  const met = (given) => tests.length === 0 || tests.some((test) => test(given));
  return key === "$or" ? met : negated(met);
}

/** @param {Holds} holds @returns {Holds} */
function negated(holds) {
  return (value) => !holds(value);
}

/** @param {any} operand @param {{ negate: boolean, ignoreCase: boolean }} how @returns {Holds} */
function listed(operand, { negate, ignoreCase }) {
  if (!Array.isArray(operand)) return never; // negated, too
  const holds = isOneOf(operand, ignoreCase);
  return negate ? negated(holds) : holds;
}

/** @param {string} operator */
function unknown(operator) {
  if (GROUPS.includes(operator)) return new Refused(`${operator} asks for a saved group, which an import resolves: import the file again`);
  return new Refused(`GrowthBook's operator '${operator}' is not known here`);
}
