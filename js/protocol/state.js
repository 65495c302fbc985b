/**
 * The items of an environment, with their digest: what deltas are applied to.
 * @module
 */

import { digestText, toggle, total } from "./digest.js";
import { ITEM_KINDS } from "./items.js";

/** @typedef {import("./documents.js").Changes} Changes */
/** @typedef {import("./documents.js").Snapshot} Snapshot */
/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").ItemKind} ItemKind */
/** @typedef {import("./items.js").Items} Items */
/** @typedef {import("./items.js").Sha256} Sha256 */
/** An item by kind and key. @typedef {readonly [ItemKind, string]} Reference */

/** Items by kind and key, and their digest. A change makes a new one, which shares what did not change. */
export class State {
  /**
   * @param {Items} items
   * @param {Sha256} sha256
   * @param {import("./digest.js").Sum} [sum]
   */
  constructor(items, sha256, sum = total(items, sha256)) {
    this.items = items;
    this.sum = sum;
    this.digest = digestText(sum);
    this.sha256 = sha256;
  }

  /**
   * Return the state after *changes*, and which items really differ.
   * @param {Changes} changes
   * @returns {{ state: State, touched: Reference[] }}
   */
  after(changes) {
    const items = { ...this.items };
    const sum = this.sum.slice();
    /** @type {Reference[]} */
    const touched = [];
    for (const [kind, edits] of /** @type {[ItemKind, ReadonlyMap<string, Item | null>][]} */ (Object.entries(changes))) {
      const real = [...edits].filter(([key, item]) => differ(items[kind].get(key), item ?? undefined));
      if (real.length === 0) continue;
      const edited = new Map(items[kind]);
      for (const [key, item] of real) {
        toggle(sum, kind, edited.get(key), this.sha256);
        toggle(sum, kind, item ?? undefined, this.sha256);
        if (item === null) edited.delete(key);
        else edited.set(key, item);
        touched.push([kind, key]);
      }
      items[kind] = edited;
    }
    return { state: new State(items, this.sha256, sum), touched };
  }
}

/**
 * Return the items that differ between two snapshots.
 * @param {Items} before
 * @param {Items} after
 * @returns {Reference[]}
 */
export function difference(before, after) {
  return ITEM_KINDS.flatMap((kind) => {
    if (before[kind] === after[kind]) return [];
    const keys = new Set([...before[kind].keys(), ...after[kind].keys()]);
    const differing = [...keys].filter((key) => differ(before[kind].get(key), after[kind].get(key)));
    return differing.map((key) => /** @type {Reference} */ ([kind, key]));
  });
}

/**
 * Tell whether one is not the other, letter for letter: a damaged text may claim the hash of the sound one.
 * @param {Item | undefined} one
 * @param {Item | undefined} other
 * @returns {boolean}
 */
export function differ(one, other) {
  return one?.text !== other?.text;
}
