/**
 * From a flag to a function: of a context and the caller's default, to an answer.
 *
 * Closures, and no generated source: a page's Content-Security-Policy may forbid that.
 * @module
 */

import { readFlag, readLayer, readSegment, versionOf } from "../model/index.js";
import { failed, served } from "./answers.js";
import { comparing, compileConditions, compileSegment, once, reader } from "./conditions.js";
import { own } from "./links.js";
import { prepareTarget, Refused } from "./operators.js";
import { bounds, bucketOf, ownedPlaces } from "./splits.js";

/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {import("./answers.js").Evaluation} Evaluation */
/** @typedef {import("./answers.js").Reason} Reason */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./conditions.js").Memo} Memo */
/** @typedef {import("./conditions.js").Test} Test */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Serve} Serve */
/** @typedef {import("../model/index.js").Split} Split */
/** @typedef {import("../model/index.js").Snapshot} Snapshot */

/** A step of a flag: its answer, or undefined where the next step is asked. @typedef {(context: Context, memo: Memo) => Answer | undefined} Step */
/** @typedef {(context: Context, caller: any) => Evaluation} Evaluate */
/** A flag as a prerequisite: the variation that it serves, null where it meets none. @typedef {(context: Context, memo: Memo) => string | null} Inner */

/** Compiles the flags and segments of one snapshot, each when it is first asked for. */
export class Compiler {
  /** @type {Map<string, Test | Refused>} */
  #segments = new Map();
  /** @type {Map<string, Inner | null>} */
  #inner = new Map();

  /**
   * @param {Snapshot} snapshot
   * @param {import("./links.js").Links} links
   * @param {ReadonlySet<string>} stale the flags whose bound has passed
   */
  constructor(snapshot, links, stale = new Set()) {
    this.snapshot = snapshot;
    this.links = links;
    this.stale = stale;
  }

  /**
   * Return the function of a flag; of one that is unknown or broken, one that says so.
   * @param {string} key
   * @returns {{ evaluate: Evaluate, isSound: boolean }} unless it is sound, no context can change the answer
   */
  flag(key) {
    const raw = own(this.snapshot.flags, key);
    if (raw === undefined) return constant(failed("FLAG_NOT_FOUND", `there is no flag '${key}'`, null));
    try {
      const flag = readFlag(key, raw);
      const link = this.links.ofFlag(key, flag);
      const run = new FlagCompiler(flag, link, this).run();
      if (this.links.isShared(link)) return { evaluate: (context, caller) => run(context, new Map())(caller), isSound: true };
      return { evaluate: (context, caller) => run(context, null)(caller), isSound: true };
    } catch (error) {
      return constant(failed("PARSE_ERROR", messageOf(error), versionOf(raw)));
    }
  }

  /**
   * Return a flag as a prerequisite; null where it is not there or broken, and meets none.
   * @param {string} key
   * @returns {Inner | null}
   */
  prerequisite(key) {
    let found = this.#inner.get(key);
    if (found === undefined) this.#inner.set(key, (found = this.#compiledInner(key)));
    return found;
  }

  /** @param {string} key @returns {Inner | null} */
  #compiledInner(key) {
    try {
      const flag = readFlag(key, own(this.snapshot.flags, key));
      const run = new FlagCompiler(flag, this.links.ofFlag(key, flag), this).run();
      return flag.on ? (context, memo) => run(context, memo)(null).variation : null;
    } catch {
      return null;
    }
  }

  /**
   * Return the test of a segment. Throws `Refused` where it is not there or broken.
   * @param {string} key
   * @returns {Test}
   */
  segment(key) {
    let found = this.#segments.get(key);
    if (found === undefined) this.#segments.set(key, (found = this.#compiledSegment(key)));
    if (found instanceof Refused) throw found;
    return found;
  }

  /** @param {string} key @returns {Test | Refused} */
  #compiledSegment(key) {
    // No ring leads here: a flag whose links have a problem is refused before its conditions.
    const raw = own(this.snapshot.segments, key);
    if (raw === undefined) return new Refused(`there is no segment '${key}'`);
    try {
      return compileSegment(readSegment(key, raw), (other) => this.segment(other));
    } catch (error) {
      return new Refused(`the segment '${key}' is broken: ${messageOf(error)}`);
    }
  }
}

/** @param {Answer} answer @returns {{ evaluate: Evaluate, isSound: boolean }} */
function constant(answer) {
  return { evaluate: (_, caller) => answer(caller), isSound: false };
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Compiles one flag, in the order in which it is evaluated. */
class FlagCompiler {
  /**
   * @param {Flag} flag
   * @param {import("./links.js").Link} link
   * @param {Compiler} compiler
   */
  constructor(flag, link, compiler) {
    this.flag = flag;
    this.link = link;
    this.compiler = compiler;
    this.variations = new Map(flag.variations.map((variation) => [variation.key, variation]));
  }

  /**
   * Return the flag's function. Throws `Refused`.
   * @returns {(context: Context, memo: Memo) => Answer}
   */
  run() {
    this.#checkParts();
    const { flag } = this;
    const stale = flag.staleness === null ? undefined : this.#serve(flag.staleness.serve, null, "STALE");
    // Compiled also where it is not asked: a broken flag is broken while it is off, too.
    const steps = [...this.#prerequisites(), ...this.#targets(), ...flag.rules.map((rule) => this.#rule(rule))];
    const last = this.#serve(flag.fallthrough, null, "FALLTHROUGH");
    if (stale !== undefined && this.compiler.stale.has(flag.key)) return answering(stale);
    if (!flag.on) {
      const off = this.#answer(flag.offVariation, "OFF", null);
      return () => off;
    }
    if (steps.length === 0) return answering(last);
    return (context, memo) => {
      for (let i = 0; i < steps.length; i++) {
        const answer = steps[i](context, memo);
        if (answer !== undefined) return answer;
      }
      return /** @type {Answer} */ (last(context, memo));
    };
  }

  #checkParts() {
    const { flag, link } = this;
    if (link.problem !== undefined) throw new Refused(`${link.problem}; break the chain`);
    if (flag.compat !== null) throw new Refused(`the dialect '${flag.compat.dialect}' of '${flag.compat.vendor}' is not known here; update the SDK`);
    if (flag.needs.length > 0) throw new Refused(`the need '${flag.needs[0]}' is not known here; update the SDK`);
    if (this.variations.size !== flag.variations.length) throw new Refused("two variations have one key; give each its own");
    if (flag.offVariation !== null) this.#variation(flag.offVariation);
  }

  /** @param {string | null} key */
  #variation(key) {
    const found = key === null ? undefined : this.variations.get(key);
    if (found === undefined) throw new Refused(`there is no variation '${key}'; name one of the flag's variations`);
    return found;
  }

  /** @param {string | null} variation @param {Reason} reason @param {string | null} ruleId @returns {Answer} */
  #answer(variation, reason, ruleId) {
    const found = variation === null ? null : this.#variation(variation);
    return served(found, { reason, ruleId, flagVersion: this.flag.version });
  }

  /** @returns {Step[]} */
  #prerequisites() {
    const failing = this.#answer(this.flag.offVariation, "PREREQUISITE_FAILED", null);
    return this.flag.prerequisites.map(({ flag, variations }) => {
      const inner = this.compiler.prerequisite(flag);
      if (inner === null) return () => failing;
      return (context, memo) => {
        const variation = once(inner, context, memo);
        return variation !== null && variations.includes(variation) ? undefined : failing;
      };
    });
  }

  /** @returns {Step[]} */
  #targets() {
    return this.flag.targets.map((target) => {
      const test = comparing(reader(target.attribute), prepareTarget(target.values), false);
      const answer = this.#answer(target.variation, "TARGET_MATCH", null);
      return (context, memo) => (test(context, memo) ? answer : undefined);
    });
  }

  /** @param {import("../model/index.js").Rule} rule @returns {Step} */
  #rule(rule) {
    const test = compileConditions(rule.conditions, this.flag, (key) => this.compiler.segment(key));
    const serve = this.#serve(rule.serve, rule.id, "RULE_MATCH");
    if (rule.conditions.length === 0) return serve;
    return (context, memo) => (test(context, memo) ? serve(context, memo) : undefined);
  }

  /** @param {Serve} serve @param {string | null} ruleId @param {Reason} reason @returns {Step} */
  #serve(serve, ruleId, reason) {
    if ((serve.variation === null) === (serve.split === null)) throw new Refused("it serves neither a variation nor a split; name one");
    if (serve.split !== null) return this.#split(serve.split, ruleId, reason);
    const answer = this.#answer(serve.variation, reason, ruleId);
    return () => answer;
  }

  /** @param {Split} split @param {string | null} ruleId @param {Reason} reason @returns {Step} */
  #split(split, ruleId, reason) {
    const choose = this.#choice(split, ruleId, reason === "STALE" ? reason : "SPLIT");
    const experiment = split.experiment;
    if (experiment === null || experiment.layer === null) return choose;
    const layer = this.#layer(experiment.layer);
    const place = bucketOf(layer.by, layer.salt, layer.key);
    const owned = ownedPlaces(layer, experiment.key);
    const missing = this.#missing(layer.by);
    const otherwise = ruleId === null ? this.#answer(this.#variation(experiment.otherwise).key, reason, null) : undefined;
    return (context, memo) => {
      const at = place(context);
      if (at < 0) return missing;
      return owned.some(({ from, to }) => from <= at && at < to) ? choose(context, memo) : otherwise;
    };
  }

  /** @param {Split} split @param {string | null} ruleId @param {Reason} reason @returns {Step} */
  #choice(split, ruleId, reason) {
    const answers = split.weights.map(({ variation }) => this.#answer(this.#variation(variation).key, reason, ruleId));
    const ends = bounds(split);
    const bucket = bucketOf(split.by, split.salt ?? this.flag.salt, this.flag.key);
    const missing = this.#missing(split.by);
    return (context) => {
      const found = bucket(context);
      if (found < 0) return missing;
      for (let i = 0; ; i++) if (found < ends[i]) return answers[i];
    };
  }

  /** @param {string} key */
  #layer(key) {
    const raw = own(this.compiler.snapshot.layers, key);
    if (raw === undefined) throw new Refused(`there is no layer '${key}'`);
    return readLayer(key, raw);
  }

  /** @param {string} by */
  #missing(by) {
    return failed("TARGETING_KEY_MISSING", `${by} is missing, or neither a string nor an integer, and the split needs it`, this.flag.version);
  }
}

/** @param {Step} step @returns {(context: Context, memo: Memo) => Answer} */
function answering(step) {
  return /** @type {(context: Context, memo: Memo) => Answer} */ (step);
}
