/**
 * What flags ask of other items: of flags, segments and layers. And of vendors' dialects, which imported flags are read by.
 * @module
 */

import { sha256Hex, wellFormed } from "../bucketing/index.js";
import { readFlag, readLayer, readSegment } from "../model/index.js";
import { failed } from "./answers.js";
import { reader } from "./attributes.js";
import { ownedPlaces } from "./layers.js";
import { Links } from "./links.js";
import { own } from "./own.js";
import { Refused, refuse } from "./refused.js";
import { bucketOf } from "./splits.js";
import { unit } from "./values.js";

/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {import("./parts.js").References} Asked */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./compiler.js").Compiler} Compiler */
/** @typedef {import("./compiler.js").Run} Run */
/** @typedef {import("./compiler.js").Step} Step */
/** @typedef {import("./conditions.js").Memo} Memo */
/** @typedef {import("./conditions.js").Test} Test */
/** @typedef {import("./dialects/seam.js").Dialect} Dialect */
/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Segment} Segment */
/** @typedef {import("../model/index.js").Split} Split */
/**
 * A flag as others ask it: the variation that it serves, null for none.
 * @typedef {(context: Context, memo: Memo, now: number | null) => string | null} Inner
 */

/**
 * Makes what depends on other items, each when it is first asked for.
 * @implements {Asked}
 */
export class References {
  /** @type {Map<string, Test | Refused>} */
  segments = new Map();
  /** @type {Map<string, Inner | null>} */
  flags = new Map();
  #compiler;
  #links;

  /**
   * @param {Compiler} compiler
   * @param {Links} [links] of its snapshot
   */
  constructor(compiler, links = new Links(compiler.snapshot)) {
    this.#compiler = compiler;
    this.#links = links;
  }

  /** @param {Flag} flag */
  check(flag) {
    const link = this.#links.ofFlag(flag.key, flag);
    if (link.problem !== undefined) refuse(`${link.problem}; break the chain`);
    return this.#links.isShared(link);
  }

  /** @param {import("../model/index.js").Prerequisite} prerequisite @param {Answer} failing @returns {Step} */
  prerequisite({ flag, variations }, failing) {
    const inner = this.inner(flag);
    if (inner === null) return () => failing;
    return (context, memo, now) => {
      const variation = once(inner, context, memo, now);
      return variation !== null && variations.includes(variation) ? undefined : failing;
    };
  }

  /**
   * Return a flag as others ask it; null where it is not there or broken, and meets nothing.
   * @param {string} key
   * @returns {Inner | null}
   */
  inner(key) {
    let found = this.flags.get(key);
    if (found === undefined) this.flags.set(key, (found = this.#inner(key)));
    return found;
  }

  /** @param {string} key @returns {Inner | null} */
  #inner(key) {
    try {
      const flag = readFlag(key, own(this.#compiler.snapshot.flags, key));
      this.check(flag);
      const run = this.#compiler.run(flag);
      return flag.on ? (context, memo, now) => run(context, memo, now).evaluation.variation : null;
    } catch {
      return null;
    }
  }

  /** @param {Condition} condition @returns {Test} */
  inSegment({ values, negate }) {
    const tests = values.map((key) => this.#segment(key));
    return (context, memo, now) => tests.some((test) => once(test, context, memo, now)) !== negate;
  }

  /** Return the test of a segment. Throws `Refused` where it is not there or broken. @param {string} key @returns {Test} */
  #segment(key) {
    let found = this.segments.get(key);
    if (found === undefined) this.segments.set(key, (found = this.#compiled(key)));
    if (found instanceof Refused) throw found;
    return found;
  }

  /** @param {string} key @returns {Test | Refused} */
  #compiled(key) {
    const raw = own(this.#compiler.snapshot.segments, key);
    if (raw === undefined) return new Refused(`there is no segment '${key}'`);
    // No ring leads here: a flag whose links have a problem is refused before its conditions.
    try {
      return this.#membership(readSegment(key, raw));
    } catch (error) {
      return new Refused(`the segment '${key}' is broken: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {Segment} segment @returns {Test} */
  #membership(segment) {
    const rules = segment.rules.map(({ conditions }) => this.#compiler.conditions(conditions, segment));
    const read = this.dialect(segment)?.key("targetingKey") ?? reader("targetingKey");
    return membership(segment, rules, read);
  }

  /** @param {Split} split */
  layered({ experiment }) {
    const { key, layer: name } = /** @type {import("../model/index.js").Experiment} */ (experiment);
    const { layers } = this.#compiler.snapshot;
    const raw = own(layers, /** @type {string} */ (name)) ?? refuse(`there is no layer '${name}'`);
    const layer = readLayer(/** @type {string} */ (name), raw);
    const find = bucketOf(layer.by, layer.salt, layer.key);
    const owned = ownedPlaces(layer, key);
    const place = (/** @type {Context} */ context) => {
      const at = find(context);
      return at < 0 ? at : Number(owned.some(({ from, to }) => from <= at && at < to));
    };
    return { by: layer.by, place };
  }

  /**
   * Return the dialect of what is imported, null for what is our own. Throws `Refused` where it is not loaded.
   * @param {{ compat: import("../model/index.js").Compat | null }} owner
   * @returns {Dialect | null}
   */
  dialect({ compat }) {
    if (compat === null) return null;
    const { vendor, dialect } = compat;
    const mend = 'compile with { dialects: await dialectsFor(snapshot) } from "pennon/engine/dialects", or update the SDK';
    const found = own(own(this.#compiler.options.dialects, vendor), dialect);
    return found ?? refuse(`the dialect '${dialect}' of '${vendor}' is not here; ${mend}`);
  }

  /** @param {Flag | Segment} owner */
  #dialect(owner) {
    return /** @type {Dialect} */ (this.dialect(owner));
  }

  /** @param {Condition} condition @param {Flag | Segment} owner @returns {Test} */
  condition(condition, owner) {
    const dialect = this.#dialect(owner);
    if (condition.op === "serves") return this.#serves(condition, owner);
    const test = dialect.condition(condition, owner);
    return (context, _, now) => test(context, now);
  }

  /**
   * Another flag serves one of the variations; off, broken or missing, it serves none.
   * @param {Condition} condition
   * @param {Flag | Segment} owner
   * @returns {Test}
   */
  #serves({ attribute, values, negate }, owner) {
    if (!("variations" in owner) || attribute === null) refuse("serves is a flag's condition, and names another as its attribute");
    const inner = this.inner(attribute);
    return (context, memo, now) => (inner !== null && values.includes(once(inner, context, memo, now))) !== negate;
  }

  /** @param {string} attribute @param {Flag | Segment} owner */
  key(attribute, owner) {
    return this.#dialect(owner).key(attribute);
  }

  /** @param {Split} split @param {Flag} flag @param {Answer[]} answers @param {Answer} missing @returns {Step} */
  choice(split, flag, answers, missing) {
    const choose = this.#dialect(flag).split(split, flag);
    const none = failed("GENERAL", "the dialect chose none of the weights", flag.version);
    return (context, _, now) => {
      const found = choose(context, now);
      return found === null ? missing : (answers[found] ?? none);
    };
  }

  /** @param {Flag} flag @param {Run} run @returns {Run} */
  accepted(flag, run) {
    const dialect = this.#dialect(flag);
    if (dialect.accepts === undefined) return run;
    const why = "the context has no key that the vendor's SDK takes, and it evaluates nothing for it";
    const refused = failed("TARGETING_KEY_MISSING", why, flag.version);
    return (context, memo, now) => (dialect.accepts?.(context) ? run(context, memo, now) : refused);
  }
}

/**
 * Return the test of a segment: `included` beats `excluded` beats rules. It keeps no more of the segment than that: lists may be long.
 * @param {Segment} segment
 * @param {Test[]} rules
 * @param {(context: Context) => unknown} read
 * @returns {Test}
 */
function membership({ salt, hashed, ...lists }, rules, read) {
  const included = new Set(lists.included.map(wellFormed));
  const excluded = new Set(lists.excluded.map(wellFormed));
  const prefix = `${wellFormed(salt)}.`;
  if (included.size + excluded.size === 0) return (context, memo, now) => rules.some((rule) => rule(context, memo, now));
  return (context, memo, now) => {
    const key = unit(read(context));
    if (key !== undefined) {
      const listed = hashed ? sha256Hex(prefix + key) : key;
      if (included.has(listed)) return true;
      if (excluded.has(listed)) return false;
    }
    return rules.some((rule) => rule(context, memo, now));
  };
}

/**
 * Return what *test* answers, asked once in an evaluation.
 * @template T
 * @param {(context: Context, memo: Memo, now: number | null) => T} test
 * @param {Context} context
 * @param {Memo} memo
 * @param {number | null} now
 * @returns {T}
 */
function once(test, context, memo, now) {
  if (memo === null) return test(context, memo, now);
  let answer = memo.get(test);
  if (answer === undefined) {
    answer = test(context, memo, now);
    memo.set(test, answer);
  }
  return answer;
}
