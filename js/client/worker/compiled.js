/**
 * Rules that fit into an isolate: as many flags stay compiled as there is room for beside the state.
 * @module
 */

import { compileSnapshot } from "../../engine/index.js";
import { byCodePoints } from "../../protocol/roots.js";

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("../../engine/index.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/index.js").Options} Options */
/** @typedef {import("../../engine/index.js").RuleSet} RuleSet */
/** @typedef {import("../../model/index.js").Kind} Kind */

/** A compiled flag of five rules takes some 6 KiB, and an isolate has 128 MB. */
export const MOST_COMPILED = 5000;

/** The rules of one revision at one age: they never change what they answer. */
export class Compiled {
  #rules;
  #options;
  #ageS;
  #most;
  /** The flags that were asked for since all were let go. @type {Set<string>} */
  #asked = new Set();
  /** @type {readonly string[] | undefined} */
  #clientSide;

  /**
   * @param {RuleSet} rules
   * @param {Options} options those of *rules*
   * @param {{ ageS?: number, most?: number }} [how] the age of *rules*; how many flags stay compiled
   */
  constructor(rules, options, { ageS = 0, most = MOST_COMPILED } = {}) {
    this.#rules = rules;
    this.#options = options;
    this.#ageS = ageS;
    this.#most = most;
  }

  /**
   * Return what *flag* serves to *context*, and why; as a value of *kind*, where that is given. Never throws.
   * @param {string} flag
   * @param {Context} context
   * @param {any} fallback
   * @param {Kind} [kind]
   * @returns {Evaluation}
   */
  evaluate(flag, context, fallback, kind) {
    if (!this.#asked.has(flag)) this.#makeRoom(flag);
    return kind === undefined ? this.#rules.evaluate(flag, context, fallback) : this.#rules.evaluateAs(flag, context, fallback, kind);
  }

  /** What the rules are of. */
  get snapshot() {
    return this.#rules.snapshot;
  }

  /** What answers depend on beside the context: the flags that are stale; null where they depend on more, as imported flags do on the time. */
  get stale() {
    return Object.keys(this.#options.dialects ?? {}).length > 0 ? null : [...this.#rules.compiler.stale].sort();
  }

  /** The keys of the client-side flags, in order. */
  get clientSide() {
    if (this.#clientSide === undefined) {
      const flags = /** @type {Record<string, any>} */ (this.#rules.snapshot.flags ?? {});
      this.#clientSide = Object.freeze(Object.keys(flags).filter((key) => flags[key]?.clientSide === true).sort(byCodePoints));
    }
    return this.#clientSide;
  }

  /** @param {string} flag */
  isClientSide(flag) {
    const flags = /** @type {Record<string, any>} */ (this.#rules.snapshot.flags ?? {});
    return Object.hasOwn(flags, flag) && flags[flag]?.clientSide === true;
  }

  /**
   * Return these rules for a state this old, themselves where no flag became stale or ceased to be.
   * @param {number} ageS seconds
   */
  aged(ageS) {
    const rules = this.#rules.aged(ageS);
    return rules === this.#rules ? this : this.#with(rules, this.#options, ageS);
  }

  /**
   * Return the rules after a delta that fits.
   * @param {import("../../engine/index.js").Delta} delta
   * @param {import("../../engine/index.js").Options} options with the dialects that the delta needs
   */
  updated(delta, options) {
    return this.#with(this.#rules.updated(delta, options), options, this.#ageS);
  }

  /** @param {RuleSet} rules @param {Options} options @param {number} ageS */
  #with(rules, options, ageS) {
    const after = new Compiled(rules, options, { ageS, most: this.#most });
    after.#asked = new Set(this.#asked);
    return after;
  }

  /** @param {string} flag */
  #makeRoom(flag) {
    if (this.#asked.size >= this.#most) {
      this.#asked.clear();
      this.#rules = compileSnapshot(this.#rules.snapshot, this.#options).aged(this.#ageS);
    }
    this.#asked.add(flag);
  }
}
