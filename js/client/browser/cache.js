/**
 * What a browser keeps between visits: the anonymous key, and the answers for the latest contexts, under names that do not tell whose they
 * are.
 * @module
 */

import { parse } from "./asking.js";
import { attempt, randomKey } from "./page.js";

/**
 * An answer, as it is kept, and told to other tabs. That of a bootstrap has no name.
 * @typedef {object} Kept
 * @property {string} [name] stands for the context
 * @property {string} [user] stands for the targeting key
 * @property {number} at when it was known to be current, in milliseconds since 1970, by this machine's clock
 * @property {string | null} [etag]
 * @property {string} [build] the application's
 * @property {any} body what the server said
 */


/**
 * Return what finds, puts, forgets a user's, clears all, and gives the anonymous key.
 * @param {any} page a `Page`, whose storage is used for as long as it has one
 * @param {string} place
 * @param {() => void} full is told when there is no room
 */
export function cacheOf(page, place, full) {
  /** @type {string} */
  let anonymous;

  /** The latest one first; none where somebody else has been at it. @returns {Kept[]} */
  const all = () => [attempt(() => parse(page.storage.getItem(place)))].flat().filter((each) => each?.body);
  const write = (/** @type {Kept[]} */ kept) => {
    try {
      // First, for it is old by now, and what is new may not fit.
      page.storage?.removeItem(place);
      page.storage?.setItem(place, JSON.stringify(kept));
    } catch {
      full();
    }
  };
  const find = (/** @type {string} */ name) => all().find((each) => each.name === name);
  /** Five contexts are kept: the latest. */
  const put = (/** @type {Kept} */ kept) => write([kept, ...all().filter(({ name }) => name !== kept.name)].slice(0, 5));
  const forget = (/** @type {string} */ user) => write(all().filter((each) => each.user !== user));
  const clear = () => {
    for (const name of [place, "pennon.anonymous", `${place}.seen`]) attempt(() => page.storage.removeItem(name));
  };
  const anonymousKey = () => {
    anonymous ||= attempt(() => page.storage.getItem("pennon.anonymous")) || randomKey(page);
    attempt(() => page.storage.setItem("pennon.anonymous", anonymous));
    return anonymous;
  };
  return /** @type {const} */ ([find, put, forget, clear, anonymousKey]);
}
