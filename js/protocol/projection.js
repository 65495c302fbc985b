/**
 * The client projection: the client-side flags with what they need. Segments are hashed in it, so that a browser can test its own targeting
 * key against a list but not read it. See spec/sync.md.
 * @module
 */

import { readFlag, readSegment } from "../model/index.js";
import { Item, travelling } from "./items.js";
import { memberTexts } from "./texts.js";

/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("./items.js").ItemKind} ItemKind */
/** @typedef {import("./items.js").Items} Items */
/** @typedef {import("./items.js").Sha256} Sha256 */
/** @typedef {import("./state.js").Reference} Reference */

/**
 * What is known of an item: as long as it is the same one, it is not read again.
 * @typedef {{ isClientSide: boolean, needs: readonly Reference[] | null, shown: Item | null | undefined }} Facts
 */

/** Draws the client projection of states that follow on each other. */
export class ClientProjection {
  #sha256;
  /** @type {WeakMap<Item, Facts>} */
  #facts = new WeakMap();

  /** @param {Sha256} sha256 */
  constructor(sha256) {
    this.#sha256 = sha256;
  }

  /**
   * Return the client projection of *items*, and the keys of the flags that are client-side themselves.
   * @param {Items} items
   * @returns {{ items: Items, keys: string[] }}
   */
  of(items) {
    /** @type {Record<ItemKind, Map<string, Item>>} */
    const shown = { flag: new Map(), segment: new Map(), layer: new Map(), key: new Map() };
    const keys = [...items.flag.values()].filter((item) => this.#factsOf(item).isClientSide).map(({ key }) => key);
    /** @type {Reference[]} */
    const waiting = keys.map((key) => ["flag", key]);
    const seen = new Set(waiting.map(String));
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [kind, key] = next;
      const item = items[kind].get(key);
      if (item === undefined) continue;
      const facts = this.#factsOf(item);
      if (facts.shown === undefined) facts.shown = kind === "segment" ? hashed(item, this.#sha256) : item;
      if (facts.shown !== null) shown[kind].set(key, facts.shown);
      for (const need of (facts.needs ??= needsOf(kind, item))) {
        if (seen.has(String(need))) continue;
        seen.add(String(need));
        waiting.push(need);
      }
    }
    return { items: shown, keys };
  }

  /** @param {Item} item */
  #factsOf(item) {
    let facts = this.#facts.get(item);
    if (facts === undefined) this.#facts.set(item, (facts = { isClientSide: isClientSide(item), needs: null, shown: undefined }));
    return facts;
  }
}

/**
 * Tell whether a flag says that it is client-side. What cannot be read is not. Most say nothing: their texts need no parsing.
 * @param {Item} item
 */
function isClientSide(item) {
  return /"clientSide"\s*:\s*true/.test(item.text) && /** @type {any} */ (item.value)?.clientSide === true;
}

/**
 * Return the items that *item* names: prerequisites, segments, layers. What cannot be read names none.
 * @param {ItemKind} kind
 * @param {Item} item
 * @returns {Reference[]}
 */
function needsOf(kind, item) {
  try {
    if (kind === "flag") return flagNeeds(readFlag(item.key, item.value));
    if (kind === "segment") return readSegment(item.key, item.value).rules.flatMap(({ conditions }) => segmentsIn(conditions));
  } catch {
    // Broken, and so shown as it is.
  }
  return [];
}

/** @param {import("../model/index.js").Flag} flag @returns {Reference[]} */
function flagNeeds({ prerequisites, rules, fallthrough, staleness, compat }) {
  const conditions = rules.flatMap((rule) => rule.conditions);
  const serves = [fallthrough, ...rules.map(({ serve }) => serve), ...(staleness === null ? [] : [staleness.serve])];
  const layers = serves.map(({ split }) => split?.experiment?.layer ?? null).filter((key) => key !== null);
  // What imported flags ask of other flags stands in their conditions.
  const asked =
    compat === null
      ? []
      : conditions.filter(({ op, attribute }) => op === "serves" && attribute).map(({ attribute }) => /** @type {string} */ (attribute));
  const flags = [...prerequisites.map(({ flag }) => flag), ...asked];
  return [
    ...flags.map((key) => /** @type {Reference} */ (["flag", key])),
    ...segmentsIn(conditions),
    ...layers.map((key) => /** @type {Reference} */ (["layer", key])),
  ];
}

/** @param {Condition[]} conditions @returns {Reference[]} */
function segmentsIn(conditions) {
  const named = conditions.filter(({ op }) => op === "inSegment").flatMap(({ values }) => values);
  return named.filter((value) => typeof value === "string").map((key) => ["segment", key]);
}

/**
 * Return a segment with its lists as hashes, all else as it is; null if it cannot be read.
 * @param {Item} item
 * @param {Sha256} sha256
 * @returns {Item | null}
 */
function hashed(item, sha256) {
  let segment;
  try {
    segment = readSegment(item.key, item.value);
  } catch {
    return null;
  }
  if (segment.hashed) return item;
  const { salt } = segment;
  const members = memberTexts(item.text);
  members.delete("hash");
  for (const name of /** @type {const} */ (["included", "excluded"])) {
    if (segment[name].length > 0) members.set(name, JSON.stringify(segment[name].map((key) => sha256(`${salt}.${key}`))));
  }
  members.set("hashed", "true");
  const stored = `{${[...members].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
  const text = travelling(stored, sha256);
  return new Item(item.key, text, JSON.parse(text));
}
