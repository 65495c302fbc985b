/**
 * From a flag to a function: of a context and the caller's default, to an answer.
 *
 * Closures, and no generated source: a page's Content-Security-Policy may forbid that.
 * @module
 */

import { readFlag, versionOf } from "../model/index.js";
import { answer, failed } from "./answers.js";
import { reader } from "./attributes.js";
import { comparing, compileCondition } from "./conditions.js";
import { own } from "./own.js";
import { prepareTarget } from "./operators.js";
import { refuse } from "./refused.js";
import { bounds, bucketOf } from "./splits.js";

/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {import("./answers.js").Reason} Reason */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./conditions.js").Memo} Memo */
/** @typedef {import("./conditions.js").Test} Test */
/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Serve} Serve */
/** @typedef {import("../model/index.js").Split} Split */
/** @typedef {import("../model/index.js").Snapshot} Snapshot */

/**
 * A step of a flag: its answer, or undefined where the next step is asked.
 * @typedef {(context: Context, memo: Memo, now: number | null) => Answer | undefined} Step
 */
/** @typedef {(context: Context, memo: Memo, now: number | null) => Answer} Run */
/**
 * A flag's function. `isShared`: it wants a memo; unless it `isSound`, no context can change the answer.
 * @typedef {{ run: Run, isShared: boolean, isSound: boolean }} Compiled
 */

/** Compiles the flags of one snapshot, each when it is first asked for. */
export class Compiler {
  /** @type {import("./parts.js").References | undefined} */
  #references;

  /**
   * @param {Snapshot} snapshot
   * @param {import("./parts.js").Options} options
   * @param {import("./operators.js").Operators} operators those that are known
   * @param {ReadonlySet<string>} [stale] the flags whose bound has passed
   */
  constructor(snapshot, options, operators, stale = new Set()) {
    this.snapshot = snapshot;
    this.options = options;
    this.operators = operators;
    this.stale = stale;
  }

  /** What knows of other items. Throws `Refused` where nothing does. */
  get references() {
    return this.#references ?? refuse("it needs what is not loaded");
  }

  set references(references) {
    this.#references = references;
  }

  /**
   * Return the function of a flag; of one that is unknown or broken, one that says so.
   * @param {string} key
   * @returns {Compiled}
   */
  flag(key) {
    const raw = own(this.snapshot.flags, key);
    if (raw === undefined) return constant(failed("FLAG_NOT_FOUND", `there is no flag '${key}'`, null));
    try {
      const flag = readFlag(key, raw);
      const isShared = !!this.#references?.check(flag);
      return { run: this.run(flag), isShared, isSound: true };
    } catch (error) {
      return constant(failed("PARSE_ERROR", messageOf(error), versionOf(raw)));
    }
  }

  /** Return what *flag* answers. Throws where it is broken. @param {Flag} flag @returns {Run} */
  run(flag) {
    return new FlagCompiler(flag, this).run();
  }

  /**
   * Return the test that every condition holds. Throws `Refused`.
   * @param {readonly Condition[]} conditions
   * @param {Flag | import("../model/index.js").Segment} owner
   * @returns {Test}
   */
  conditions(conditions, owner) {
    const tests = conditions.map((condition) => compileCondition(condition, owner, this));
    return tests.length === 1 ? tests[0] : every(tests);
  }

  /**
   * Return an operator. Throws `Refused` for one that is not known.
   * @param {string} op
   * @returns {import("./operators.js").Operator}
   */
  operator(op) {
    return own(this.operators, op) ?? refuse(`the operator '${op}' is not known here; update the SDK`);
  }
}

/** @param {Answer} found @returns {Compiled} */
function constant(found) {
  return { run: always(found), isShared: false, isSound: false };
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Compiles one flag, in the order in which it is evaluated. */
class FlagCompiler {
  #flag;
  #compiler;
  #variations;

  /** @param {Flag} flag @param {Compiler} compiler */
  constructor(flag, compiler) {
    this.#flag = flag;
    this.#compiler = compiler;
    this.#variations = new Map(flag.variations.map(({ key, value }) => [key, value]));
  }

  /**
   * Return the flag's function. Throws `Refused`.
   * @returns {Run}
   */
  run() {
    const { needs, variations, compat } = this.#flag;
    if (needs[0] !== undefined) refuse(`the need '${needs[0]}' is not known here; update the SDK`);
    if (this.#variations.size < variations.length) refuse("two variations have one key");
    const run = this.#steps();
    return compat === null ? run : this.#compiler.references.accepted(this.#flag, run);
  }

  /** @returns {Run} */
  #steps() {
    const { on, key, staleness, offVariation, targets, prerequisites, rules, fallthrough } = this.#flag;
    // Compiled also where it is not asked: a broken flag is broken while it is off, too.
    const off = this.#answer(offVariation, "OFF");
    const failing = this.#answer(offVariation, "PREREQUISITE_FAILED");
    const stale = staleness && this.#serve(staleness.serve, "STALE");
    const steps = [
      ...prerequisites.map((each) => this.#compiler.references.prerequisite(each, failing)),
      ...targets.map((each) => this.#target(each)),
      ...rules.map((each) => this.#rule(each)),
    ];
    const last = /** @type {Run} */ (this.#serve(fallthrough, "FALLTHROUGH"));
    if (stale && this.#compiler.stale.has(key)) return /** @type {Run} */ (stale);
    if (!on) return always(off);
    return steps.length === 0 ? last : firstOf(steps, last);
  }

  /**
   * @param {string | null} variation
   * @param {Reason} reason
   * @param {string | null} [ruleId]
   * @param {Split | null} [split] what chose it
   * @returns {Answer}
   */
  #answer(variation, reason, ruleId = null, split = null) {
    const { version, compat, exposures, key } = this.#flag;
    if (variation !== null && !this.#variations.has(variation)) {
      refuse(`there is no variation '${variation}'`);
    }
    const value = variation === null ? null : this.#variations.get(variation);
    const experiment = split?.experiment?.key ?? null;
    const isExposure = variation !== null && (exposures === "all" || (exposures === "experiments" && experiment !== null));
    const site = isExposure ? Object.freeze({ flag: key, version, variation, ruleId, experiment, by: split?.by ?? "targetingKey" }) : null;
    // An imported flag's null is what its vendor's SDK answers where the caller's default is to be taken.
    const isOpen = variation === null || (value === null && compat !== null);
    return answer({ value, variation, reason, ruleId, flagVersion: version }, isOpen, site);
  }

  /** @param {string} by */
  #missing(by) {
    return failed("TARGETING_KEY_MISSING", `the split needs ${by}, a string or an integer`, this.#flag.version);
  }

  /** @param {import("../model/index.js").Target} target @returns {Step} */
  #target({ attribute, values, variation }) {
    const read = this.#flag.compat === null ? reader(attribute) : this.#compiler.references.key(attribute, this.#flag);
    const test = comparing(read, prepareTarget(values), false);
    const found = this.#answer(variation, "TARGET_MATCH");
    return (context, memo, now) => (test(context, memo, now) ? found : undefined);
  }

  /** @param {import("../model/index.js").Rule} rule @returns {Step} */
  #rule({ conditions, serve, id }) {
    const test = this.#compiler.conditions(conditions, this.#flag);
    const found = this.#serve(serve, "RULE_MATCH", id);
    if (conditions.length === 0) return found;
    return (context, memo, now) => (test(context, memo, now) ? found(context, memo, now) : undefined);
  }

  /** @param {Serve} serve @param {Reason} reason @param {string | null} [ruleId] @returns {Step} */
  #serve({ variation, split }, reason, ruleId = null) {
    if ((variation === null) === (split === null)) refuse("it must serve a variation, or a split");
    if (split !== null) return this.#split(split, reason, ruleId);
    return always(this.#answer(variation, reason, ruleId));
  }

  /** @param {Split} split @param {Reason} reason @param {string | null} ruleId @returns {Step} */
  #split(split, reason, ruleId) {
    const { experiment } = split;
    const choose = this.#choice(split, reason === "STALE" ? reason : "SPLIT", ruleId);
    if (!experiment || experiment.layer === null) return choose;
    const { by, place } = this.#compiler.references.layered(split);
    const missing = this.#missing(by);
    const otherwise = ruleId === null ? this.#answer(experiment.otherwise ?? refuse("its experiment lacks otherwise"), reason) : undefined;
    return (context, memo, now) => {
      const at = place(context);
      return at < 0 ? missing : at > 0 ? choose(context, memo, now) : otherwise;
    };
  }

  /** @param {Split} split @param {Reason} reason @param {string | null} ruleId @returns {Step} */
  #choice(split, reason, ruleId) {
    const flag = this.#flag;
    const { by, salt, hash, weights } = split;
    const answers = weights.map(({ variation }) => this.#answer(variation, reason, ruleId, split));
    const missing = this.#missing(by);
    if (flag.compat !== null && hash !== "sha256") return this.#compiler.references.choice(split, flag, answers, missing);
    return sliced(bucketOf(by, salt ?? flag.salt, flag.key), bounds(split), answers, missing);
  }
}

// Apart from what makes them: a function keeps all that any function beside it uses, and a flag as it was read is larger than what becomes of it.

/** @param {Test[]} tests @returns {Test} */
function every(tests) {
  return (context, memo, now) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i](context, memo, now)) return false;
    return true;
  };
}

/** @param {Step[]} steps @param {Run} last @returns {Run} */
function firstOf(steps, last) {
  return (context, memo, now) => {
    for (let i = 0; i < steps.length; i++) {
      const found = steps[i](context, memo, now);
      if (found !== undefined) return found;
    }
    return last(context, memo, now);
  };
}

/** @param {Answer} found */
function always(found) {
  return () => found;
}

/** @param {(context: Context) => number} bucket @param {number[]} ends @param {Answer[]} answers @param {Answer} missing @returns {Run} */
function sliced(bucket, ends, answers, missing) {
  return (context) => {
    const found = bucket(context);
    if (found < 0) return missing;
    for (let i = 0; ; i++) if (found < ends[i]) return answers[i];
  };
}
