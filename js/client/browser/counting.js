/**
 * Reports what was read: counters, exposures and metrics, in batches that count once however often they are sent.
 * @module
 */

import { attributeReader } from "../../engine/attributes.js";
import { Recorder } from "../../events/index.js";
import { SEEN } from "./cache.js";
import { digest } from "./digest.js";
import { attempt } from "./page.js";

/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Evaluation} Evaluation */
/** @typedef {import("./values.js").Site} Site */

const HOUR_MS = 3_600_000;
const EVERY_MS = 10_000;
/** So many batches wait to be taken, and so many exposures of an hour are remembered. */
const MOST_BATCHES = 5;
const MOST_SEEN = 1000;
const SDK = "pennon-browser/0.1.0";
/** What a browser sends of a page that is left is at most 64 KiB, and a character has up to three bytes. */
const LIMITS = { characters: 20_000 };

/** Counts for one page. */
export class Counting {
  #recorder = new Recorder({ limits: LIMITS });
  #instance = "";
  #sequence = 0;
  /** @type {{ text: string, batch: import("../../events/index.js").Batch }[]} */
  #waiting = [];
  /** @type {(() => void) | null} */
  #timer = null;
  /** @type {Promise<boolean> | null} */
  #sending = null;
  #hour = 0;
  /** What was seen by this page, and what by all pages of this browser. */
  #quick = new Set();
  /** @type {string[]} */
  #seen = [];

  /**
   * @param {import("./page.js").Page} page
   * @param {{ url: string, key: string, scope: string, revision: () => string | null, privateAttributes: string[] }} how
   */
  constructor(page, how) {
    this.page = page;
    this.how = how;
  }

  /** @param {string} flag @param {Evaluation} evaluation */
  evaluated(flag, evaluation) {
    this.#recorder.evaluated(flag, evaluation, this.page.now());
    this.#wake();
  }

  /**
   * Note that whose *context* it is saw what was evaluated: once an hour.
   * @param {string} flag
   * @param {Evaluation} evaluation
   * @param {Site} site
   * @param {Context} context
   */
  exposed(flag, { variation, flagVersion, ruleId }, { by, experiment }, context) {
    const unit = this.#unitOf(context, by);
    if (unit === null || variation === null || !this.#isNew(`${by}\0${unit}\0${flag}\0${variation}`)) return;
    const exposure = { flag, version: flagVersion, variation, ruleId, experiment, by, unit, revision: this.how.revision() };
    this.#recorder.exposed(exposure, this.page.now());
    this.#wake();
  }

  /**
   * @param {string} key
   * @param {Context} context
   * @param {{ value?: number, by?: string }} measured
   * @param {Record<string, string>} variations
   * @returns {boolean} whether it could be taken
   */
  tracked(key, context, { value = 1, by = "targetingKey" }, variations) {
    const isTaken = this.#recorder.tracked(key, { by, unit: this.#unitOf(context, by) ?? "", value, variations }, this.page.now());
    this.#wake();
    return isTaken;
  }

  /**
   * Send what there is. Resolves to whether nothing is left.
   * @param {boolean} [isLeaving] the page may end at any moment
   * @returns {Promise<boolean>}
   */
  flush(isLeaving) {
    while (this.#waiting.length < MOST_BATCHES && this.#cut());
    if (!isLeaving) return (this.#sending ??= this.#send().finally(() => (this.#sending = null)));
    for (const { text } of this.#waiting) this.#post(text);
    return Promise.resolve(false);
  }

  /** Forget what waits, and whoever was seen. */
  close() {
    this.#timer?.();
    this.#timer = () => {};
  }

  #wake() {
    this.#timer ??= this.page.later(EVERY_MS, () => {
      this.#timer = null;
      this.flush();
    });
  }

  #cut() {
    const { page, how } = this;
    const batch = this.#recorder.take(page.now());
    if (!batch) return false;
    this.#instance ||= String(page.random()).slice(2) + page.now();
    const head = { instance: this.#instance, sequence: this.#sequence++, sentAt: page.now(), sdk: SDK, revision: how.revision() ?? undefined };
    this.#waiting.push({ batch, text: JSON.stringify({ ...head, ...batch }) });
    return true;
  }

  async #send() {
    while (this.#waiting[0]) {
      const [first] = this.#waiting;
      const { page, how } = this;
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${how.key}` };
      const { status } = await page.fetch(how.url, { method: "POST", headers, body: first.text }).catch(() => ({ status: 0 }));
      if (!status || status === 429 || status > 499) {
        this.#wake();
        return false;
      }
      if (status > 299) this.#recorder.lost(first.batch);
      // It is too far behind its instance's newest: another instance begins.
      if (status === 409) this.#instance = "";
      this.#waiting = this.#waiting.filter((each) => each !== first);
    }
    return true;
  }

  /** Send as the page is left. It stays in the queue: if the page comes back, it is sent again, and counts once. @param {string} text */
  #post(text) {
    const { page, how } = this;
    // The key is in the URL, for a beacon has no headers, and needs no preflight.
    const url = `${how.url}?key=${encodeURIComponent(how.key)}`;
    const body = new TextEncoder().encode(text);
    if (!page.beacon?.(url, body)) page.fetch(url, { method: "POST", keepalive: true, body }).catch(() => {});
  }

  /** @param {string} what */
  #isNew(what) {
    const { page, how } = this;
    const hour = Math.floor(page.now() / HOUR_MS);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#quick.clear();
    }
    if (this.#quick.has(what)) return false;
    if (this.#quick.size < MOST_SEEN) this.#quick.add(what);
    const place = SEEN + how.scope;
    const kept = attempt(() => JSON.parse(page.storage?.getItem(place) ?? "")) ?? [];
    const seen = kept[0] === hour && kept.length <= MOST_SEEN ? kept : [hour];
    const name = digest(place + what).slice(0, 16);
    if (seen.includes(name)) return false;
    attempt(() => page.storage?.setItem(place, JSON.stringify([...seen, name])));
    return true;
  }

  /**
   * Return the unit of a context: the text, or the integer, that an attribute or a pointer to one names. None that is private.
   * @param {Context} context
   * @param {string} by
   */
  #unitOf(context, by) {
    const found = this.how.privateAttributes.includes(by.split("/")[by[0] === "/" ? 1 : 0]) ? null : attributeReader(by)(context);
    return typeof found === "string" || Number.isSafeInteger(found) ? String(found) : null;
  }
}
