/**
 * One visitor's values in one tab: whose they are, where they come from, and how they stay fresh.
 * @module
 */

import { ask } from "./asking.js";
import { Cache, parse } from "./cache.js";
import { digest } from "./digest.js";
import { Notices } from "./notices.js";
import { attempt } from "./page.js";
import { remote } from "./remote.js";
import { isHidden, Schedule } from "./schedule.js";
import { Standing } from "./standing.js";
import { Tabs } from "./tabs.js";
import { readValues } from "./values.js";

/** @typedef {import("./cache.js").Kept} Kept */
/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Source} Source */

/** A hidden tab keeps the stream for so long. */
const REST_MS = 120_000;
/** Tabs with the same context wait so long for the leader's answer, and the leader for a server that lags behind its notice. */
const OTHERS_MS = 5000;
const ELEMENT = "pennon-bootstrap";

/** Keeps `standing` what it should be. */
export class Visit {
  isReady = false;
  /** @type {string | null} */
  problem = null;
  /** What the application gave, and what is evaluated for it. */
  given = /** @type {Context} */ ({});
  context = /** @type {Context} */ ({});
  /** What stands for the context, in memory and in the store, and for its user. */
  #whose = "";
  #name = "";
  #user = "";
  #isAnonymous = true;
  #keepsBucketing = false;
  #leads = false;
  #isStreaming = false;
  /** The revision that a notice told of. */
  #expected = 0;
  #told = "";
  #closing = new AbortController();
  #cancelRest = () => {};
  /** The last context whose values were said to be in. @type {Context | null} */
  #toldOf = null;

  /**
   * @param {import("./page.js").Page} page
   * @param {string} url
   * @param {string} scope what stands for the URL and the key
   * @param {import("./index.js").Options} options
   * @param {{ emit: (name: import("./index.js").EventName, event: any) => void, warn: (cause: string, message: string) => void, taken: () => void }} told
   */
  constructor(page, url, scope, options, told) {
    this.page = page;
    this.url = url;
    this.scope = scope;
    this.options = options;
    this.told = told;
    this.origin = options.rules ?? remote;
    this.standing = new Standing(page);
    this.cache = new Cache(page, scope, () => told.warn("storage", "the browser's storage is full: the next visit begins without values"));
    this.tabs = new Tabs(page, `pennon.tabs.${scope}`, { heard: (message) => this.#heard(message), lead: (leads) => this.#lead(leads) });
    this.notices = new Notices(page.EventSource, {
      live: (isLive) => this.#streams(isLive, this.#leads),
      changed: (etag, isFirst) => this.#changed(etag, isFirst),
      ended: () => this.schedule.backOff(),
    });
    this.schedule = new Schedule(page, {
      timeoutMs: options.timeoutMs,
      whose: () => this.#whose,
      load: (signal, isWanted) => this.#load(signal, isWanted),
      failed: (trouble) => {
        this.problem = trouble.message;
        if (!trouble.isPassing) told.warn(trouble.cause, trouble.message);
        this.#tell();
      },
    });
    this.#turn(options.context ?? {}, !!options.keepBucketing);
    this.#boot();
  }

  /** @returns {import("./index.js").Status} */
  status() {
    const { standing, problem, isReady: ready } = this;
    const { values, source, ageS } = standing;
    const level = !values ? 3 : problem || !ready ? 2 : this.#isStreaming ? 0 : 1;
    return { level, ready, source, revision: values?.revision ?? null, flagsVersion: values?.flagsVersion ?? null, ageS, problem };
  }

  /** Go to the network. @returns {Promise<boolean>} whether the first answer is in */
  start() {
    const { page, tabs, schedule } = this;
    const how = { signal: this.#closing.signal };
    const show = () => (this.#cancelRest(), tabs.compete(), schedule.wake());
    const hide = () => (this.#cancelRest = page.later(REST_MS, () => tabs.rest()));
    page.document?.addEventListener("visibilitychange", () => (isHidden(page) ? hide() : show()), how);
    page.window?.addEventListener("online", () => schedule.wake(), how);
    // A page with a stream or a lock is not kept for the way back.
    page.window?.addEventListener("pagehide", () => tabs.rest(), how);
    page.window?.addEventListener("pageshow", () => isHidden(page) || show(), how);
    if (!isHidden(page)) tabs.compete();
    tabs.say({ hello: 1 });
    return schedule.refresh();
  }

  /**
   * Evaluate for another context. The values before stay until the new ones are in, unless they are another known user's.
   * @param {Context} given
   * @param {boolean} [keepsBucketing]
   * @returns {Promise<boolean>} whether its values are in
   */
  turnTo(given, keepsBucketing = this.#keepsBucketing) {
    const { standing, cache, schedule } = this;
    const before = this.#isAnonymous ? "" : this.#user;
    if (!this.#turn(given, keepsBucketing)) return Promise.resolve(false);
    const kept = standing.whose === this.#whose ? standing.kept : null;
    const known = kept ?? cache.find(this.#name);
    if (known) attempt(() => this.#take(known, kept ? standing.source : "cache"));
    else if (before && before !== this.#user) this.#drop();
    if (kept) return Promise.resolve(true);
    return schedule.refresh();
  }

  /** Forget the user, in all tabs. @param {boolean} [isOwn] it happens here first @returns {Promise<boolean>} */
  leave(isOwn = true) {
    this.cache.forget(this.#user);
    if (isOwn) this.tabs.say({ out: this.#user });
    return this.turnTo({}, false);
  }

  /** Write to the store what is known by now. */
  keep() {
    if (this.#isAnonymous || this.#keepsBucketing) this.cache.anonymousKey;
    if (this.standing.kept) this.cache.put(this.standing.kept);
  }

  close() {
    this.#closing.abort();
    this.#cancelRest();
    this.schedule.close();
    this.tabs.close();
  }

  /** @param {Context} given @param {boolean} keepsBucketing @returns {boolean} whether it is a context */
  #turn(given, keepsBucketing) {
    const { cache, options, origin, scope } = this;
    const copy = attempt(() => JSON.parse(JSON.stringify(given)));
    if (typeof copy !== "object" || copy === null) {
      this.told.warn("context", "a context is an object that JSON can hold: the one before stays");
      return false;
    }
    for (const name in copy) if (copy[name] === null) delete copy[name];
    const { targetingKey } = copy;
    const context = { ...copy };
    this.#isAnonymous = !targetingKey;
    if (this.#isAnonymous || keepsBucketing) context.targetingKey = cache.anonymousKey;
    if (targetingKey && keepsBucketing) context.userKey = targetingKey;
    const shown = Object.entries(context).filter(([name]) => name === "targetingKey" || !options.privateAttributes?.includes(name));
    this.given = copy;
    this.context = context;
    this.#keepsBucketing = keepsBucketing;
    this.#user = digest(scope + (targetingKey ?? ""));
    this.#whose = origin.depends(context);
    this.#name = digest(scope + this.#user + origin.depends(Object.fromEntries(shown)));
    return true;
  }

  /** Take what is at hand: what was kept, and what the page carries, if that is not older. */
  #boot() {
    const { page, standing, options } = this;
    const { bootstrap = "auto" } = options;
    const kept = this.cache.find(this.#name);
    if (kept) attempt(() => this.#take(kept, "cache"));
    const text = bootstrap === "auto" ? page.document?.getElementById(ELEMENT)?.textContent : bootstrap && JSON.stringify(bootstrap);
    if (!text) return;
    try {
      const body = parse(text);
      this.#take({ body, at: body.at - body.age * 1000, build: options.build, name: "", user: "", etag: null }, "bootstrap");
      this.isReady = standing.isFresh;
    } catch {
      this.told.warn("bootstrap", "what the page carries is no bootstrap: see docs/how-to/first-paint.md");
    }
  }

  /** @param {AbortSignal} signal @param {() => boolean} isWanted @returns {Promise<number>} */
  async #load(signal, isWanted) {
    const { page, standing, options, origin } = this;
    const { path, init } = origin.request(options.key, this.context);
    const { signature } = options;
    const signed = typeof signature === "function" ? await signature(this.context.targetingKey) : signature;
    if (signed) init.headers["X-Pennon-Signature"] = signed;
    const held = standing.whose === this.#whose && standing.kept?.build === options.build ? standing.kept : null;
    if (held?.etag && init.headers) init.headers["If-None-Match"] = held.etag;
    const { body, etag, ageS } = await ask(page, this.url + path, { ...init, signal });
    if (!isWanted()) return 0;
    const answer = body ?? held?.body;
    /** @type {Kept} */
    const kept = { body: answer, etag, build: options.build, name: this.#name, user: this.#user, at: page.now() - ageS * 1000 };
    this.#accept(kept);
    this.cache.put(kept);
    this.tabs.say({ values: JSON.stringify(kept), whose: this.#whose });
    const isBehind = this.#expected > revisionOf(standing.values?.revision);
    this.#expected = 0;
    return (isBehind ? OTHERS_MS : (standing.values?.ttlMs ?? 0)) * (1 + page.random() / 10);
  }

  /** Take an answer of the network's. @param {Kept} kept */
  #accept(kept) {
    this.#take(kept, this.origin.source);
    this.problem = null;
    if (!this.isReady) {
      this.isReady = true;
      this.told.emit("ready", this.status());
    }
    if (this.#leads) this.notices.open(this.standing.values?.stream);
    this.told.taken();
    this.#tell();
  }

  /** Answer by *kept*. Throws where it is unreadable. @param {Kept} kept @param {Source} source */
  #take(kept, source) {
    const { standing, context, told, options } = this;
    const read = source === "bootstrap" ? readValues : this.origin.read;
    const values = read(kept.body, this.url, context, options.key);
    const keys = standing.take(values, {
      source,
      context,
      whose: this.#whose,
      at: kept.at,
      kept: source === "bootstrap" ? null : kept,
      isTrusted: kept.build === options.build,
    });
    if (this.#toldOf !== context) {
      this.#toldOf = context;
      told.emit("context", { context: this.given });
    }
    if (keys.length) told.emit("change", { keys, revision: values.revision });
  }

  #drop() {
    const { standing, context, page, told } = this;
    const keys = standing.take(null, { source: "defaults", context, whose: this.#whose, at: page.now() });
    this.isReady = false;
    told.emit("change", { keys, revision: null });
  }

  /** @param {string} etag @param {boolean} isFirst on a stream: it comes at once if nothing changed, too */
  #changed(etag, isFirst) {
    const { isReady, standing, tabs, schedule } = this;
    if (isFirst && isReady && etag === standing.values?.flagsVersion) return;
    this.#expected = revisionOf(etag.split("_")[0].replace("v", "."));
    tabs.say({ changed: this.#whose });
    schedule.refresh();
  }

  /** @param {boolean} leads */
  #lead(leads) {
    this.#leads = leads;
    if (leads) this.notices.open(this.standing.values?.stream);
    else this.notices.close();
  }

  /** @param {boolean} isLive @param {boolean} isOwn */
  #streams(isLive, isOwn) {
    if (isOwn) this.tabs.say({ live: isLive });
    this.#isStreaming = isLive;
    this.#tell();
  }

  /** @param {any} message of another tab */
  #heard({ hello, live, changed, values, whose, out }) {
    const { page, schedule, standing, tabs } = this;
    if (hello && this.#leads) tabs.say({ live: this.#isStreaming });
    if (live !== undefined && !this.#leads) this.#streams(live, false);
    if (changed) schedule.plan(changed === this.#whose ? OTHERS_MS * (1 + page.random()) : 0);
    if (values && whose === this.#whose) {
      attempt(() => this.#accept(parse(values)));
      // Later than the tab that asked, so that it asks again for all.
      schedule.plan((standing.values?.ttlMs ?? 0) * (1.2 + page.random() / 10));
    }
    if (out && out === this.#user) this.leave(false);
  }

  #tell() {
    const status = this.status();
    const text = JSON.stringify({ ...status, ageS: 0 });
    if (text !== this.#told) this.told.emit("status", status);
    this.#told = text;
  }
}

/** @param {string | null | undefined} position `epoch.revision` */
const revisionOf = (position) => Number(position?.split(".")[1]);
