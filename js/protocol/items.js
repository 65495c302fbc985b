/**
 * Items: flags, segments, layers and key records as they travel, text and all.
 *
 * The text of an item starts with `{"hash":"` and 16 hex digits of the SHA-256 of the text without that member.
 * @module
 */

/** @typedef {"flag" | "segment" | "layer" | "key"} ItemKind */
/** Returns the SHA-256 of a text's UTF-8 as 64 hex digits. @typedef {(text: string) => string} Sha256 */
/** The items of an environment, by kind and key. @typedef {Readonly<Record<ItemKind, ReadonlyMap<string, Item>>>} Items */

/** @type {readonly ItemKind[]} */
export const ITEM_KINDS = ["flag", "segment", "layer", "key"];

const HASH_START = '{"hash":"';
const HASH_DIGITS = 16;
const STORED_FROM = HASH_START.length + HASH_DIGITS + 2;

/** A flag, segment, layer or key record: its key, its head, and its text as it travels. */
export class Item {
  /**
   * @param {string} key
   * @param {string} text
   * @param {unknown} value what `JSON.parse` gives for *text*; it is read, and not kept
   */
  constructor(key, text, value) {
    const { version = 1, changedAt = 0, hash = "" } = /** @type {Record<string, unknown>} */ (isObject(value) ? value : { version: null });
    const isRead = Number.isInteger(version) && Number.isInteger(changedAt) && typeof hash === "string";
    this.key = key;
    this.text = text;
    this.version = isRead ? /** @type {number} */ (version) : 0;
    this.changedAt = isRead ? /** @type {number} */ (changedAt) : 0;
    /** Empty: the item claims none. */
    this.hash = isRead ? /** @type {string} */ (hash) : "";
  }

  /** What the text says, parsed each time: rules are compiled once, and keep what they need. */
  get value() {
    return JSON.parse(this.text);
  }

  /**
   * Return the hash that counts: the one that the item claims if that is right, else that of its whole text.
   * @param {Sha256} sha256
   * @returns {string}
   */
  soundHash(sha256) {
    const stored = this.text.startsWith(HASH_START) ? `{${this.text.slice(STORED_FROM)}` : this.text;
    const isIntact = textHash(stored, sha256) === this.hash;
    return isIntact ? this.hash : textHash(this.text, sha256);
  }
}

/**
 * Return the hash of an item whose text, without its hash member, is *stored*: 16 hex digits.
 * @param {string} stored
 * @param {Sha256} sha256
 * @returns {string}
 */
export function textHash(stored, sha256) {
  return sha256(stored).slice(0, HASH_DIGITS);
}

/**
 * Return *stored* as it travels: with its hash put first.
 * @param {string} stored
 * @param {Sha256} sha256
 * @returns {string}
 */
export function travelling(stored, sha256) {
  return `${HASH_START}${textHash(stored, sha256)}",${stored.slice(1)}`;
}

/**
 * Return *items* as an object that parses each when it is looked at: what the engine reads.
 * @param {ReadonlyMap<string, Item>} items
 * @returns {Record<string, unknown>}
 */
export function asRecord(items) {
  /** @param {string | symbol} key */
  const find = (key) => (typeof key === "string" ? items.get(key) : undefined);
  return new Proxy(/** @type {Record<string, unknown>} */ ({}), {
    get: (_, key) => find(key)?.value,
    has: (_, key) => find(key) !== undefined,
    ownKeys: () => [...items.keys()],
    getOwnPropertyDescriptor: (_, key) => {
      const item = find(key);
      return item && { get: () => item.value, enumerable: true, configurable: true };
    },
    set: () => false,
    deleteProperty: () => false,
    defineProperty: () => false,
  });
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
