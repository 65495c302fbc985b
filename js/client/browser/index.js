/**
 * Flags in a page: values that a server evaluated, at once from what is at hand, and fresh as soon as they are there.
 * @module
 */

import { webPlatform } from "../../platform/index.js";
import { Counting } from "./counting.js";
import { digest } from "./digest.js";
import { guardedFetch } from "./guarded.js";
import { webPage } from "./page.js";
import { Visit } from "./visit.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Evaluation} Evaluation */
/** @typedef {import("./values.js").Source} Source */
/** @typedef {"change" | "ready" | "status" | "warning" | "outdated" | "context"} EventName */
/**
 * @typedef {object} OwnOptions
 * @property {string} key a client key
 * @property {Context} [context] whose values; without a `targetingKey` those of an anonymous visitor
 * @property {Record<string, any>} [defaults] values by flag, which stand for a call's fallback
 * @property {"auto" | Record<string, any> | null} [bootstrap] what the page carries; `auto` looks for the element `pennon-bootstrap`
 * @property {import("./remote.js").Origin} [rules] `localRules()`: evaluate in the page
 * @property {string | ((targetingKey: string) => string | Promise<string>)} [signature] of the targeting key, where the client key wants
 *   one: your server makes it, docs/how-to/signed-targeting-keys.md
 * @property {string[]} [privateAttributes] attributes that are never stored, and never in events
 * @property {import("./page.js").Store | null} [storage] in place of localStorage; null: nothing is kept
 * @property {boolean} [consent] false: nothing is kept in the browser before `setConsent(true)`
 * @property {boolean} [keepBucketing] as in `identify`
 * @property {string} [build] which build of the application this is: what another one kept is not fresh
 * @property {boolean} [events] false: nothing is counted
 * @property {number} [timeoutMs] how long an answer may take, 10,000 unless told
 * @property {boolean} [start] whether to use the network; unless told, where there is a window
 * @property {Partial<Page>} [platform] in place of the page's own, for tests and for other platforms
 */
/** @typedef {OwnOptions & Omit<import("./guarded.js").GuardOptions, "fetch" | "tell">} Options */
/**
 * How it stands. `level` 0: streaming, 1: polling, 2: what was known last, 3: the defaults. `ageS`: for how many seconds the values have
 * not been known to be current; null where nothing says so.
 * @typedef {{ level: 0 | 1 | 2 | 3, ready: boolean, source: Source, revision: string | null, flagsVersion: string | null,
 *   ageS: number | null, problem: string | null }} Status
 */

/** On the page's element while it must not be painted yet. */
const PENDING = "data-pennon-pending";

const SECRET = "secret key";

/** The flags of one visitor. No question to it waits, and none throws. */
export class Client {
  #page;
  #options;
  #counting;
  #visit;
  #store;
  #first;
  /** @type {Map<string, Set<(event: any) => void>>} */
  #listeners = new Map();
  #warned = new Set();
  /** @type {Map<string, string>} */
  #seen = new Map();
  #closing = new AbortController();

  /**
   * @param {string} url the server's address, or an edge node's
   * @param {Options} options
   */
  constructor(url, options) {
    const { key, storage, consent = true, platform, start = typeof window === "object", privateAttributes = [] } = options;
    /** @type {Page} */
    const page = (this.#page = { ...(start ? webPage() : webPlatform()), ...platform });
    if (storage !== undefined) page.storage = storage;
    this.#store = page.storage;
    if (!consent) page.storage = null;
    this.#options = options;
    const base = url.replace(/\/+$/, "");
    const scope = digest(base + "\n" + key).slice(0, 16);
    const visit = (this.#visit = new Visit(page, base, scope, options, {
      emit: (name, event) => this.#emit(name, event),
      warn: (cause, message) => this.#warn(cause, message),
      taken: () => this.#exposeSeen(),
    }));
    const revision = () => visit.standing.values?.revision ?? null;
    this.#counting = new Counting(page, { url: `${base}/sdk/v1/events`, key, scope, revision, privateAttributes });
    /** As `fetch`; requests to critical endpoints say what the page was shown: docs/how-to/critical-requests.md. */
    this.fetch = guardedFetch(this, { ...options, fetch: page.fetch, tell: (event) => this.#emit("outdated", event) });
    if (/^pennon_(server|edge)_/.test(key)) this.#warn(SECRET, "a secret key is in this page: replace it, for it has leaked, and use a client key");
    this.#first = start ? this.#start() : Promise.resolve(false);
  }

  /** @param {string} flag @param {boolean} fallback @returns {boolean} */
  boolean(flag, fallback) {
    return this.#evaluate(flag, fallback, "boolean").value;
  }

  /** @param {string} flag @param {string} fallback @returns {string} */
  string(flag, fallback) {
    return this.#evaluate(flag, fallback, "string").value;
  }

  /** @param {string} flag @param {number} fallback @returns {number} */
  number(flag, fallback) {
    return this.#evaluate(flag, fallback, "number").value;
  }

  /** @param {string} flag @param {any} fallback an object or an array @returns {any} */
  object(flag, fallback) {
    return this.#evaluate(flag, fallback, "object").value;
  }

  /**
   * Return the whole evaluation, frozen: what the flag serves, and why.
   * @param {string} flag
   * @param {any} [fallback]
   * @returns {Evaluation}
   */
  evaluation(flag, fallback = null) {
    return this.#evaluate(flag, fallback);
  }

  /** The version of the flags that answer now, as servers name it. @returns {string | null} */
  get flagsVersion() {
    return this.#visit.standing.values?.flagsVersion ?? null;
  }

  /** The context that the application gave. @returns {Readonly<Context>} */
  get context() {
    return this.#visit.given;
  }

  /** Return the variations that were read so far, by flag: what the page shows. @returns {Record<string, string>} */
  seen() {
    return Object.fromEntries(this.#seen);
  }

  /** @returns {Status} */
  status() {
    return this.#visit.status();
  }

  /**
   * Resolve to whether the values are in: from the network, or from a bootstrap that is not past its time.
   * @param {{ timeoutMs?: number }} [how] without a bound it waits until they are
   * @returns {Promise<boolean>}
   */
  whenReady({ timeoutMs } = {}) {
    /** @type {Promise<boolean>} */
    const ready = new Promise((resolve) => this.on("ready", () => resolve(true)));
    return this.#visit.isReady ? Promise.resolve(true) : this.#within(ready, timeoutMs);
  }

  /**
   * Resolve when the page can be painted: the values to paint with are known, or the time is up. Then the attribute
   * `data-pennon-pending`, by which a page may show a skeleton until then, is taken from its root element.
   * @param {{ withinMs?: number }} [how]
   * @returns {Promise<{ source: Source }>} what it is painted with
   */
  async firstPaint({ withinMs = 300 } = {}) {
    const { standing } = this.#visit;
    if (!standing.isFresh) await this.#within(this.#first, withinMs);
    this.#page.document?.documentElement.removeAttribute(PENDING);
    return { source: standing.source };
  }

  /**
   * Change attributes of the context; null removes one. The values before stay until the new ones are in.
   * @param {Context} patch
   * @returns {Promise<boolean>} whether they are
   */
  updateContext(patch) {
    return this.#visit.turnTo({ ...this.#visit.given, ...patch });
  }

  /**
   * Go on as a user who signed in, with these attributes and no others.
   * @param {string} targetingKey
   * @param {Context} [attributes]
   * @param {{ keepBucketing?: boolean }} [how] `keepBucketing`: the anonymous key stays the targeting key, so that nobody changes sides by
   *   signing in; the user's is the attribute `userKey`
   * @returns {Promise<boolean>} whether the user's values are in
   */
  identify(targetingKey, attributes = {}, { keepBucketing = false } = {}) {
    this.#seen.clear();
    return this.#visit.turnTo({ ...attributes, targetingKey }, keepBucketing);
  }

  /**
   * Go on as an anonymous visitor, in all tabs, and forget what is kept of the user.
   * @returns {Promise<boolean>} whether the visitor's values are in
   */
  logout() {
    this.#seen.clear();
    return this.#visit.leave();
  }

  /** Keep things in the browser from now on; or remove them, and keep none. @param {boolean} isGiven */
  setConsent(isGiven) {
    if (!isGiven) this.#visit.cache.clear();
    this.#page.storage = isGiven ? this.#store : null;
    if (isGiven) this.#visit.keep();
  }

  /**
   * Ask the server anew.
   * @param {{ reason?: string }} [_why]
   * @returns {Promise<boolean>} whether the answer is in
   */
  refresh(_why) {
    return this.#visit.schedule.refresh();
  }

  /**
   * Note that something was measured of the visitor.
   * @param {string} key of the metric
   * @param {{ value?: number, by?: string }} [measured] *by*: the attribute whose value is the unit
   * @returns {boolean} whether it could be taken
   */
  track(key, measured = {}) {
    if (this.#options.events === false) return false;
    return this.#counting.tracked(key, this.#visit.context, measured, this.seen());
  }

  /** Send what was counted. @returns {Promise<boolean>} whether all of it is taken */
  flush() {
    return this.#counting.flush();
  }

  /** End: send what was counted, and use the network no more. Values answer on. */
  close() {
    this.#closing.abort();
    this.#visit.close();
    this.#counting.close();
  }

  /**
   * Listen. `change`: {keys, revision}; `ready` and `status`: the status; `warning`: {cause, message}; `context`: {context}, once its values
   * are in; `outdated`: see docs/how-to/critical-requests.md.
   * @param {EventName} name
   * @param {(event: any) => void} listener
   * @returns {() => void} stops it
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  #start() {
    const { document, window } = this.#page;
    const how = { signal: this.#closing.signal };
    const leave = () => document?.visibilityState !== "visible" && this.#counting.flush(true);
    document?.addEventListener("visibilitychange", leave, how);
    window?.addEventListener("pagehide", () => this.#counting.flush(true), how);
    return this.#visit.start();
  }

  /** @param {string} flag @param {any} fallback @param {string} [kind] @returns {Evaluation} */
  #evaluate(flag, fallback, kind) {
    const { defaults = {}, events } = this.#options;
    const { values } = this.#visit.standing;
    const caller = Object.hasOwn(defaults, flag) ? defaults[flag] : fallback;
    const evaluation = values?.find(flag, caller) ?? failed(caller, values ? "FLAG_NOT_FOUND" : "PROVIDER_NOT_READY", `there is no flag '${flag}'`);
    const { value, variation } = evaluation;
    if (variation === null) this.#seen.delete(flag);
    else this.#seen.set(flag, variation);
    if (events !== false) {
      this.#counting.evaluated(flag, evaluation);
      this.#expose(flag, evaluation);
    }
    if (!kind || value === caller || typeof value === kind) return evaluation;
    return failed(caller, "TYPE_MISMATCH", `'${flag}' is no ${kind}`);
  }

  /** @param {string} flag @param {Evaluation} evaluation */
  #expose(flag, evaluation) {
    const { values, context } = this.#visit.standing;
    const site = values?.site(flag, evaluation);
    if (site) this.#counting.exposed(flag, evaluation, site, context);
  }

  /** What was read before it was known to be an exposure, from a bootstrap. */
  #exposeSeen() {
    if (this.#options.events === false) return;
    for (const [flag, variation] of this.#seen) {
      const evaluation = this.#visit.standing.values?.find(flag, null);
      if (evaluation?.variation === variation) this.#expose(flag, evaluation);
    }
  }

  /** @param {string} cause @param {string} message said once for the same cause */
  #warn(cause, message) {
    // With a secret key nothing works, and that is all there is to say.
    if (this.#warned.has(cause) || this.#warned.has(SECRET)) return;
    this.#warned.add(cause);
    this.#page.warn(`pennon: ${message}`);
    // Later, for who listens as soon as there is a client to listen to.
    queueMicrotask(() => this.#emit("warning", { cause, message }));
  }

  /** @param {EventName} name @param {any} event */
  #emit(name, event) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(event);
      } catch (error) {
        // The boundary: what an application does with an event must not end the client's work.
        this.#page.warn(`pennon: a listener to '${name}' failed: ${error}`);
      }
    }
  }

  /** @param {Promise<boolean>} promise @param {number} [ms] @returns {Promise<boolean>} false if it is not there in time */
  #within(promise, ms) {
    let cancel = () => {};
    /** @type {Promise<boolean>} */
    const bound = new Promise((resolve) => {
      if (ms !== undefined) cancel = this.#page.later(ms, () => resolve(false));
    });
    return Promise.race([promise, bound]).finally(() => cancel());
  }
}

/**
 * @param {any} value
 * @param {import("../../engine/answers.js").ErrorCode} errorCode
 * @param {string} errorMessage
 * @returns {Evaluation}
 */
const failed = (value, errorCode, errorMessage) =>
  Object.freeze({ value, variation: null, reason: "ERROR", ruleId: null, flagVersion: null, errorCode, errorMessage });
