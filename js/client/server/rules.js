/**
 * What answers a client's evaluations, swapped whole: a rule set, nothing yet, overrides before it, counting and hooks behind it.
 * @module
 */

import { failed, given } from "../../engine/answers.js";
import { explain } from "../../engine/explain/index.js";
import { isOfKind } from "../../engine/index.js";
import { Snapshot } from "../../protocol/documents.js";
import { overriding, RULE_ID } from "./overrides.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/attributes.js").Context} Context */
/** @typedef {import("../../engine/explain/index.js").Explanation} Explanation */
/** @typedef {import("../../engine/index.js").RuleSet} RuleSet */
/** @typedef {import("../../model/index.js").Kind} Kind */
/** @typedef {(flag: string, context: Context, evaluation: Evaluation) => void} Hook */
/**
 * @typedef {object} Rules whatever can evaluate flags
 * @property {Snapshot} snapshot
 * @property {(flag: string, context: Context, fallback?: any) => Evaluation} evaluate never throws
 * @property {(flag: string, context: Context, fallback?: any) => Explanation} explain the same with the steps that led there; nobody hears
 *   of it
 */

const NOTHING = new Snapshot({ epoch: 0, items: { flag: new Map(), segment: new Map(), layer: new Map(), key: new Map() } });

/** Answers everything with the caller's default: nothing is known yet, or what was known is too old. @implements {Rules} */
export class NoRules {
  snapshot = NOTHING;
  #failed;

  /** @param {string} why */
  constructor(why) {
    this.#failed = failed("PROVIDER_NOT_READY", why, null);
  }

  /** @param {string} _flag @param {Context} _context @param {any} [fallback] @returns {Evaluation} */
  evaluate(_flag, _context, fallback = null) {
    return given(this.#failed, fallback);
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Explanation} */
  explain(flag, context, fallback = null) {
    const why = `${this.#failed.evaluation.errorMessage}`;
    return { flag, evaluation: this.evaluate(flag, context, fallback), steps: [{ what: "error", matched: true, why }] };
  }
}

/** Answers by a rule set, and has each answer counted. @implements {Rules} */
export class Counted {
  #rules;
  #count;

  /** @param {RuleSet} rules @param {(flag: string, evaluation: Evaluation, context: Context) => void} count */
  constructor(rules, count) {
    this.#rules = rules;
    this.#count = count;
    this.snapshot = /** @type {Snapshot} */ (rules.snapshot);
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Evaluation} */
  evaluate(flag, context, fallback = null) {
    const found = this.#rules.evaluate(flag, context, fallback);
    this.#count(flag, found, context);
    return found;
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Explanation} */
  explain(flag, context, fallback = null) {
    return explain(this.#rules, flag, context, fallback);
  }
}

/** Answers some flags with fixed values, the others by *rules*. @implements {Rules} */
export class Overridden {
  #rules;
  #answers;

  /** @param {Rules} rules @param {ReadonlyMap<string, any>} values by flag key */
  constructor(rules, values) {
    this.#rules = rules;
    this.#answers = new Map([...values].map(([flag, value]) => [flag, overriding(value)]));
    this.snapshot = rules.snapshot;
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Evaluation} */
  evaluate(flag, context, fallback = null) {
    return this.#answers.get(flag) ?? this.#rules.evaluate(flag, context, fallback);
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Explanation} */
  explain(flag, context, fallback = null) {
    const evaluation = this.#answers.get(flag);
    if (evaluation === undefined) return this.#rules.explain(flag, context, fallback);
    return { flag, evaluation, steps: [{ what: "rule", matched: true, why: "this process overrides the flag", key: RULE_ID }] };
  }
}

/** Tells hooks of each evaluation by *rules*. One that throws is reported, and harms nobody. @implements {Rules} */
export class Observed {
  #rules;
  #hooks;
  #report;

  /** @param {Rules} rules @param {readonly Hook[]} hooks @param {(error: unknown) => void} report */
  constructor(rules, hooks, report) {
    this.#rules = rules;
    this.#hooks = hooks;
    this.#report = report;
    this.snapshot = rules.snapshot;
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Evaluation} */
  evaluate(flag, context, fallback = null) {
    const found = this.#rules.evaluate(flag, context, fallback);
    for (const hook of this.#hooks) {
      try {
        hook(flag, context, found);
      } catch (error) {
        this.#report(error);
      }
    }
    return found;
  }

  /** @param {string} flag @param {Context} context @param {any} [fallback] @returns {Explanation} */
  explain(flag, context, fallback = null) {
    return this.#rules.explain(flag, context, fallback);
  }
}

/** Evaluates flags. An answer comes at once and whatever happens: in doubt it is the caller's default. */
export class Flags {
  #rules;
  /** @type {PinnedRules | null} */
  #pinned = null;

  /** @param {Rules} rules */
  constructor(rules) {
    this.#rules = rules;
  }

  /**
   * Answer by *rules* from now on.
   * @param {Rules} rules
   * @protected
   */
  answerBy(rules) {
    this.#rules = rules;
    this.#pinned = null;
  }

  /**
   * Return the rules that answer now, to be held for a request: all that it evaluates is of one revision.
   * @returns {PinnedRules}
   */
  rules() {
    return (this.#pinned ??= new PinnedRules(this.#rules));
  }

  /** The state that answers. */
  get snapshot() {
    return this.#rules.snapshot;
  }

  /**
   * Return the value of a boolean flag; *fallback* if the flag is of another kind or cannot be evaluated.
   * @param {string} flag
   * @param {Context} [context]
   * @param {boolean} [fallback]
   * @returns {boolean}
   */
  boolean(flag, context = {}, fallback = false) {
    const { value } = this.#rules.evaluate(flag, context, fallback);
    return typeof value === "boolean" ? value : fallback;
  }

  /**
   * Return the value of a string flag; *fallback* if the flag is of another kind or cannot be evaluated.
   * @param {string} flag
   * @param {Context} [context]
   * @param {string} [fallback]
   * @returns {string}
   */
  string(flag, context = {}, fallback = "") {
    const { value } = this.#rules.evaluate(flag, context, fallback);
    return typeof value === "string" ? value : fallback;
  }

  /**
   * Return the value of a number flag; *fallback* if the flag is of another kind or cannot be evaluated.
   * @param {string} flag
   * @param {Context} [context]
   * @param {number} [fallback]
   * @returns {number}
   */
  number(flag, context = {}, fallback = 0) {
    const { value } = this.#rules.evaluate(flag, context, fallback);
    return typeof value === "number" ? value : fallback;
  }

  /**
   * Return the value of an object flag; *fallback* if the flag is of another kind or cannot be evaluated. It is frozen: everybody shares
   * it.
   * @template [T=any]
   * @param {string} flag
   * @param {Context} [context]
   * @param {T | null} [fallback]
   * @returns {T}
   */
  object(flag, context = {}, fallback = null) {
    const { value } = this.#rules.evaluate(flag, context, fallback);
    return typeof value === "object" && value !== null ? value : /** @type {T} */ (fallback);
  }

  /**
   * Return the whole result. With *kind*, a flag of another kind gives *fallback* and the error `TYPE_MISMATCH`.
   * @param {string} flag
   * @param {Context} [context]
   * @param {any} [fallback]
   * @param {Kind} [kind]
   * @returns {Evaluation}
   */
  evaluation(flag, context = {}, fallback = null, kind) {
    const found = this.#rules.evaluate(flag, context, fallback);
    if (kind === undefined || found.value === fallback || isOfKind(found.value, kind)) return found;
    return given(failed("TYPE_MISMATCH", `asked for a ${kind}, and the value is none`, found.flagVersion), fallback);
  }

  /**
   * Return the result and each step that led to it. Not counted: nobody is served.
   * @param {string} flag
   * @param {Context} [context]
   * @param {any} [fallback]
   * @returns {Explanation}
   */
  explain(flag, context = {}, fallback = null) {
    return this.#rules.explain(flag, context, fallback);
  }
}

/** One rule set, held: all that it answers is of one revision. */
export class PinnedRules extends Flags {
  /** The epoch of the state that answers. */
  get epoch() {
    return this.snapshot.epoch;
  }

  /** The revision of the state that answers. */
  get revision() {
    return this.snapshot.revision;
  }

  /** Return the keys of all flags. @returns {string[]} */
  flagKeys() {
    return [...this.snapshot.items.flag.keys()];
  }

  /** Return the kind of a flag, null if it is not known. @param {string} flag @returns {Kind | null} */
  kind(flag) {
    const raw = /** @type {any} */ (this.snapshot.items.flag.get(flag)?.value);
    return raw === undefined ? null : (raw?.kind ?? "boolean");
  }

  /**
   * Do as `evaluation`, as the engine's rule sets call it.
   * @param {string} flag
   * @param {Context} context
   * @param {any} [fallback]
   * @returns {Evaluation}
   */
  evaluate(flag, context, fallback = null) {
    return this.evaluation(flag, context, fallback);
  }
}
