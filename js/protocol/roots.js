/**
 * Roots: SHA-256 over the sorted lines of all items of a projection. Unlike the digest, nobody can forge one.
 *
 * An item's line is `{kind}:{key}:{version}:{SHA-256 of its travelling text, 64 hex digits}`.
 * @module
 */

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").ItemKind} ItemKind */
/** @typedef {import("./items.js").Items} Items */
/** @typedef {import("./items.js").Sha256} Sha256 */
/** @typedef {import("./state.js").Reference} Reference */

/** In the order of their bytes: lines of two kinds never mix, so that each kind is sorted for itself. @type {readonly ItemKind[]} */
const KINDS = ["flag", "key", "layer", "segment"];
const CONTROL = /[\0-\x1f\x7f]/;
const SURROGATE = /[\ud800-\udfff]/;

/** The lines of a state, by kind and key. A change makes another, which shares the kinds that did not change. */
export class Lines {
  #ofKind;
  #sha256;
  /** @type {string | null | undefined} */
  #root;

  /** @param {Readonly<Partial<Record<ItemKind, ReadonlyMap<string, string>>>>} ofKind @param {Sha256} sha256 */
  constructor(ofKind, sha256) {
    this.#ofKind = ofKind;
    this.#sha256 = sha256;
  }

  /**
   * Return the lines of *items*.
   * @param {Items} items
   * @param {Sha256} sha256
   * @returns {Lines}
   */
  static of(items, sha256) {
    const lines = KINDS.map((kind) => [
      kind,
      new Map([...(items[kind]?.values() ?? [])].map((item) => [item.key, lineOf(kind, item, sha256)])),
    ]);
    return new Lines(Object.fromEntries(lines), sha256);
  }

  /**
   * Return the lines of later *items*, which differ from those that these are of in *touched* only.
   * @param {Items} items
   * @param {readonly Reference[]} touched
   * @returns {Lines}
   */
  after(items, touched) {
    /** @type {Partial<Record<ItemKind, Map<string, string>>>} */
    const edited = {};
    for (const [kind, key] of touched) {
      const lines = (edited[kind] ??= new Map(this.#ofKind[kind]));
      const item = items[kind].get(key);
      if (item === undefined) lines.delete(key);
      else lines.set(key, lineOf(kind, item, this.#sha256));
    }
    return new Lines({ ...this.#ofKind, ...edited }, this.#sha256);
  }

  /**
   * Return the root, as hex digits; null where a key is none that can be signed: it could pass for several lines.
   * @returns {string | null}
   */
  root() {
    if (this.#root === undefined) {
      const kinds = KINDS.map((kind) => this.#ofKind[kind] ?? new Map());
      const isUnfit = kinds.some((lines) => [...lines.keys()].some((key) => CONTROL.test(key)));
      this.#root = isUnfit ? null : this.#sha256(kinds.flatMap((lines) => sorted([...lines.values()])).join("\n"));
    }
    return this.#root;
  }
}

/** By its travelling text, whatever hash that claims. @param {ItemKind} kind @param {Item} item @param {Sha256} sha256 */
function lineOf(kind, item, sha256) {
  return `${kind}:${item.key}:${item.version}:${sha256(item.text)}`;
}

/** Sort *lines* by their bytes, which is by code points. @param {string[]} lines */
function sorted(lines) {
  return lines.some((line) => SURROGATE.test(line)) ? lines.sort(byCodePoints) : lines.sort();
}

/**
 * Compare by code points: UTF-16, by which JavaScript sorts, puts what is beyond U+FFFF before U+E000.
 * @param {string} one
 * @param {string} other
 * @returns {number}
 */
export function byCodePoints(one, other) {
  for (let i = 0; ; i++) {
    const [left, right] = [one.codePointAt(i), other.codePointAt(i)];
    if (left !== right) return (left ?? -1) - (right ?? -1);
    if (left === undefined) return 0;
  }
}
