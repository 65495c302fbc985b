/**
 * A sample of contexts, from pages that evaluate flags themselves: no server sees whom they evaluate for.
 *
 *     new Client(url, { key, context, rules: sampled(localRules()) });
 *
 * Only where the server, or the edge node, believes client keys (`sample_requests`), and never without consent.
 * @module
 */

import { Attributes, KEY } from "../../engine/asked.js";
import { askedBy } from "../../events/sampler.js";
import { BITS, contextText, priority } from "../../events/sampling.js";
import { attempt, randomKey, webPage } from "./page.js";

/** @typedef {import("./remote.js").Origin} Origin */

const HOUR_MS = 3_600_000;

/**
 * Return *origin*, `localRules()`, with a sample: of each visitor the targeting key and what client-side rules look at, once an hour and
 * page, when the page asks for rules. Not what is private, nothing without consent, and nothing where the browser says that its user wants
 * no tracking (Global Privacy Control).
 * @param {Origin} origin
 * @param {{ share?: number, platform?: Partial<import("./page.js").Page> }} [options] `share`: of so many visitors, the same all over an
 *   hour; 1 is all of them
 * @returns {Origin}
 */
export function sampled(origin, { share = 1, platform } = {}) {
  const page = { ...webPage(), ...platform };
  const instance = randomKey(page);
  let sequence = 0;
  /** What was sent on this page. @type {Set<string>} */
  const sent = new Set();
  /** What of the context may be in no sample, as the last request had it. @type {true | string[] | undefined} */
  let hidden;
  /** The answer from the network that was not read yet. @type {any} */
  let fresh;

  /** @param {string} base @param {string} key @param {any} body @param {Record<string, any>} context */
  const offer = (base, key, body, context) => {
    if (hidden === true || /** @type {any} */ (globalThis.navigator)?.globalPrivacyControl) return;
    const now = page.now();
    const hour = Math.floor(now / HOUR_MS);
    const text = contextText(new Attributes(attributesOf(body), hidden ?? []).of(context));
    // The same visitors on each of their pages, or those with many pages would be likelier to be among them.
    if (text === null || Number(priority(hour, text)) >= share * 2 ** BITS || sent.has(`${hour} ${text}`)) return;
    sent.add(`${hour} ${text}`);
    const contexts = [{ time: now, context: JSON.parse(text) }];
    const batch = { instance, sequence: sequence++, sentAt: now, sdk: "pennon-browser-sampling", contexts };
    // Without a type it needs no preflight. What does not arrive is left out.
    const init = { method: "POST", body: new Blob([JSON.stringify(batch)]), keepalive: true };
    page.fetch(`${base}/sdk/v1/events?key=${encodeURIComponent(key)}`, init).catch(() => {});
  };

  return {
    ...origin,
    request(key, context, privately) {
      hidden = privately;
      return origin.request(key, context, privately);
    },
    prepare(body, isFresh) {
      const note = () => {
        if (isFresh) fresh = body;
      };
      const waiting = origin.prepare?.(body, isFresh);
      return waiting ? waiting.then(note) : note();
    },
    read(kept, base, context, key) {
      const values = origin.read(kept, base, context, key);
      // What was kept, or came from another tab, was another visit's, or another tab's to tell.
      const isFresh = fresh !== undefined && fresh === kept.body;
      fresh = undefined;
      // A context may hold anything, and values come before a sample of whom they are for.
      if (isFresh) page.later(0, () => attempt(() => offer(base, key, kept.body, context)));
      return values;
    },
  };
}

/** Return what the rules in *body* look at. @param {any} body @returns {Set<string>} */
function attributesOf({ flags = {}, segments = {}, layers = {} }) {
  const found = new Set([KEY]);
  for (const [kind, items] of Object.entries({ flag: flags, segment: segments, layer: layers })) {
    for (const [key, raw] of Object.entries(items)) for (const name of askedBy(kind, key, raw)) found.add(name);
  }
  return found;
}
