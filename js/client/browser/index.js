/**
 * Flags in a page: values that a server evaluated, at once from what is at hand, and fresh as soon as they are there.
 * @module
 */

import { webPlatform } from "../../platform/index.js";
import { countingOf } from "./counting.js";
import { digest } from "./digest.js";
import { guardedFetch } from "./guarded.js";
import { isHidden, webPage } from "./page.js";
import { read } from "./values.js";
import { visitOf } from "./visit.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Evaluation} Evaluation */
/** @typedef {import("./values.js").Source} Source */
/** @typedef {"change" | "ready" | "status" | "warning" | "outdated" | "context"} EventName */
/**
 * @typedef {object} OwnOptions
 * @property {string} key a client key
 * @property {Context} [context] whose values; without a `targetingKey` those of an anonymous visitor
 * @property {Record<string, any>} [defaults] values by flag, which stand for the fallback of a call
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
 * @property {number} [timeoutMs] how long an answer may take: 10,000
 * @property {boolean} [start] whether to use the network: where there is a window
 * @property {Partial<Page>} [platform] in place of the page's own, for tests and for other platforms
 */
/** @typedef {OwnOptions & Omit<import("./guarded.js").GuardOptions, "fetch" | "tell">} Options */
/**
 * How it stands. `level` 0: streaming, 1: polling, 2: what was known last, 3: the defaults. `ageS`: for how many seconds the values have
 * not been known to be current; null where nothing says so.
 * @typedef {{ level: 0 | 1 | 2 | 3, ready: boolean, source: Source, revision: string | null, flagsVersion: string | null, ageS: number |
 *   null, problem: string | null }} Status
 */

/**
 * The flags of one visitor. No question to it waits, and none throws.
 * @typedef {object} Client
 * @property {(flag: string, fallback: boolean) => boolean} boolean
 * @property {(flag: string, fallback: string) => string} string
 * @property {(flag: string, fallback: number) => number} number
 * @property {(flag: string, fallback: any) => any} object an object or an array
 * @property {(flag: string, fallback?: any) => Evaluation} evaluation the whole of it, frozen: what the flag serves, and why
 * @property {string | null} flagsVersion of the values that answer now, as servers name it
 * @property {Readonly<Context>} context the one that the application gave
 * @property {() => Record<string, string>} seen the variations that were read so far, by flag: what the page shows
 * @property {() => Status} status
 * @property {(name: EventName, listener: (event: any) => void) => () => void} on listens, and returns what stops it. `change`: {keys,
 *   revision}; `ready`; `status`: the status; `warning`: {cause, message}, once for a cause; `context`: {context}, when it is another one;
 *   `outdated`: see docs/how-to/critical-requests.md
 * @property {(how?: { timeoutMs?: number }) => Promise<boolean>} whenReady resolves to whether the values are in: from the network, or
 *   from a bootstrap that is not past its time. Without a bound it waits until they are
 * @property {(how?: { withinMs?: number }) => Promise<{ source: Source }>} firstPaint resolves when the page can be painted: the values
 *   to paint with are known, or the time (300 ms) is up. Then `data-pennon-pending` is taken from the root element, by which a page may
 *   show a skeleton
 * @property {(patch: Context) => Promise<boolean>} updateContext changes attributes; null removes one. The values before stay until the
 *   new ones are in; resolves to whether they are
 * @property {(targetingKey: string, attributes?: Context, how?: { keepBucketing?: boolean }) => Promise<boolean>} identify goes on as a
 *   user who signed in, with these attributes and no others. `keepBucketing`: the anonymous key stays the targeting key, so that nobody
 *   changes sides by signing in; the user's is the attribute `userKey`
 * @property {() => Promise<boolean>} logout goes on as an anonymous visitor, in all tabs, and forgets what is kept of the user
 * @property {(isGiven: boolean) => void} setConsent keeps things in the browser from now on; or removes them, and keeps none
 * @property {(why?: { reason?: string }) => Promise<boolean>} refresh asks anew; resolves to whether the answer is in
 * @property {ReturnType<typeof guardedFetch>} fetch as `fetch`; requests to critical endpoints say what the page was shown
 * @property {(key: string, measured?: { value?: number, by?: string }) => boolean} track notes that something was measured of the
 *   visitor. *by*: the attribute whose value is the unit. Returns whether it could be taken
 * @property {() => Promise<boolean>} flush sends what was counted; resolves to whether all of it is taken
 * @property {() => void} close ends: sends what was counted, and uses the network no more. Values answer on
 */

/**
 * Give a page its flags. *url* is the server's address, or an edge node's.
 * @type {new (url: string, options: Options) => Client}
 */
export const Client = /** @type {any} */ (clientOf);

/**
 * @param {string} url
 * @param {Options} options
 * @returns {Client}
 */
function clientOf(url, options) {
  const { key, consent = true, platform, start = !!globalThis.window, events = true, defaults = {}, privateAttributes } = options;
  /** @type {Page} */
  const page = { ...(start ? webPage() : webPlatform()), ...platform };
  const { storage = page.storage } = options;
  const base = url.replace(/\/+$/, "");
  const scope = "pennon.1." + digest(base + key);
  /** @type {Record<string, Set<(event: any) => void>>} */
  const listeners = {};
  const warned = new Set();
  /** @type {Map<string, string>} */
  const seen = new Map();
  const closing = new AbortController();
  page.storage = consent ? storage : undefined;

  /** @param {EventName} name @param {any} event */
  const emit = (name, event) => {
    for (const listener of listeners[name] ?? []) {
      try {
        listener(event);
      } catch (error) {
        // The boundary: what an application does with an event must not end the client's work.
        page.warn(/** @type {any} */ (error));
      }
    }
  };
  const warn = (/** @type {string | number} */ cause, /** @type {string} */ message) => {
    if (warned.has(cause)) return;
    warned.add(cause);
    page.warn("pennon: " + message);
    // Later, for who listens as soon as there is a client to listen to.
    queueMicrotask(() => emit("warning", { cause, message }));
  };
  /** @param {string} flag @returns {import("./values.js").Found} */
  const find = (flag) => visit.values?.find(flag) || read({ errorCode: visit.values ? "FLAG_NOT_FOUND" : "PROVIDER_NOT_READY" });
  /** @param {string} flag @param {any} fallback @param {string} [kind] @returns {Evaluation} */
  const evaluation = (flag, fallback = null, kind) => {
    const site = find(flag);
    const [found] = site;
    const caller = Object.hasOwn(defaults, flag) ? defaults[flag] : fallback;
    const { value = caller, variation } = found;
    // What is shown no more is not seen.
    if (variation === null) seen.delete(flag);
    else seen.set(flag, variation);
    if (events && start) noted(flag, site);
    const isRight = !kind || value === caller || typeof value === kind;
    return Object.freeze(isRight ? { ...found, value } : { ...read({ errorCode: "TYPE_MISMATCH" })[0], value: caller });
  };
  /** What was read before it was known to be an exposure: a bootstrap does not say. */
  const taken = () => {
    for (const [flag, variation] of seen) {
      const site = find(flag);
      if (events && site[0].variation === variation) noted(flag, site, true);
    }
  };
  /** @param {Promise<boolean> | undefined} promise @param {number} [ms] @returns {Promise<any>} */
  const within = (promise, ms) =>
    Promise.race([promise, new Promise((resolve) => void (ms === undefined || page.later(ms, () => resolve(false))))]);
  /** @type {Client["on"]} */
  const on = (name, listener) => {
    const all = (listeners[name] ??= new Set()).add(listener);
    return () => all.delete(listener);
  };

  const visit = visitOf(page, base, scope, options, emit, warn, taken);
  const { status, turnTo, refresh } = visit;
  const [noted, tracked, flush, stop] = countingOf(page, base, key, `${scope}.seen`, visit, privateAttributes);
  /** @type {Promise<boolean> | undefined} */
  let first;
  if (start) {
    const how = { signal: closing.signal };
    /** @type {(() => void) | undefined} */
    let cancel;
    const turned = () => {
      cancel?.();
      if (isHidden(page)) {
        flush(true);
        // So long a hidden tab keeps the stream, if it has it.
        cancel = page.later(120_000, visit.rest);
      } else visit.show();
    };
    page.document?.addEventListener("visibilitychange", turned, how);
    page.window?.addEventListener("online", turned, how);
    first = visit.start();
  } else visit.close();

  const client = /** @type {Client} */ ({
    evaluation,
    boolean: (flag, fallback) => evaluation(flag, fallback, "boolean").value,
    string: (flag, fallback) => evaluation(flag, fallback, "string").value,
    number: (flag, fallback) => evaluation(flag, fallback, "number").value,
    object: (flag, fallback) => evaluation(flag, fallback, "object").value,
    get flagsVersion() {
      return status().flagsVersion;
    },
    get context() {
      return visit.given;
    },
    seen: () => Object.fromEntries(seen),
    status,
    on,
    refresh,
    flush,
    whenReady: async (how) => status().ready || (start && within(new Promise((resolve) => on("ready", resolve)), how?.timeoutMs)),
    firstPaint: async (how) => {
      if (!visit.isFresh) await within(first, how?.withinMs ?? 300);
      page.document?.documentElement.removeAttribute("data-pennon-pending");
      return { source: status().source };
    },
    updateContext: (patch) => turnTo({ ...visit.given, ...patch }),
    identify: (targetingKey, attributes, how) => {
      seen.clear();
      return turnTo({ ...attributes, targetingKey }, !!how?.keepBucketing);
    },
    logout: () => {
      seen.clear();
      return visit.leave(true);
    },
    setConsent: (isGiven) => {
      page.storage = isGiven ? storage : /** @type {undefined} */ (visit.clear());
      visit.keep();
    },
    // The latest: a batch with a metric of more than a thousand would be refused.
    track: (name, measured) => events && tracked(name, measured, Object.fromEntries([...seen].slice(-500))),
    close: () => {
      closing.abort();
      visit.close();
      stop();
    },
  });
  client.fetch = guardedFetch(client, { ...options, fetch: page.fetch, tell: (event) => emit("outdated", event) });
  return client;
}
