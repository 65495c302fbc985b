/**
 * flagd's dialects: how an imported flag's conditions and splits are read. See spec/dialects/flagd.md.
 *
 * Operators that have Pennon's names have flagd's meaning: `equals` is its loose `==`, `in` looks for an element as Python
 * compares, `contains` for an element or a part of a text, orders compare as text where neither side is a number, what is
 * no version is less, equal and greater than none. A missing attribute is null. `negate` turns any answer round.
 * @module
 */

import { pointerProblem, pointerSteps } from "../../attributes.js";
import { Refused } from "../../refused.js";
import { unit } from "../../values.js";
import { GENERATIONS } from "./fractions.js";
import { Compiler } from "./logic.js";
import { array, constant } from "./nodes.js";
import { choosing } from "./splits.js";
import { NoTime, Run, truth } from "./values.js";
import { Variants } from "./variants.js";

/** @typedef {import("../seam.js").Choice} Choice */
/** @typedef {import("../seam.js").Condition} Condition */
/** @typedef {import("../seam.js").Dialect} Dialect */
/** @typedef {import("../seam.js").Flag} Flag */
/** @typedef {import("../seam.js").Key} Key */
/** @typedef {import("../seam.js").Segment} Segment */
/** @typedef {import("../seam.js").Split} Split */
/** @typedef {import("../seam.js").Test} Test */
/** @typedef {import("./nodes.js").Node} Node */

/** Pennon's names for the operators of `sem_ver`. @type {ReadonlyMap<string, string>} */
const VERSIONS = new Map([
  ["versionEqual", "="],
  ["versionLess", "<"],
  ["versionLessOrEqual", "<="],
  ["versionGreater", ">"],
  ["versionGreaterOrEqual", ">="],
]);
/** Pennon's names for the operators that take the attribute and a value. @type {ReadonlyMap<string, string>} */
const COMPARISONS = new Map([
  ["equals", "=="],
  ["lessThan", "<"],
  ["lessOrEqual", "<="],
  ["greaterThan", ">"],
  ["greaterOrEqual", ">="],
  ["startsWith", "starts_with"],
  ["endsWith", "ends_with"],
]);

/**
 * One generation of flagd, as its Python SDK has it.
 * @implements {Dialect}
 */
class Flagd {
  #name;

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /** @param {Condition} condition @param {Flag | Segment} owner @returns {Test} */
  condition(condition, owner) {
    if (condition.ignoreCase) throw new Refused("flagd has no ignoreCase");
    const logic = compiled(condition, new Compiler(this.#name, owner.key, new Variants(owner)));
    return (context, now) => {
      try {
        return truth(logic.call(context, new Run(context, now, owner.key))) !== condition.negate;
      } catch (error) {
        if (error instanceof NoTime) return false;
        throw error;
      }
    };
  }

  /** @param {Split} split @param {Flag} owner @returns {Choice} */
  split(split, owner) {
    if (split.hash !== `flagd-${this.#name}`)
      throw new Refused(`flagd's dialect ${this.#name} hashes by flagd-${this.#name}, not by ${split.hash}`);
    const compiler = new Compiler(this.#name, owner.key, new Variants(owner));
    return choosing(GENERATIONS[this.#name], split, owner, compiler.attribute(stepsOf(split.by)).call);
  }

  /** Read an attribute as text, or an integer as its decimals: flagd has no lists of its own. @param {string} attribute @returns {Key} */
  key(attribute) {
    const read = new Compiler(this.#name, "", new Variants(null)).attribute(stepsOf(attribute));
    return (context) => unit(read.call(context, new Run(context, null, ""))) ?? null;
  }
}

/** @param {Condition} condition @param {Compiler} compiler @returns {Node} */
function compiled({ op, attribute, values, value }, compiler) {
  if (op === "expression") return compiler.expression(value);
  if (attribute === null) throw new Refused(`${op} asks about no attribute`);
  const found = compiler.attribute(stepsOf(attribute));
  if (op === "exists") return compiler.operation("!==", [found, constant(null)]);
  const literals = values.map(constant);
  if (op === "in") return compiler.operation("in", [found, array(literals)]);
  if (op === "contains") return anyOf(literals.map((literal) => compiler.operation("in", [literal, found])));
  const comparison = COMPARISONS.get(op);
  if (comparison !== undefined) return anyOf(literals.map((literal) => compiler.operation(comparison, [found, literal])));
  const version = VERSIONS.get(op);
  if (version === undefined) throw new Refused(`flagd has no operator '${op}'`);
  return anyOf(literals.map((literal) => compiler.operation("sem_ver", [found, constant(version), literal])));
}

/** @param {readonly Node[]} tests @returns {Node} */
function anyOf(tests) {
  return tests.length === 1 ? tests[0] : { call: (scope, run) => tests.some((test) => truth(test.call(scope, run))), size: 1 };
}

/** @param {string} attribute */
function stepsOf(attribute) {
  const problem = pointerProblem(attribute);
  if (problem !== undefined) throw new Refused(problem);
  return attribute.startsWith("/") ? pointerSteps(attribute) : [attribute];
}

/** flagd's three generations, by their names. @type {Readonly<Record<string, Dialect>>} */
export const DIALECTS = Object.freeze(Object.fromEntries(Object.keys(GENERATIONS).map((name) => [name, new Flagd(name)])));
