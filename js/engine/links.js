/**
 * What each item needs, through all that it needs. Rings and chains that are too deep are found here.
 * @module
 */

import { readFlag, readSegment } from "../model/index.js";
import { own } from "./own.js";

/** @typedef {import("../model/index.js").Snapshot} Snapshot */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Segment} Segment */

/**
 * What one item needs: `asked` counts how often it asks others directly, `everything` has the names of all that matter
 * to it, layers too. `problem` says why it cannot be evaluated; a `ring` is also one of all that need it.
 * @typedef {{ asked: number, everything: ReadonlySet<string>, deep: number, problem?: string, ring?: string }} Link
 */
/**
 * Items by what they are: the keys count. A delta is one.
 * @typedef {{ flags?: Items, segments?: Items, layers?: Items }} Touched
 * @typedef {Readonly<Record<string, unknown>> | readonly string[]} Items by their keys, or just these
 */

/** So many prerequisites may hang in a chain below a flag, and so many segments below a flag or a segment's user. */
const DEEPEST = 32;
/** @type {Link} */
const ALONE = { asked: 0, everything: new Set(), deep: 0 };

class TooDeep extends Error {
  /** @param {string[]} path */
  constructor(path) {
    super();
    this.path = path;
  }
}

/** Finds the links of a snapshot's items, when they are asked for. */
export class Links {
  /**
   * @param {Snapshot} snapshot
   * @param {Map<string, Link>} known
   */
  constructor(snapshot, known = new Map()) {
    this.snapshot = snapshot;
    this.known = known;
  }

  /**
   * Return what a flag needs. One that is not there, or cannot be read, needs nothing.
   * @param {string} key
   * @param {Flag} [flag]
   * @returns {Link}
   */
  ofFlag(key, flag) {
    return this.#whole("flag", key, flag);
  }

  /**
   * Tell whether something is needed by two ways, so that its answer is worth remembering.
   * @param {Link} link
   */
  isShared({ asked, everything }) {
    let items = 0;
    for (const name of everything) {
      asked += this.known.get(name)?.asked ?? 0;
      if (name[0] !== "l") items++;
    }
    return asked > items;
  }

  /**
   * Keep a link. A flag that nobody needs is asked about once: its link is not kept.
   * @param {string} name
   * @param {Link} link
   * @param {boolean} isAskedAgain
   */
  note(name, link, isAskedAgain) {
    if (isAskedAgain) this.known.set(name, link);
    return link;
  }

  /** @param {"flag" | "segment"} kind @param {string} key @param {Flag} [given] @returns {Link} */
  #whole(kind, key, given) {
    try {
      return this.#link(kind, key, [], given);
    } catch (error) {
      if (!(error instanceof TooDeep)) throw error;
      const link = { ...ALONE, everything: new Set(error.path), deep: DEEPEST + 1, problem: depthProblem(DEEPEST + 1) };
      return this.note(`${kind}:${key}`, link, kind === "segment");
    }
  }

  /**
   * @param {"flag" | "segment"} kind
   * @param {string} key
   * @param {string[]} path
   * @param {Flag} [given]
   * @returns {Link}
   */
  #link(kind, key, path, given) {
    const name = `${kind}:${key}`;
    const isSegment = kind === "segment";
    const known = this.known.get(name);
    if (known) return known;
    if (path.includes(name)) {
      const ring = [...path.slice(path.indexOf(name)), name];
      return { ...ALONE, everything: new Set(ring), ring: `it needs itself, or what does: ${ring.join(" → ")}` };
    }
    const inner = [...path, name];
    if (inner.length > DEEPEST + Number(!isSegment)) throw new TooDeep(inner);
    return this.note(name, this.#found(kind, key, inner, given), isSegment || path.length > 0);
  }

  /** @param {"flag" | "segment"} kind @param {string} key @param {string[]} path @param {Flag} [given] @returns {Link} */
  #found(kind, key, path, given) {
    const item = given ?? this.#read(kind, key);
    if (!item) return ALONE;
    const isFlag = kind === "flag";
    const segments = segmentsAsked(item.rules);
    const flags = isFlag ? flagsAsked(/** @type {Flag} */ (item)) : [];
    const layers = isFlag ? layersAsked(/** @type {Flag} */ (item)) : [];
    if (segments.length + flags.length + layers.length === 0 && isFlag) return ALONE;
    const lists = [...new Set(segments)].map((each) => (isFlag ? this.#whole("segment", each) : this.#link("segment", each, path)));
    const needed = [...new Set(flags)].map((each) => this.#link("flag", each, path));
    const below = [...lists, ...needed];
    const deep = 1 + Math.max(isFlag ? -1 : 0, ...(isFlag ? needed : lists).map((link) => link.deep));
    const ring = below.find((link) => link.ring)?.ring;
    return {
      asked: segments.length + flags.length,
      everything: new Set([...namesOf({ flags, segments, layers }), ...below.flatMap((link) => [...link.everything])]),
      deep,
      problem: ring ?? lists.find((link) => link.problem)?.problem ?? depthProblem(deep),
      ring,
    };
  }

  /** @param {"flag" | "segment"} kind @param {string} key */
  #read(kind, key) {
    try {
      return kind === "flag" ? readFlag(key, own(this.snapshot.flags, key)) : readSegment(key, own(this.snapshot.segments, key));
    } catch {
      return undefined;
    }
  }
}

/** Return the names of items. @param {Touched} touched @returns {string[]} */
export function namesOf({ flags = [], segments = [], layers = [] }) {
  const named = (/** @type {string} */ kind, /** @type {Items} */ items) => keysOf(items).map((key) => `${kind}:${key}`);
  return [...named("flag", flags), ...named("segment", segments), ...named("layer", layers)];
}

/** @param {Items} items @returns {readonly string[]} */
export function keysOf(items) {
  return Array.isArray(items) ? items : Object.keys(items);
}

/** @param {number} deep */
function depthProblem(deep) {
  return deep > DEEPEST ? `its chain of prerequisites or segments is more than ${DEEPEST} deep` : undefined;
}

/** @param {{ conditions: import("../model/index.js").Condition[] }[]} rules @returns {string[]} */
function segmentsAsked(rules) {
  return rules.flatMap((rule) =>
    rule.conditions.flatMap(({ op, values }) => (op === "inSegment" ? values.filter((value) => typeof value === "string") : [])),
  );
}

/** @param {Flag} flag @returns {string[]} */
function flagsAsked({ prerequisites, compat, rules }) {
  const conditions = compat === null ? [] : rules.flatMap((rule) => rule.conditions);
  return [
    ...prerequisites.map(({ flag }) => flag),
    ...conditions.flatMap(({ op, attribute }) => (op === "serves" && attribute !== null ? [attribute] : [])),
  ];
}

/** @param {Flag} flag @returns {string[]} */
function layersAsked({ fallthrough, staleness, rules }) {
  return [fallthrough, staleness?.serve, ...rules.map(({ serve }) => serve)].flatMap((serve) => serve?.split?.experiment?.layer ?? []);
}
