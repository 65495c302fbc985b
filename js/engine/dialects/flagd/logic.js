/**
 * JSONLogic compiled to functions, as flagd's Python SDK evaluates it.
 *
 * Beside the operators of JSONLogic and flagd there are three that Pennon's importer writes: `{"$variant": [logic, key]}`,
 * whether *logic* gives the variant *key* (null: none), an error where it gives what is no variant; `{"$json": text}`, the
 * logic that *text* is the JSON of; `{"$ref": name}`, an error, for it names a rule that is not there.
 * @module
 */

import { Refused } from "../../refused.js";
import { isObject, member } from "../values.js";
import { fractional, GENERATIONS } from "./fractions.js";
import * as nodes from "./nodes.js";
import { affixes, found, missing, missingSome, OPERATIONS, walked, within } from "./operators.js";
import { plain, targetingKey } from "./values.js";
import { COMPARISONS, rankOf, semVer } from "./versions.js";

/** @typedef {import("./nodes.js").Node} Node */
/** @typedef {import("./operators.js").Operation} Operation */
/** @typedef {import("./operators.js").ScopedOperation} ScopedOperation */
/**
 * Where an expression stands: its path; whether it is evaluated for the elements of an array; how deep.
 * @typedef {{ path: string, inside: boolean, deep: number }} Place
 */

/** So many expressions may lie within each other. */
const DEEPEST = 80;
/** An array of more constants is looked up, not gone through. */
const LISTED = 8;
/** @type {Place} */
const TOP = { path: "", inside: false, deep: 0 };

/**
 * The operators over an array. With fewer than `least` arguments they give `otherwise`, unevaluated.
 * @type {ReadonlyMap<string, { make: (args: any[]) => nodes.OverArray, least: number, otherwise: Node }>}
 */
const OVER_ARRAYS = new Map([
  ["map", { make: () => nodes.mapped, least: 1, otherwise: nodes.array([]) }],
  ["filter", { make: () => nodes.filtered, least: 2, otherwise: nodes.array([]) }],
  // Its start is as it is written, not evaluated.
  [
    "reduce",
    { make: (/** @type {any[]} */ args) => nodes.reducing(args.length > 2 ? args[2] : null), least: 1, otherwise: nodes.constant(null) },
  ],
  ["all", { make: () => nodes.allOf, least: 2, otherwise: nodes.constant(false) }],
  ["some", { make: () => nodes.anyOf, least: 2, otherwise: nodes.constant(false) }],
  ["none", { make: () => nodes.noneOf, least: 2, otherwise: nodes.constant(true) }],
]);

/** The expression reaches a rule that is not there (`$ref`), where the SDK answers an error. */
class Missing extends Error {}

/** Compiles the expressions of one flag by one generation. All throw `Refused`, with the path, for what it does not know. */
export class Compiler {
  #flagKey;
  #variants;
  #isWhole;
  /** @type {ReadonlyMap<string, Operation>} */
  #operations;
  /** @type {ReadonlyMap<string, ScopedOperation>} */
  #scoped;

  /** @param {string} generation @param {string} flagKey @param {import("./variants.js").Variants} variants */
  constructor(generation, flagKey, variants) {
    this.#flagKey = flagKey;
    this.#variants = variants;
    this.#isWhole = generation === "v1";
    /** @type {Operation} */
    const versions = (_, ...args) => semVer(args, this.#isWhole);
    this.#operations = new Map(Object.entries({ ...OPERATIONS, ...affixes(this.#isWhole ? false : null), sem_ver: versions }));
    /** @type {ScopedOperation} */
    const fractions = (scope, run, ...args) => fractional(GENERATIONS[generation], scope, run, args);
    this.#scoped = new Map(Object.entries({ missing, missing_some: missingSome, fractional: fractions }));
  }

  /**
   * Compile *logic*.
   * @param {any} logic
   * @param {Place} [place]
   * @returns {Node}
   */
  expression(logic, place = TOP) {
    if (place.deep > DEEPEST) throw new Refused(`${place.path}: expressions within each other more than ${DEEPEST} deep`);
    if (Array.isArray(logic)) return nodes.array(logic.map((item, index) => this.expression(item, below(place, index))));
    const keys = isObject(logic) ? Object.keys(logic) : [];
    if (keys.length !== 1) return nodes.constant(logic); // an object of no member, or of several, is itself
    const [name] = keys;
    const args = Array.isArray(logic[name]) ? logic[name] : [logic[name]];
    return this.#operator(name, args, below(place, name));
  }

  /**
   * Compile an operator with its arguments as they are written.
   * @param {string} name
   * @param {any[]} args
   * @param {Place} place
   * @returns {Node}
   */
  #operator(name, args, place) {
    const part = (/** @type {number} */ index, inside = place.inside) =>
      index < args.length ? this.expression(args[index], { ...below(place, index), deep: place.deep, inside }) : nodes.constant(null);
    const parts = () => args.map((_, index) => part(index));
    const overArray = OVER_ARRAYS.get(name);
    if (overArray !== undefined) {
      const [items, inner] = [part(0), part(1, true)];
      return args.length >= overArray.least ? overArray.make(args)(items, inner) : overArray.otherwise;
    }
    switch (name) {
      case "if":
      case "?:":
        return nodes.choice(parts());
      case "and":
        return nodes.first(parts(), false);
      case "or":
        return nodes.first(parts(), true);
      case "$variant":
        if (args.length !== 2) throw new Refused(`${place.path}: $variant takes an expression and the key of a variation`);
        return this.#variant(part(0), args[1]);
      case "$json":
        return this.expression(parsed(args[0], place.path), place);
      case "$ref":
        return reference(args[0]);
    }
    if (!(name === "var" || this.#scoped.has(name) || this.#operations.has(name)))
      throw new Refused(`${place.path}: flagd has no operator '${name}'`);
    return this.operation(name, parts(), place.inside);
  }

  /**
   * Compile an operator whose arguments are evaluated before it is.
   * @param {string} name
   * @param {readonly Node[]} args
   * @param {boolean} [inside]
   * @returns {Node}
   */
  operation(name, args, inside = false) {
    if (name === "var") return this.#variable(args, inside);
    const ofScope = this.#scoped.get(name);
    if (ofScope !== undefined) return scoped(ofScope, args, inside);
    const items = name === "in" ? args[1]?.items : undefined;
    if (items !== undefined) return listed(args[0], items);
    if (name === "sem_ver" && args.length === 3 && args[1].constant !== undefined && args[2].constant !== undefined) {
      return this.#version(args[0], args[1].constant.value, args[2].constant.value);
    }
    return eager(/** @type {Operation} */ (this.#operations.get(name)), args);
  }

  /** Return what the context has at the end of *steps*. @param {readonly string[]} steps @returns {Node} */
  attribute(steps) {
    const [first, ...rest] = steps;
    if (first === "$flagd") return this.#ofFlagd(rest);
    if (first === "targetingKey") return { call: (scope) => walked(targetingKey(scope), rest), size: 1 };
    if (rest.length === 0) return { call: (scope) => member(scope, first), size: 1 };
    return { call: (scope) => walked(member(scope, first), rest), size: 1 };
  }

  /** @param {readonly string[]} steps @returns {Node} */
  #ofFlagd(steps) {
    if (steps.length === 1 && steps[0] === "flagKey") return nodes.constant(this.#flagKey);
    if (steps.length === 1 && steps[0] === "timestamp") return { call: (_, run) => run.timestamp(), size: 1 };
    return { call: (_, run) => walked(run.whole().$flagd, steps), size: 1 };
  }

  /** @param {readonly Node[]} args @param {boolean} inside @returns {Node} */
  #variable(args, inside) {
    if (args.length > 2) return eager(tooMany, args);
    const key = args[0]?.constant?.value;
    if (typeof key !== "string" || key === "") return scoped(found, args, inside);
    const steps = key.split(".");
    const read = inside ? { call: (/** @type {any} */ scope) => walked(scope, steps), size: steps.length } : this.attribute(steps);
    if (args.length === 1) return read;
    return {
      call: (scope, run) => {
        const otherwise = args[1].call(scope, run); // first, as the SDK does: it may fail
        return read.call(scope, run) ?? otherwise;
      },
      size: read.size + args[1].size,
    };
  }

  /** @param {Node} value @param {unknown} name @param {unknown} target @returns {Node} */
  #version(value, name, target) {
    const right = rankOf(target, this.#isWhole);
    const compare = COMPARISONS.get(name);
    return {
      call: (scope, run) => {
        const left = rankOf(value.call(scope, run), this.#isWhole);
        return left === null || right === null || compare === undefined ? null : compare(left, right);
      },
      size: 1 + value.size,
    };
  }

  /** Return whether *logic* gives the variant *name*. @param {Node} logic @param {unknown} name @returns {Node} */
  #variant(logic, name) {
    return { call: (scope, run) => this.#variants.named(run, logic.call(scope, run)) === name, size: 1 + logic.size };
  }
}

/** @param {Place} place @param {string | number} step @returns {Place} */
function below({ path, inside, deep }, step) {
  return { path: `${path}/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`, inside, deep: deep + 1 };
}

/** @param {unknown} text @param {string} path */
function parsed(text, path) {
  try {
    if (typeof text === "string") return JSON.parse(text);
  } catch {
    // The same cause as for what is no text.
  }
  throw new Refused(`${path}: $json takes the text of an expression`);
}

/** Return `$ref`, which is an error: those that lead somewhere are replaced when a file is read. @param {unknown} name @returns {Node} */
function reference(name) {
  return {
    call: () => {
      throw new Missing(`there is no evaluator ${String(JSON.stringify(name)).slice(0, 80)}`);
    },
    size: 1,
  };
}

/** @param {Operation} operation @param {readonly Node[]} parts @returns {Node} */
function eager(operation, parts) {
  return { call: (scope, run) => operation(run, ...parts.map((part) => part.call(scope, run))), size: nodes.sizeOf(parts) };
}

/**
 * Compile an operator that reads the scope itself: for the context, with all that flagd adds.
 * @param {ScopedOperation} operation
 * @param {readonly Node[]} parts
 * @param {boolean} inside
 * @returns {Node}
 */
function scoped(operation, parts, inside) {
  return {
    call: (scope, run) => {
      const given = parts.map((part) => part.call(scope, run));
      return operation(inside ? scope : run.whole(), run, ...given);
    },
    size: nodes.sizeOf(parts),
  };
}

/** @param {Node} needle @param {readonly any[]} items @returns {Node} */
function listed(needle, items) {
  const isScalar = items.every((item) => typeof item !== "object" || item === null);
  if (items.length <= LISTED || !isScalar)
    return { call: (scope, run) => within(run, needle.call(scope, run), items), size: 1 + needle.size };
  const known = new Set(items.map(plain));
  return { call: (scope, run) => known.has(plain(needle.call(scope, run))), size: 1 + needle.size };
}

/** @type {Operation} */
function tooMany() {
  throw new TypeError("var takes a path and a default, no more");
}
