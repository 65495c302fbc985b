/**
 * From a flag to a function: of a context and the caller's default, to an answer.
 *
 * Closures, and no generated source: a page's Content-Security-Policy may forbid that.
 * @module
 */

import { readFlag, readLayer, readSegment, versionOf } from "../model/index.js";
import { answer, failed } from "./answers.js";
import { comparing, compileConditions, compileSegment, once, reader } from "./conditions.js";
import { own } from "./links.js";
import { prepareTarget, Refused } from "./operators.js";
import { bounds, bucketOf, ownedPlaces } from "./splits.js";

/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {import("./answers.js").Reason} Reason */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./conditions.js").Inner} Inner */
/** @typedef {import("./conditions.js").Memo} Memo */
/** @typedef {import("./conditions.js").Test} Test */
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

/** Compiles the flags and segments of one snapshot, each when it is first asked for. */
export class Compiler {
  /** @type {Map<string, Test | Refused>} */
  #segments = new Map();
  /** @type {Map<string, Inner | null>} */
  #inner = new Map();

  /**
   * @param {Snapshot} snapshot
   * @param {import("./links.js").Links} links
   * @param {import("./index.js").Options} options
   * @param {ReadonlySet<string>} stale the flags whose bound has passed
   */
  constructor(snapshot, links, options, stale = new Set()) {
    this.snapshot = snapshot;
    this.links = links;
    this.options = options;
    this.stale = stale;
  }

  /**
   * Hand on to *later*, the compiler of a later snapshot, what *affected* does not name.
   * @param {ReadonlySet<string>} affected
   * @param {Compiler} later
   * @returns {Compiler}
   */
  after(affected, later) {
    for (const [key, test] of this.#segments) if (!affected.has(`segment:${key}`)) later.#segments.set(key, test);
    for (const [key, inner] of this.#inner) if (!affected.has(`flag:${key}`)) later.#inner.set(key, inner);
    return later;
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
      const link = this.links.ofFlag(key, flag);
      return { run: new FlagCompiler(flag, link, this).run(), isShared: this.links.isShared(link), isSound: true };
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
      return flag.on ? (context, memo, now) => run(context, memo, now).evaluation.variation : null;
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
      return compileSegment(readSegment(key, raw), this);
    } catch (error) {
      return new Refused(`the segment '${key}' is broken: ${messageOf(error)}`);
    }
  }

  /**
   * Return the dialect of an imported flag or segment, null for one of our own. Throws `Refused` where it is not loaded.
   * @param {{ compat: import("../model/index.js").Compat | null }} owner
   * @returns {import("./dialects/seam.js").Dialect | null}
   */
  dialect({ compat }) {
    if (compat === null) return null;
    const { dialects = {} } = this.options;
    const ofVendor = Object.hasOwn(dialects, compat.vendor) ? dialects[compat.vendor] : {};
    if (Object.hasOwn(ofVendor, compat.dialect)) return ofVendor[compat.dialect];
    const mend = 'compile with { dialects: await dialectsFor(snapshot) } from "pennon/engine/dialects", or update the SDK';
    throw new Refused(`the dialect '${compat.dialect}' of '${compat.vendor}' is not here; ${mend}`);
  }
}

/** @param {Answer} found @returns {Compiled} */
function constant(found) {
  return { run: () => found, isShared: false, isSound: false };
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
    this.dialect = compiler.dialect(flag);
    this.variations = new Map(flag.variations.map((variation) => [variation.key, variation]));
  }

  /**
   * Return the flag's function. Throws `Refused`.
   * @returns {Run}
   */
  run() {
    this.#checkParts();
    const run = this.#steps();
    const { dialect } = this;
    if (dialect?.accepts === undefined) return run;
    const refused = failed(
      "TARGETING_KEY_MISSING",
      "the context has no key that the vendor's SDK takes, and it evaluates nothing for it",
      this.flag.version,
    );
    return (context, memo, now) => (dialect.accepts?.(context) ? run(context, memo, now) : refused);
  }

  /** @returns {Run} */
  #steps() {
    const { flag } = this;
    const stale = flag.staleness === null ? undefined : this.#serve(flag.staleness.serve, null, "STALE");
    // Compiled also where it is not asked: a broken flag is broken while it is off, too.
    const steps = [...this.#prerequisites(), ...this.#targets(), ...flag.rules.map((rule) => this.#rule(rule))];
    const last = /** @type {Run} */ (this.#serve(flag.fallthrough, null, "FALLTHROUGH"));
    if (stale !== undefined && this.compiler.stale.has(flag.key)) return /** @type {Run} */ (stale);
    if (!flag.on) {
      const off = this.#answer(flag.offVariation, "OFF", null);
      return () => off;
    }
    if (steps.length === 0) return last;
    return (context, memo, now) => {
      for (let i = 0; i < steps.length; i++) {
        const found = steps[i](context, memo, now);
        if (found !== undefined) return found;
      }
      return last(context, memo, now);
    };
  }

  #checkParts() {
    const { flag, link } = this;
    if (link.problem !== undefined) throw new Refused(`${link.problem}; break the chain`);
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

  /**
   * @param {string | null} variation
   * @param {Reason} reason
   * @param {string | null} ruleId
   * @param {Split | null} [split] what chose it
   * @returns {Answer}
   */
  #answer(variation, reason, ruleId, split = null) {
    const { flag } = this;
    const value = variation === null ? null : this.#variation(variation).value;
    // An imported flag's null is what its vendor's SDK answers where the caller's default is to be taken.
    const isOpen = variation === null || (value === null && flag.compat !== null);
    return answer({ value, variation, reason, ruleId, flagVersion: flag.version }, isOpen, this.#site(variation, ruleId, split));
  }

  /** @param {string | null} variation @param {string | null} ruleId @param {Split | null} split */
  #site(variation, ruleId, split) {
    const { key, version, exposures } = this.flag;
    const experiment = split?.experiment?.key ?? null;
    if (variation === null || exposures === "none" || (exposures === "experiments" && experiment === null)) return null;
    return Object.freeze({ flag: key, version, variation, ruleId, experiment, by: split?.by ?? "targetingKey" });
  }

  /** @returns {Step[]} */
  #prerequisites() {
    const failing = this.#answer(this.flag.offVariation, "PREREQUISITE_FAILED", null);
    return this.flag.prerequisites.map(({ flag, variations }) => {
      const inner = this.compiler.prerequisite(flag);
      if (inner === null) return () => failing;
      return (context, memo, now) => {
        const variation = once(inner, context, memo, now);
        return variation !== null && variations.includes(variation) ? undefined : failing;
      };
    });
  }

  /** @returns {Step[]} */
  #targets() {
    return this.flag.targets.map((target) => {
      const read = this.dialect === null ? reader(target.attribute) : this.dialect.key(target.attribute);
      const test = comparing(read, prepareTarget(target.values), false);
      const found = this.#answer(target.variation, "TARGET_MATCH", null);
      return (context, memo, now) => (test(context, memo, now) ? found : undefined);
    });
  }

  /** @param {import("../model/index.js").Rule} rule @returns {Step} */
  #rule(rule) {
    const test = compileConditions(rule.conditions, this.flag, this.compiler);
    const serve = this.#serve(rule.serve, rule.id, "RULE_MATCH");
    if (rule.conditions.length === 0) return serve;
    return (context, memo, now) => (test(context, memo, now) ? serve(context, memo, now) : undefined);
  }

  /** @param {Serve} serve @param {string | null} ruleId @param {Reason} reason @returns {Step} */
  #serve(serve, ruleId, reason) {
    if ((serve.variation === null) === (serve.split === null)) throw new Refused("it serves neither a variation nor a split; name one");
    if (serve.split !== null) return this.#split(serve.split, ruleId, reason);
    const found = this.#answer(serve.variation, reason, ruleId);
    return () => found;
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
    return (context, memo, now) => {
      const at = place(context);
      if (at < 0) return missing;
      return owned.some(({ from, to }) => from <= at && at < to) ? choose(context, memo, now) : otherwise;
    };
  }

  /** @param {Split} split @param {string | null} ruleId @param {Reason} reason @returns {Step} */
  #choice(split, ruleId, reason) {
    const answers = split.weights.map(({ variation }) => this.#answer(this.#variation(variation).key, reason, ruleId, split));
    const missing = this.#missing(split.by);
    if (this.dialect !== null && split.hash !== "sha256") return this.#foreign(this.dialect.split(split, this.flag), answers, missing);
    const ends = bounds(split);
    const bucket = bucketOf(split.by, split.salt ?? this.flag.salt, this.flag.key);
    return (context) => {
      const found = bucket(context);
      if (found < 0) return missing;
      for (let i = 0; ; i++) if (found < ends[i]) return answers[i];
    };
  }

  /** @param {import("./dialects/seam.js").Choice} choose @param {Answer[]} answers @param {Answer} missing @returns {Step} */
  #foreign(choose, answers, missing) {
    const none = failed("GENERAL", "the dialect chose none of the weights", this.flag.version);
    return (context, _, now) => {
      const found = choose(context, now);
      return found === null ? missing : (answers[found] ?? none);
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
    return failed(
      "TARGETING_KEY_MISSING",
      `${by} is missing, or neither a string nor an integer, and the split needs it`,
      this.flag.version,
    );
  }
}
