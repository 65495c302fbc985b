/**
 * What each item needs, through all that it needs. Rings and chains that are too deep are found here.
 * @module
 */

import { readFlag, readSegment } from "../model/index.js";

/** @typedef {import("../model/index.js").Snapshot} Snapshot */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Segment} Segment */

/**
 * What one item needs: `asked` counts how often it asks others directly, `everything` has the names of all that matter
 * to it, layers too. `problem` says why it cannot be evaluated; a `ring` is also one of all that need it.
 * @typedef {{ asked: number, everything: ReadonlySet<string>, deep: number, problem?: string, ring?: string }} Link
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

/**
 * Items by what they are: the keys count. A delta is one.
 * @typedef {{ flags?: Items, segments?: Items, layers?: Items }} Touched
 * @typedef {Readonly<Record<string, unknown>> | readonly string[]} Items by their keys, or just these
 */

/** Finds the links of a snapshot's items, when they are asked for; `after` carries them over to a later snapshot. */
export class Links {
  #snapshot;
  #known;
  #users;
  /** Whether the users of everything are known. */
  #isWhole = false;

  /**
   * @param {Snapshot} snapshot
   * @param {Map<string, Link>} known
   * @param {Map<string, Set<string>>} users grows only, and is shared with later snapshots: an item too many is compiled again for nothing
   */
  constructor(snapshot, known = new Map(), users = new Map()) {
    this.#snapshot = snapshot;
    this.#known = known;
    this.#users = users;
  }

  /**
   * Return the links of *snapshot*, which differs in *touched* only, and the names of all items that may differ now.
   * @param {Snapshot} snapshot
   * @param {Touched} touched
   * @returns {[Links, Set<string>]}
   */
  after(snapshot, touched) {
    const affected = this.#affected(touched);
    const known = new Map(this.#known);
    for (const name of affected) known.delete(name);
    const links = new Links(snapshot, known, this.#users);
    if (this.#isWhole) links.#linkAll([...affected].filter((name) => name.startsWith("flag:")).map((name) => name.slice(5)));
    return [links, affected];
  }

  /**
   * Return the flags that may answer differently where *touched* differ: those among them, and who needs them. The first
   * time all flags are read; later, also of what `after` returns, what is touched only.
   * @param {Touched} touched
   * @returns {string[]}
   */
  using(touched) {
    if (!this.#isWhole) this.#linkAll(Object.keys(this.#snapshot.flags ?? {}));
    const names = namesOf(touched);
    const users = names.flatMap((name) => [...(this.#users.get(name) ?? [])].filter((user) => user.startsWith("flag:")));
    const isUsing = users.map((user) => user.slice(5)).filter((key) => names.some((name) => this.ofFlag(key).everything.has(name)));
    return [...new Set([...keysOf(touched.flags ?? []), ...isUsing])];
  }

  /** @param {readonly string[]} flags */
  #linkAll(flags) {
    for (const key of flags) this.ofFlag(key);
    this.#isWhole = true;
  }

  /** @param {Touched} touched */
  #affected(touched) {
    return new Set(namesOf(touched).flatMap((name) => [name, ...(this.#users.get(name) ?? [])]));
  }

  /**
   * Return what a flag needs. One that is not there, or cannot be read, needs nothing.
   * @param {string} key
   * @param {Flag} [flag]
   * @returns {Link}
   */
  ofFlag(key, flag) {
    try {
      return this.#link("flag", key, [], flag);
    } catch (error) {
      if (!(error instanceof TooDeep)) throw error;
      const problem = depthProblem("flag", DEEPEST + 1);
      return this.#noted(`flag:${key}`, { ...ALONE, everything: new Set(error.path), deep: DEEPEST + 1, problem }, false);
    }
  }

  /**
   * Tell whether something is needed by two ways, so that its answer is worth remembering.
   * @param {Link} link
   */
  isShared(link) {
    let { asked } = link;
    let items = 0;
    for (const name of link.everything) {
      asked += this.#known.get(name)?.asked ?? 0;
      if (!name.startsWith("layer:")) items++;
    }
    return asked > items;
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
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (path.includes(name)) {
      const ring = [...path.slice(path.indexOf(name)), name];
      return { ...ALONE, everything: new Set(ring), ring: ring.map((each) => each.slice(each.indexOf(":") + 1)).join(" → ") };
    }
    if (path.length > DEEPEST - (kind === "segment" ? 1 : 0)) throw new TooDeep([...path, name]);
    const link = kind === "flag" ? this.#flagLink(key, [...path, name], given) : this.#segmentLink(key, [...path, name]);
    return this.#noted(name, link, path.length > 0 || kind === "segment");
  }

  /**
   * Note whom a change of what *link* has reaches. A flag that nobody needs is asked about once: its link is not kept.
   * @param {string} name
   * @param {Link} link
   * @param {boolean} isAskedAgain
   */
  #noted(name, link, isAskedAgain) {
    for (const needed of link.everything) {
      const users = this.#users.get(needed);
      if (users === undefined) this.#users.set(needed, new Set([name]));
      else users.add(name);
    }
    if (isAskedAgain) this.#known.set(name, link);
    return link;
  }

  /** @param {string} key @param {string[]} path @param {Flag} [given] @returns {Link} */
  #flagLink(key, path, given) {
    const flag = given ?? attempt(() => readFlag(key, own(this.#snapshot.flags, key)));
    if (flag === undefined) return ALONE;
    const segments = segmentsAsked(flag.rules);
    const flags = flagsAsked(flag);
    const layers = layersAsked(flag);
    if (segments.length + flags.length + layers.length === 0) return ALONE;
    const lists = [...new Set(segments)].map((each) => this.#memberLink(each));
    const needed = [...new Set(flags)].map((each) => this.#link("flag", each, path));
    const deep = Math.max(0, ...needed.map((child) => 1 + child.deep));
    const ring = [...lists, ...needed].find((child) => child.ring)?.ring;
    const broken = lists.find((child) => child.problem)?.problem;
    return {
      asked: segments.length + flags.length,
      everything: everything(namesOf({ flags, segments, layers }), [...lists, ...needed]),
      deep,
      problem: ringProblem(ring) ?? broken ?? depthProblem("flag", deep),
      ring,
    };
  }

  /** @param {string} key @param {string[]} path @returns {Link} */
  #segmentLink(key, path) {
    const segment = attempt(() => readSegment(key, own(this.#snapshot.segments, key)));
    if (segment === undefined) return ALONE;
    const asked = segmentsAsked(segment.rules);
    const below = [...new Set(asked)].map((each) => this.#link("segment", each, path));
    const deep = 1 + Math.max(0, ...below.map((child) => child.deep));
    const ring = below.find((child) => child.ring)?.ring;
    const problem = ringProblem(ring) ?? depthProblem("segment", deep);
    return { asked: asked.length, everything: everything(named("segment", asked), below), deep, problem, ring };
  }

  /** @param {string} segment @returns {Link} */
  #memberLink(segment) {
    try {
      return this.#link("segment", segment, []);
    } catch (error) {
      if (!(error instanceof TooDeep)) throw error;
      const problem = depthProblem("segment", DEEPEST + 1);
      return this.#noted(`segment:${segment}`, { ...ALONE, everything: new Set(error.path), deep: DEEPEST + 1, problem }, true);
    }
  }
}

/**
 * Return what is under *key* itself, not what every object inherits.
 * @param {Record<string, unknown> | undefined} items
 * @param {string} key
 */
export function own(items, key) {
  return items !== undefined && Object.hasOwn(items, key) ? items[key] : undefined;
}

/** @template T @param {() => T} read */
function attempt(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** @param {Touched} touched @returns {string[]} */
function namesOf({ flags = [], segments = [], layers = [] }) {
  return [...named("flag", flags), ...named("segment", segments), ...named("layer", layers)];
}

/** @param {string} kind @param {Items} items */
function named(kind, items) {
  return keysOf(items).map((key) => `${kind}:${key}`);
}

/** @param {Items} items @returns {readonly string[]} */
function keysOf(items) {
  return Array.isArray(items) ? items : Object.keys(items);
}

/** @param {string[]} direct @param {Link[]} below */
function everything(direct, below) {
  const found = new Set(direct);
  for (const link of below) for (const name of link.everything) found.add(name);
  return found;
}

/** @param {string | undefined} ring */
function ringProblem(ring) {
  return ring === undefined ? undefined : `it needs itself, or what does: ${ring}`;
}

/** @param {"flag" | "segment"} kind @param {number} deep */
function depthProblem(kind, deep) {
  if (deep <= DEEPEST) return undefined;
  return `its chain of ${kind === "flag" ? "prerequisites" : "segments"} is more than ${DEEPEST} deep`;
}

/** @param {{ conditions: import("../model/index.js").Condition[] }[]} rules @returns {string[]} */
function segmentsAsked(rules) {
  const asking = rules.flatMap((rule) => rule.conditions).filter((condition) => condition.op === "inSegment");
  return asking.flatMap((condition) => condition.values).filter((value) => typeof value === "string");
}

/** @param {Flag} flag @returns {string[]} */
function flagsAsked(flag) {
  const required = flag.prerequisites.map((prerequisite) => prerequisite.flag);
  if (flag.compat === null) return required;
  const serving = flag.rules.flatMap((rule) => rule.conditions).filter((condition) => condition.op === "serves");
  return [...required, ...serving.flatMap((condition) => (condition.attribute === null ? [] : [condition.attribute]))];
}

/** @param {Flag} flag @returns {string[]} */
function layersAsked(flag) {
  const serves = [flag.fallthrough, flag.staleness?.serve, ...flag.rules.map((rule) => rule.serve)];
  return serves.flatMap((serve) => serve?.split?.experiment?.layer ?? []);
}
