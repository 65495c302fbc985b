/**
 * What a browser keeps between visits: the anonymous key, and the values of the latest contexts under hashed names.
 * @module
 */

import { attempt } from "./page.js";

/**
 * An answer as it is kept, and told to other tabs.
 * @typedef {object} Kept
 * @property {string} name the hash of whose it is
 * @property {string} user the hash of the targeting key
 * @property {number} at when it was known to be current, in milliseconds since 1970, by this machine's clock
 * @property {string | null} etag
 * @property {string} [build] the application's
 * @property {any} body what the server answered
 */

/** So many contexts are kept. */
const MOST = 5;
/** The shape of what is kept: another one is not read. */
const SCHEMA = 1;
const ANONYMOUS = "pennon.anonymous";
/** Before the scope, what was exposed within the hour. */
export const SEEN = "pennon.seen.";

/**
 * Parse JSON. What it gives cannot be changed, for many share it.
 * @param {string} text
 * @returns {any}
 */
export const parse = (text) => JSON.parse(text, (_, value) => Object.freeze(value));

/** The cache of one environment and key. Without a store it keeps nothing but the anonymous key, for as long as it lives. */
export class Cache {
  #anonymous = "";

  /**
   * @param {import("./page.js").Page} page whose store is used, while it has one
   * @param {string} scope
   * @param {() => void} full is told when there is no room
   */
  constructor(page, scope, full) {
    this.page = page;
    this.scope = scope;
    this.name = `pennon.${SCHEMA}.${scope}`;
    this.full = full;
  }

  /** @returns {Kept[]} the latest one first; none where somebody else has been at it */
  #all() {
    const read = attempt(() => parse(this.page.storage?.getItem(this.name) ?? "[]"));
    return Array.isArray(read) ? read.filter((each) => each?.body) : [];
  }

  /** @param {Kept[]} all */
  #write(all) {
    attempt(() => (all[0] ? this.page.storage?.setItem(this.name, JSON.stringify(all)) : this.page.storage?.removeItem(this.name)) ?? 1) ||
      // Room may be made by letting go of the others; what is there may be old, and is let go of in any case.
      (attempt(() => this.page.storage?.removeItem(this.name)), all[1] ? this.#write([all[0]]) : this.full());
  }

  /** @param {string} name @returns {Kept | undefined} */
  find(name) {
    return this.#all().find((each) => each.name === name);
  }

  /** @param {Kept} kept */
  put(kept) {
    this.#write([kept, ...this.#all().filter((each) => each.name !== kept.name)].slice(0, MOST));
  }

  /** Forget a user. @param {string} user */
  forget(user) {
    this.#write(this.#all().filter((each) => each.user !== user));
  }

  /** A key for who has none: the same on each visit, where it may be kept. */
  get anonymousKey() {
    this.#anonymous ||= attempt(() => this.page.storage?.getItem(ANONYMOUS)) || [...this.#bytes()].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    attempt(() => this.page.storage?.setItem(ANONYMOUS, this.#anonymous));
    return this.#anonymous;
  }

  /** It is no secret: where the platform has no better chance, as in React Native, the page's will do. */
  #bytes() {
    return attempt(() => crypto.getRandomValues(new Uint8Array(16))) ?? Uint8Array.from({ length: 16 }, () => this.page.random() * 256);
  }

  /** Remove all that is kept, of all users. */
  clear() {
    for (const name of [this.name, ANONYMOUS, SEEN + this.scope]) attempt(() => this.page.storage?.removeItem(name));
  }
}
