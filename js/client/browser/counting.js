/**
 * Reports what was read: counters, exposures and metrics. Not with `events/`, which bounds by bytes and owns up to what it drops: a page
 * has no room for that, in its bundle.
 * @module
 */

import { attempt, randomKey } from "./page.js";

/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Found} Found */


/**
 * Of counters, exposures and metrics 500 each wait, and so many exposures are remembered.
 *
 * Return what notes an evaluation, notes a metric, sends, and ends.
 * @param {import("./page.js").Page} page
 * @param {string} base the server's address
 * @param {string} key
 * @param {string} place in the storage, for what was exposed within the hour
 * @param {import("./visit.js").Visit} visit
 * @param {string[]} [privateAttributes]
 */
export function countingOf(page, base, key, place, visit, privateAttributes) {
  // The key is in the URL, for a beacon has no headers; so it needs no preflight either.
  const address = `${base}/sdk/v1/events?key=${encodeURIComponent(key)}`;
  const instance = randomKey(page);
  /** @type {Map<string, any>} */
  let counters;
  /** @type {object[]} */
  let exposures;
  /** @type {object[]} */
  let metrics;
  /** @type {Blob | undefined} */
  let waiting;
  /** @type {(() => any) | undefined} what calls the next report off */
  let timer;
  /** @type {Set<string>} */
  const seen = attempt(() => new Set(JSON.parse(/** @type {any} */ (page.storage).getItem(place)))) ?? new Set();
  let sequence = 0;

  const begin = () => {
    counters = new Map();
    exposures = [];
    metrics = [];
  };
  const wake = () => {
    timer ??= page.later(10_000, flush);
    return false;
  };

  /**
   * @param {object[]} list
   * @param {Context} context
   * @param {string} name
   * @param {{ by: string } & Record<string, any>} entry
   * @returns {boolean} whether it is taken
   */
  const add = (list, context, name, entry) => {
    const { by } = entry;
    // As the server finds it, apart from names with an escaped slash or tilde in a pointer: such units are left out.
    const path = by[0] === "/" ? by.slice(1).split("/") : [by];
    const unit = privateAttributes?.includes(path[0])
      ? undefined
      : path.reduce((inner, step) => inner?.[step], /** @type {any} */ (context));
    // One entry that a server refuses would cost the whole batch.
    const isTaken = list.length < 500 && [name, unit ?? ""].every((text) => /^[^\0\ud800-\udfff]{1,256}$/u.test(text));
    if (isTaken) list.push({ time: page.now(), unit: String(unit), ...entry });
    wake();
    return isTaken;
  };

  /** Whether this browser has not seen it within the hour. @param {string} what */
  const isNew = (what) => {
    const entry = `${Math.floor(page.now() / 3_600_000)} ${what}`;
    if (seen.has(entry)) return false;
    seen.add(entry);
    attempt(() => /** @type {any} */ (page.storage).setItem(place, JSON.stringify([...seen].slice(-500))));
    return true;
  };

  /** @param {boolean} [isLeaving] the page may end at any moment @returns {Promise<boolean>} whether nothing is left */
  const flush = async (isLeaving) => {
    timer = timer?.();
    if (!waiting && counters.size + exposures.length + metrics.length) {
      const { revision } = visit.status();
      const report = { instance, sequence: sequence++, sentAt: page.now(), sdk: "pennon-browser/0.1.0", revision, exposures, metrics };
      // A blob without a type is sent without one, which needs no preflight.
      waiting = new Blob([JSON.stringify({ ...report, counters: [...counters.values()] })]);
      begin();
    }
    const body = waiting;
    if (!body) return true;
    const isTaken =
      (isLeaving && page.beacon?.(address, body)) ||
      (await page.fetch(address, { method: "POST", body, keepalive: isLeaving }).then(
        ({ status }) => status !== 429 && status < 500,
        () => false,
      ));
    if (!isTaken) return wake();
    if (waiting === body) waiting = undefined;
    return flush(isLeaving);
  };

  /**
   * Count an evaluation, and note it if it is an exposure. *isCounted*: only the latter.
   * @param {string} flag
   * @param {Found} found
   * @param {boolean} [isCounted]
   */
  const noted = (flag, [{ variation, reason, ruleId, flagVersion: version }, by, experiment], isCounted) => {
    const one = { flag, version, variation, reason };
    const name = JSON.stringify(one);
    const to = page.now();
    const { count = 0, from = to } = counters.get(name) ?? {};
    if (!isCounted) {
      if (count || counters.size < 500) counters.set(name, { ...one, count: count + 1, from, to });
      wake();
    }
    if (by && isNew(`${flag} ${variation} ${visit.name}`)) {
      add(exposures, visit.shown, flag, { flag, version, variation, ruleId, experiment, by });
    }
  };

  /** @param {string} name @param {{ value?: number, by?: string }} [measured] @param {Record<string, string>} [variations] */
  const tracked = (name, { value = 1, by = "targetingKey" } = {}, variations) =>
    Number.isFinite(value) && add(metrics, visit.context, name, { key: name, by, value, variations });
  const close = () => {
    flush(true);
    // What cannot be sent now is lost with the page; nothing is planned any more, also when a part of it was sent.
    timer = () => timer;
  };
  begin();
  return /** @type {const} */ ([noted, tracked, flush, close]);
}
