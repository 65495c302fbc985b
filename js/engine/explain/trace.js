/**
 * What an evaluation does, step by step: the flag's parts are asked one by one, by the very tests that its function is made of.
 * @module
 */

import { readFlag, readLayer, readSegment } from "../../model/index.js";
import { sha256Hex, wellFormed } from "../../bucketing/index.js";
import { reader } from "../attributes.js";
import { comparing, compileCondition } from "../conditions.js";
import { ownedPlaces } from "../layers.js";
import { own } from "../own.js";
import { prepareTarget } from "../operators.js";
import { bounds, bucketOf } from "../splits.js";
import { unit } from "../values.js";

/** @typedef {import("../attributes.js").Context} Context */
/** @typedef {import("../index.js").RuleSet} RuleSet */
/** @typedef {import("../../model/index.js").Condition} Condition */
/** @typedef {import("../../model/index.js").Flag} Flag */
/** @typedef {import("../../model/index.js").Rule} Rule */
/** @typedef {import("../../model/index.js").Segment} Segment */
/** @typedef {import("../../model/index.js").SegmentRule} SegmentRule */
/** @typedef {import("../../model/index.js").Serve} Serve */
/** @typedef {import("../../model/index.js").Split} Split */
/** @typedef {"flag" | "prerequisite" | "target" | "rule" | "condition" | "segment" | "list" | "bucket" | "layer"} Kind */

/** What happened at a place in a flag or segment: its outcome, what was found in the context, and what happened within. */
export class Node {
  isFinished = false;
  /** @type {any} */
  outcome = null;
  /** @type {any} */
  found = null;
  /** @type {string | null} */
  unit = null;
  /** @type {number | null} */
  bucket = null;
  /** @type {Node[]} */
  children = [];

  /** @param {Kind} kind @param {string} path the JSON pointer to it @param {any} subject the part of the model itself */
  constructor(kind, path, subject) {
    this.kind = kind;
    this.path = path;
    this.subject = subject;
  }
}

/** Asks for one context, and notes what happens. */
export class Trace {
  root = new Node("flag", "", null);
  #open = [this.root];
  #compiler;
  #references;
  #context;
  #now;
  #memo;

  /**
   * @param {RuleSet} rules
   * @param {Context} context
   * @param {number | null} now
   * @param {boolean} isShared whether answers are remembered
   */
  constructor(rules, context, now, isShared) {
    this.#compiler = rules.compiler;
    this.#references = rules.references;
    this.#context = context;
    this.#now = now;
    /** @type {Map<string, any> | null} */
    this.#memo = isShared ? new Map() : null;
  }

  /** Ask a flag, by itself. What it serves is known already: this is for the nodes. @param {Flag} flag */
  follow(flag) {
    try {
      this.#flag(flag, { isAsked: true });
    } catch {
      // Reading the context failed, where the last node says.
    }
  }

  /** @template T @param {Node} node @param {(node: Node) => T} ask @returns {T} */
  #noting(node, ask) {
    this.#open[this.#open.length - 1].children.push(node);
    this.#open.push(node);
    node.outcome = ask(node);
    this.#open.pop();
    node.isFinished = true;
    return node.outcome;
  }

  /** @param {Node} node */
  #note(node) {
    node.isFinished = true;
    this.#open[this.#open.length - 1].children.push(node);
  }

  /**
   * Return what a flag serves; null for nothing that others may ask for.
   * @param {Flag} flag
   * @param {{ isAsked: boolean }} how
   * @returns {string | null}
   */
  #flag(flag, { isAsked }) {
    if (flag.staleness !== null && this.#compiler.stale.has(flag.key) && (flag.on || isAsked)) {
      return this.#serve(flag, flag.staleness.serve, "/staleness/serve", false) ?? null;
    }
    if (!flag.on) return null;
    for (const [index, prerequisite] of flag.prerequisites.entries()) {
      const served = this.#noting(new Node("prerequisite", `/prerequisites/${index}`, prerequisite), () => this.#served(prerequisite.flag));
      if (served === null || !prerequisite.variations.includes(served)) return flag.offVariation;
    }
    for (const [index, target] of flag.targets.entries()) {
      const isListed = this.#noting(new Node("target", `/targets/${index}`, target), (node) => {
        const read = this.#references.dialect(flag)?.key(target.attribute) ?? reader(target.attribute);
        node.found = read(this.#context) ?? null;
        return comparing(() => node.found, prepareTarget(target.values), false)(this.#context, null, null);
      });
      if (isListed) return target.variation;
    }
    for (const [index, rule] of flag.rules.entries()) {
      const path = `/rules/${index}`;
      const holds = this.#noting(new Node("rule", path, rule), () => this.#every(rule, path, flag));
      const served = holds ? this.#serve(flag, rule.serve, `${path}/serve`, true) : undefined;
      if (served !== undefined) return served;
    }
    return this.#serve(flag, flag.fallthrough, "/fallthrough", false) ?? null;
  }

  /** Return what another flag serves, asked once where answers are remembered. @param {string} key */
  #served(key) {
    if (this.#references.inner(key) === null) return null;
    return this.#once(`flag:${key}`, () => this.#flag(readFlag(key, own(this.#compiler.snapshot.flags, key)), { isAsked: false }));
  }

  /** @template T @param {string} name @param {() => T} ask @returns {T} */
  #once(name, ask) {
    if (this.#memo === null) return ask();
    if (!this.#memo.has(name)) this.#memo.set(name, ask());
    return this.#memo.get(name);
  }

  /**
   * Tell whether all conditions hold; the ones behind a failure are asked too, for the explanation only.
   * @param {Rule | SegmentRule} rule
   * @param {string} path
   * @param {Flag | Segment} owner
   */
  #every({ conditions }, path, owner) {
    let holds = true;
    for (const [index, condition] of conditions.entries()) {
      const ask = () => this.#condition(condition, `${path}/conditions/${index}`, owner);
      if (holds) holds = ask();
      else this.#suppressed(ask);
    }
    return holds;
  }

  /** An evaluation never comes here, so what a context throws here must not count. @param {() => void} ask */
  #suppressed(ask) {
    const depth = this.#open.length;
    try {
      ask();
    } catch {
      this.#open.length = depth;
    }
  }

  /** @param {Condition} condition @param {string} path @param {Flag | Segment} owner @returns {boolean} */
  #condition(condition, path, owner) {
    return this.#noting(new Node("condition", path, condition), (node) => {
      if (condition.op === "inSegment") return this.#inSegment(condition, path) !== condition.negate;
      const isForeign = owner.compat !== null && !(condition.op === "inBucket" && condition.hash === "sha256");
      if (isForeign && condition.op === "serves" && condition.attribute !== null) {
        const served = this.#served(condition.attribute);
        return (served !== null && condition.values.includes(served)) !== condition.negate;
      }
      const attribute = condition.op === "inBucket" ? (condition.by ?? "targetingKey") : condition.attribute;
      if (!isForeign && attribute !== null) node.found = reader(attribute)(this.#context) ?? null;
      return compileCondition(condition, owner, this.#compiler)(this.#context, null, this.#now);
    });
  }

  /** @param {Condition} condition @param {string} path */
  #inSegment({ values }, path) {
    return values.some((key, index) =>
      this.#noting(new Node("segment", `${path}/values/${index}`, key), () => this.#once(`segment:${key}`, () => this.#segment(key))),
    );
  }

  /** @param {string} key @returns {boolean} */
  #segment(key) {
    const segment = readSegment(key, own(this.#compiler.snapshot.segments, key));
    const found = this.#listed(segment);
    if (found !== undefined) return found;
    return segment.rules.some((rule, index) =>
      this.#noting(new Node("rule", `/rules/${index}`, rule), () => this.#every(rule, `/rules/${index}`, segment)),
    );
  }

  /** Tell whether a segment's lists have the context; undefined where they do not say. @param {Segment} segment */
  #listed(segment) {
    const lists = /** @type {const} */ (["included", "excluded"]).filter((name) => segment[name].length > 0);
    if (lists.length === 0) return undefined;
    const read = this.#references.dialect(segment)?.key("targetingKey") ?? reader("targetingKey");
    const key = unit(read(this.#context));
    const entry = key !== undefined && segment.hashed ? sha256Hex(`${wellFormed(segment.salt)}.${key}`) : key;
    for (const name of lists) {
      const isIn = this.#noting(
        new Node("list", `/${name}`, name),
        () => entry !== undefined && segment[name].map(wellFormed).includes(entry),
      );
      if (isIn) return name === "included";
    }
    return undefined;
  }

  /**
   * Return what is served; null for an error, undefined where a rule's experiment does not own the unit's place.
   * @param {Flag} flag
   * @param {Serve} serve
   * @param {string} path
   * @param {boolean} isRule
   * @returns {string | null | undefined}
   */
  #serve(flag, serve, path, isRule) {
    const { split } = serve;
    if (split === null) return serve.variation;
    const { experiment } = split;
    const where = `${path}/split`;
    if (experiment === null || experiment.layer === null) return this.#split(flag, split, where);
    const layer = readLayer(experiment.layer, own(this.#compiler.snapshot.layers, experiment.layer));
    const place = this.#bucket(layer.by, { salt: layer.salt, key: layer.key }, new Node("bucket", `${where}/experiment/layer`, layer));
    if (place < 0) return null;
    const owned = ownedPlaces(layer, experiment.key);
    const isOwned = this.#noting(new Node("layer", where, experiment), () => owned.some(({ from, to }) => from <= place && place < to));
    if (isOwned) return this.#split(flag, split, where);
    return isRule ? undefined : experiment.otherwise;
  }

  /** @param {Flag} flag @param {Split} split @param {string} path @returns {string | null} */
  #split(flag, split, path) {
    const dialect = this.#references.dialect(flag);
    if (dialect !== null && split.hash !== "sha256") {
      const node = new Node("bucket", path, split);
      node.bucket = dialect.split(split, flag)(this.#context, this.#now);
      this.#note(node);
      return node.bucket === null ? null : (split.weights[node.bucket]?.variation ?? null);
    }
    const place = this.#bucket(split.by, { salt: split.salt ?? flag.salt, key: flag.key }, new Node("bucket", `${path}/by`, split));
    if (place < 0) return null;
    const ends = bounds(split);
    return split.weights[ends.findIndex((end) => place < end)].variation;
  }

  /**
   * Note where a unit lands, and return it; -1 where there is none.
   * @param {string} by
   * @param {{ salt: string, key: string }} hashed
   * @param {Node} node
   */
  #bucket(by, { salt, key }, node) {
    const found = bucketOf(by, salt, key)(this.#context);
    if (found >= 0) {
      const given = reader(by)(this.#context);
      node.unit = typeof given === "string" ? given : (unit(given) ?? null);
      node.bucket = found;
    }
    this.#note(node);
    return found;
  }
}
