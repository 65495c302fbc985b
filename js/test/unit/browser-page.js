/**
 * A page by hand: its clock, its chance, its storage, its other tabs, and the server at the far end.
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { Client } from "pennon/browser";

import { PARTS } from "../../client/browser/parts.js";

export const URL_OF_SERVER = "http://pennon.test";
export const KEY = "pennon_client_a";

// Read from the disk once, so that later no test waits for that.
await Promise.all(PARTS.map(([, load]) => load({})));

/** Let everything happen that needs no time. */
export async function settled() {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A server at the far end: what it serves, by user, and what it was asked. */
export class FarEnd {
  revision = 1;
  asked = /** @type {any[]} */ ([]);
  events = /** @type {any[]} */ ([]);
  streams = true;
  /** Answers in place of the server, if it is set. @type {((asked: any) => any) | null} */
  instead = null;
  /** @type {(context: any) => Record<string, any>} */
  flags = ({ targetingKey, plan }) => ({ theme: flag(plan ?? "free"), who: flag(targetingKey) });

  fetch = async (/** @type {any} */ input, /** @type {any} */ init = {}) => {
    const url = new URL(String(input));
    const body = init.body instanceof Blob ? await init.body.text() : init.body;
    const asked = { path: url.pathname, query: url.search, headers: init.headers ?? {}, body: body && JSON.parse(body) };
    if (url.pathname === "/sdk/v1/events") {
      this.events.push(asked.body);
      return (await this.instead?.(asked)) ?? new Response("{}", { status: 202 });
    }
    this.asked.push(asked);
    return (await this.instead?.(asked)) ?? this.bulk(asked);
  };

  bulk(/** @type {any} */ asked) {
    const tag = `"${createHash("sha256").update(this.revision + JSON.stringify(asked.body.context)).digest("hex")}"`;
    const headers = { etag: tag, "x-pennon-age": "0.5" };
    if (asked.headers["If-None-Match"] === tag) return new Response(null, { status: 304, headers });
    const flags = Object.entries(this.flags(asked.body.context)).map(([key, said]) => ({ key, ...said }));
    const eventStreams = this.streams ? [{ type: "sse", endpoint: { requestUri: `/ofrep/v1/stream?key=${KEY}` } }] : undefined;
    const metadata = { revision: `1.${this.revision}`, flagsVersion: this.version, ttl: 300 };
    return Response.json({ flags, eventStreams, metadata }, { headers });
  }

  get version() {
    return `v${this.revision}_00000000`;
  }
}

/** Return what OFREP says of a flag. @param {any} value @param {object} [metadata] @param {object} [rest] */
export function flag(value, metadata = {}, rest = {}) {
  return { value, variant: String(value), reason: "DEFAULT", metadata: { flagVersion: 1, ...metadata }, ...rest };
}

/** A storage that can be full. */
export class HandStore {
  items = new Map();
  isFull = false;
  getItem = (/** @type {string} */ name) => this.items.get(name) ?? null;
  removeItem = (/** @type {string} */ name) => void this.items.delete(name);
  setItem(/** @type {string} */ name, /** @type {string} */ value) {
    if (this.isFull) throw new DOMException("no room", "QuotaExceededError");
    this.items.set(name, value);
  }
  get text() {
    return JSON.stringify([...this.items]);
  }
}

/** The browser around tabs: what they share. */
export class Browser {
  store = new HandStore();
  wall = Date.UTC(2026, 2, 1, 12);
  monotonic = 0;
  timers = /** @type {{ at: number, run: () => void }[]} */ ([]);
  channels = /** @type {Set<any>} */ (new Set());
  streams = /** @type {any[]} */ ([]);
  #locks = /** @type {Map<string, Promise<unknown>>} */ (new Map());

  /** Let *ms* pass. */
  async pass(/** @type {number} */ ms) {
    const end = this.monotonic + ms;
    await settled();
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.wall += next.at - this.monotonic;
      this.monotonic = next.at;
      next.run();
      await settled();
    }
    this.wall += end - this.monotonic;
    this.monotonic = end;
  }

  /** The stream that is open; there is at most one. */
  get stream() {
    const open = this.streams.filter(({ readyState }) => readyState !== 2);
    assert(open.length <= 1, "there are several streams");
    return open[0];
  }

  later = (/** @type {number} */ ms, /** @type {() => void} */ run) => {
    const timer = { at: this.monotonic + ms, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((each) => each !== timer));
  };

  locks = {
    /** @param {string} name @param {{ signal: AbortSignal }} how @param {() => unknown} granted */
    request: async (name, { signal }, granted) => {
      const before = this.#locks.get(name) ?? Promise.resolve();
      const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      let release = () => {};
      this.#locks.set(name, before.then(() => new Promise((resolve) => (release = () => resolve(undefined)))));
      try {
        await Promise.race([before, aborted]);
        return await granted();
      } finally {
        before.then(() => setImmediate(() => release()));
      }
    },
  };

  /** Return a page's parts. */
  tab() {
    const browser = this;
    const page = new Page();
    class Channel {
      onmessage = /** @type {((event: any) => void) | null} */ (null);
      constructor(/** @type {string} */ name) {
        this.name = name;
        browser.channels.add(this);
      }
      postMessage(/** @type {any} */ message) {
        const data = structuredClone(message);
        for (const other of browser.channels) {
          if (other !== this && other.name === this.name) queueMicrotask(() => browser.channels.has(other) && other.onmessage?.({ data }));
        }
      }
      close() {
        browser.channels.delete(this);
      }
    }
    class Stream {
      readyState = 0;
      onopen = () => {};
      onmessage = (/** @type {any} */ _) => {};
      onerror = () => {};
      constructor(/** @type {string} */ url) {
        this.url = url;
        browser.streams.push(this);
      }
      open() {
        this.readyState = 1;
        this.onopen();
      }
      tell(/** @type {string} */ etag) {
        this.onmessage({ data: JSON.stringify({ type: "refetchEvaluation", etag }) });
      }
      fail(/** @type {number} */ readyState) {
        this.readyState = readyState;
        this.onerror();
      }
      close() {
        this.readyState = 2;
      }
    }
    let drawn = 0;
    const platform = {
      now: () => this.wall,
      elapsed: () => this.monotonic,
      random: () => (++drawn * 0.618 + browser.streams.length * 0.1 + browser.channels.size * 0.01) % 1,
      later: this.later,
      warn: (/** @type {string} */ message) => void page.warned.push(message),
      storage: this.store,
      BroadcastChannel: Channel,
      EventSource: Stream,
      locks: this.locks,
      document: page,
      window: page.window,
      beacon: (/** @type {string} */ url, /** @type {Blob} */ body) => (page.beacons.push({ url, body }), true),
    };
    return { page, platform };
  }
}

/** A document, and what was said in it. */
export class Page extends EventTarget {
  visibilityState = "visible";
  bootstrap = /** @type {string | null} */ (null);
  warned = /** @type {string[]} */ ([]);
  beacons = /** @type {any[]} */ ([]);
  attributes = new Set(["data-pennon-pending"]);
  window = new EventTarget();
  documentElement = { removeAttribute: (/** @type {string} */ name) => void this.attributes.delete(name) };

  getElementById(/** @type {string} */ id) {
    return id === "pennon-bootstrap" && this.bootstrap !== null ? { textContent: this.bootstrap } : null;
  }
  become(/** @type {string} */ state) {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/**
 * Open a tab with a client.
 * @param {{ far?: FarEnd, browser?: Browser, bootstrap?: string | null, platform?: object, key?: string } & Record<string, any>} [given]
 */
export function open({ far = new FarEnd(), browser = new Browser(), bootstrap = null, platform, key = KEY, ...options } = {}) {
  const tab = browser.tab();
  tab.page.bootstrap = bootstrap;
  const own = { key, start: true, context: { targetingKey: "u1" }, platform: { ...tab.platform, fetch: far.fetch, ...platform } };
  const flags = new Client(URL_OF_SERVER, { ...own, ...options });
  const heard = /** @type {[string, any][]} */ ([]);
  for (const name of /** @type {const} */ (["change", "ready", "status", "warning", "context"])) {
    flags.on(name, (event) => void heard.push([name, event]));
  }
  const told = (/** @type {string} */ name) => heard.filter(([each]) => each === name).map(([, event]) => event);
  return { flags, far, browser, page: tab.page, heard, told };
}

/** Open a tab whose first answer is in. @param {Parameters<typeof open>[0]} [given] */
export async function opened(given) {
  const tab = open(given);
  await settled();
  return tab;
}

/** Return what a page carries. @param {Record<string, any>} flags @param {{ revision?: number, at: number, age?: number }} what */
export function bootstrapOf(flags, { revision = 1, at, age = 0.2 }) {
  const entry = (/** @type {any} */ value) => ({ variation: String(value), reason: "FALLTHROUGH", value, flagVersion: 1 });
  const told = Object.entries(flags).map(([key, value]) => [key, entry(value)]);
  const head = { environment: "shop/production", revision: `1.${revision}`, flagsVersion: `v${revision}_00000000`, ttl: 300 };
  return JSON.stringify({ ...head, flags: Object.fromEntries(told), age, at });
}
