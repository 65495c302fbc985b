/**
 * Rule sets: a snapshot compiled, ready to answer. Same snapshot, same context, same answer, in every language.
 * @module
 */

import { readFlag, versionOf } from "../model/index.js";
import { failed } from "./answers.js";
import { Compiler, messageOf } from "./compiler.js";
import { Links, own } from "./links.js";

/** @typedef {import("./answers.js").Evaluation} Evaluation */
/** @typedef {import("./answers.js").ErrorCode} ErrorCode */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @typedef {import("../model/index.js").Snapshot} Snapshot */

/**
 * Return the rules of *snapshot*, as `JSON.parse` gives it. Each flag is compiled when it is first asked for.
 * @param {Snapshot} snapshot
 * @returns {RuleSet}
 */
export function compileSnapshot(snapshot) {
  return new RuleSet(snapshot, new Set());
}

/** The rules of one revision. Never changes what it answers. */
export class RuleSet {
  /** @type {Map<string, ReturnType<Compiler["flag"]>>} */
  #flags = new Map();
  #compiler;
  #stale;

  /** @param {Snapshot} snapshot @param {ReadonlySet<string>} stale */
  constructor(snapshot, stale) {
    this.snapshot = snapshot;
    this.revision = snapshot.revision ?? 0;
    this.epoch = snapshot.epoch ?? 1;
    this.#stale = stale;
    this.#compiler = new Compiler(snapshot, new Links(snapshot), stale);
  }

  /**
   * Return what *flag* serves to *context*, and why. Never throws. The answer is shared: it is frozen.
   * @param {string} flag
   * @param {Context} context
   * @param {any} [caller] the value where no variation is served
   * @returns {Evaluation}
   */
  evaluate(flag, context, caller = null) {
    let found = this.#flags.get(flag);
    if (found === undefined) this.#flags.set(flag, (found = this.#compiler.flag(flag)));
    try {
      if (typeof context === "object" && context !== null && !Array.isArray(context)) return found.evaluate(context, caller);
      return found.isSound ? this.#error(flag, "INVALID_CONTEXT", "the context is no object", caller) : found.evaluate({}, caller);
    } catch (error) {
      // A context may hold getters and proxies that throw.
      return this.#error(flag, "GENERAL", `while reading the context: ${messageOf(error)}`, caller);
    }
  }

  /**
   * Return what *flag* serves as a value of *kind*; a flag of another kind answers `TYPE_MISMATCH` and the default.
   * @param {string} flag
   * @param {Context} context
   * @param {any} caller
   * @param {Kind} kind
   * @returns {Evaluation}
   */
  evaluateAs(flag, context, caller, kind) {
    const found = this.evaluate(flag, context, caller);
    if (found.value === caller || isOfKind(found.value, kind)) return found;
    return failed("TYPE_MISMATCH", `asked for a ${kind}, and the value is none`, found.flagVersion)(caller);
  }

  /**
   * Return the rules for a state this old: flags whose staleness bound has passed answer STALE.
   * @param {number} ageS seconds
   * @returns {RuleSet}
   */
  aged(ageS) {
    const stale = new Set(Object.keys(this.snapshot.flags ?? {}).filter((key) => (this.#bound(key) ?? Infinity) < ageS));
    const isSame = stale.size === this.#stale.size && [...stale].every((key) => this.#stale.has(key));
    return isSame ? this : new RuleSet(this.snapshot, stale);
  }

  /** @param {string} key */
  #bound(key) {
    try {
      return readFlag(key, own(this.snapshot.flags, key)).staleness?.maxAgeS;
    } catch {
      return undefined;
    }
  }

  /** @param {string} flag @param {ErrorCode} code @param {string} message @param {any} caller */
  #error(flag, code, message, caller) {
    const raw = own(this.snapshot.flags, flag);
    return failed(code, message, raw === undefined ? null : versionOf(raw))(caller);
  }
}

/**
 * Tell whether *value* is one of a flag of *kind*.
 * @param {any} value
 * @param {Kind} kind
 * @returns {boolean}
 */
export function isOfKind(value, kind) {
  return kind === "object" ? typeof value === "object" && value !== null : typeof value === kind;
}
