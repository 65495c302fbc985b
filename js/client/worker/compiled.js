/**
 * Rules that fit into an isolate: as many flags stay compiled as there is room for beside the state.
 * @module
 */

import { byCodePoints } from "../../protocol/roots.js";

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("../../engine/index.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/index.js").Options} Options */
/** @typedef {import("../../engine/index.js").RuleSet} RuleSet */
/** @typedef {import("../../model/index.js").Kind} Kind */
/** @typedef {import("../../model/index.js").Snapshot} Snapshot */

/** A compiled flag of five rules takes some 3 KB in workerd, and an isolate has 128 MB. */
const MOST_COMPILED = 12_000;

/** The rules of one revision at one age: they never change what they answer. */
export class Compiled {
  #rules;
  #options;
  #ageS;
  #most;
  #chance = 1;
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
    const { compiled } = this.#rules;
    if (compiled.size >= this.#most && !compiled.has(flag)) this.#makeRoom(compiled);
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

  /**
   * Return the rules of a later snapshot.
   * @param {Snapshot} snapshot
   * @param {import("../../engine/links.js").Touched} touched the items in which it differs
   * @param {Options} options with the dialects that it needs
   */
  advanced(snapshot, touched, options) {
    return this.#with(this.#rules.advanced(snapshot, touched, options), options, this.#ageS);
  }

  /** Let go of all that is compiled: there are other things that need the room. */
  forget() {
    const { compiled, references } = this.#rules;
    for (const each of [compiled, references.flags, references.segments]) each.clear();
  }

  /** @param {RuleSet} rules @param {Options} options @param {number} ageS */
  #with(rules, options, ageS) {
    return new Compiled(rules, options, { ageS, most: this.#most });
  }

  /**
   * Let go of one in eight, by chance: who asks for all in turn, and has a few more than there is room for, would otherwise find that each
   * was let go just before.
   * @param {Map<string, unknown>} compiled
   */
  #makeRoom(compiled) {
    for (const key of compiled.keys()) {
      this.#chance = Math.imul(this.#chance, 1_664_525) + 1_013_904_223;
      if (this.#chance >>> 29 === 0) compiled.delete(key);
    }
  }
}
