/**
 * Reports what was read: counters, exposures and metrics, and how many of each had no room. Not with `events/`, which bounds by bytes: a
 * page has no room for that, in its bundle.
 * @module
 */

import { attempt, randomKey } from "./page.js";

/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Found} Found */
/** @typedef {"exposures" | "metrics"} Sort */
/** @typedef {Record<Sort, object[]> & { counters: Map<string, any>, dropped: Record<Sort | "evaluations", number> }} Report */

/**
 * Of counters, exposures and metrics 500 each wait, and so many exposures are remembered. A batch says how many more there were since the
 * one before.
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
  /** What waits, if anything does. @type {Report | undefined} */
  let report;
  /** @type {Blob | undefined} */
  let waiting;
  /** @type {(() => any) | undefined} what calls the next report off */
  let timer;
  /** @type {Set<string>} */
  const seen = attempt(() => new Set(JSON.parse(/** @type {any} */ (page.storage).getItem(place)))) ?? new Set();
  let sequence = 0;

  const wake = () => {
    timer ??= page.later(10_000, flush);
    return false;
  };
  /** @returns {Report} */
  const opened = () => {
    wake();
    return (report ??= { counters: new Map(), exposures: [], metrics: [], dropped: { evaluations: 0, exposures: 0, metrics: 0 } });
  };

  /**
   * @param {Sort} sort
   * @param {Context} context
   * @param {string} name
   * @param {{ by: string } & Record<string, any>} entry
   * @returns {boolean} whether it is taken. Who has no unit, or a private one, is nobody that could be missed
   */
  const add = (sort, context, name, entry) => {
    const { by } = entry;
    // As the server finds it, apart from names with an escaped slash or tilde in a pointer: such units are left out.
    const path = by[0] === "/" ? by.slice(1).split("/") : [by];
    const unit = privateAttributes?.includes(path[0])
      ? undefined
      : path.reduce((inner, step) => inner?.[step], /** @type {any} */ (context));
    if (unit == null) return false;
    const all = opened();
    // One entry that a server refuses would cost the whole batch.
    const isTaken = all[sort].length < 500 && [name, unit].every((text) => /^[^\0\ud800-\udfff]{1,256}$/u.test(text));
    if (isTaken) all[sort].push({ time: page.now(), unit: unit + "", ...entry });
    else all.dropped[sort]++;
    return isTaken;
  };

  /** Whether this browser has not seen it within the hour. @param {string} what */
  const isNew = (what) => {
    const entry = ((page.now() / 3_600_000) | 0) + what;
    if (seen.has(entry)) return false;
    seen.add(entry);
    attempt(() => /** @type {any} */ (page.storage).setItem(place, JSON.stringify([...seen].slice(-500))));
    return true;
  };

  /** @param {boolean} [isLeaving] the page may end at any moment @returns {Promise<boolean>} whether nothing is left */
  const flush = async (isLeaving) => {
    timer = timer?.();
    if (!waiting && report) {
      const { revision } = visit.status();
      const head = { instance, sentAt: page.now(), sdk: "pennon-browser/0.1.0", revision };
      // A blob without a type is sent without one, which needs no preflight.
      waiting = new Blob([JSON.stringify({ sequence: sequence++, ...head, ...report, counters: [...report.counters.values()] })]);
      report = undefined;
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
    if (!isCounted) {
      const { counters, dropped } = opened();
      const to = page.now();
      const { count = 0, from = to } = counters.get(name) ?? {};
      if (count || counters.size < 500) counters.set(name, { ...one, count: count + 1, from, to });
      else dropped.evaluations++;
    }
    if (by && isNew(`${flag} ${variation} ${visit.name}`)) {
      add("exposures", visit.shown, flag, { flag, version, variation, ruleId, experiment, by });
    }
  };

  /** @param {string} name @param {{ value?: number, by?: string }} [measured] @param {Record<string, string>} [variations] */
  const tracked = (name, { value = 1, by = "targetingKey" } = {}, variations) =>
    Number.isFinite(value) && add("metrics", visit.context, name, { key: name, by, value, variations });
  const close = () => {
    flush(true);
    // What cannot be sent now is lost with the page; nothing is planned any more, also when a part of it was sent.
    timer = () => timer;
  };
  return /** @type {const} */ ([noted, tracked, flush, close]);
}
