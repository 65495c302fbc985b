/**
 * One visitor's values in one tab: whose they are, where they come from, and how they stay fresh.
 *
 * Closures here and beside, where other clients have classes: what is local to a function is what a minifier shortens.
 * @module
 */

import { ask, parse, trouble } from "./asking.js";
import { cacheOf } from "./cache.js";
import { digest } from "./digest.js";
import { attempt, isHidden } from "./page.js";
import { remote } from "./remote.js";
import { scheduleOf } from "./schedule.js";
import { tabsOf } from "./tabs.js";

/** @typedef {import("./cache.js").Kept} Kept */
/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Source} Source */
/** @typedef {import("./index.js").Status} Status */
/**
 * `given`: the context that the application gave. `context`: what is evaluated for it, under `name`. `values` answer now; they are those of
 * `shown`. `isFresh`: neither past their time, nor another build's.
 * @typedef {object} Visit
 * @property {Context} given
 * @property {Context} context
 * @property {string} name
 * @property {import("./values.js").Values | undefined} values
 * @property {Context} shown
 * @property {boolean} isFresh
 * @property {() => Status} status
 * @property {(given: Context, keepsBucketing?: boolean) => Promise<boolean>} turnTo goes on with another context
 * @property {(isOwn: boolean) => Promise<boolean>} leave forgets the user
 * @property {() => Promise<boolean>} refresh
 * @property {() => void} keep writes to the storage what is known
 * @property {() => void} clear
 * @property {() => Promise<boolean>} start
 * @property {() => void} show the page is seen again
 * @property {() => void} rest it has not been for long
 * @property {() => void} close
 */


/**
 * Return the visit.
 * @param {import("./page.js").Page} page
 * @param {string} base the server's address
 * @param {string} scope stands for it and the key
 * @param {import("./index.js").Options} options
 * @param {(name: import("./index.js").EventName, event: any) => void} emit
 * @param {(cause: string | number, message: string) => void} warn
 * @param {() => void} taken is told of each answer from the network
 * @returns {Visit}
 */
export function visitOf(page, base, scope, options, emit, warn, taken) {
  const { key, rules: origin = remote, build, bootstrap = "auto", privateAttributes, signature, timeoutMs } = options;
  /** @type {Pick<Status, "level" | "ready" | "source" | "problem">} */
  const state = { level: 3, ready: false, source: "defaults", problem: null };
  /** The values are of this context, and from this answer. @type {string} */
  let of;
  /** @type {Kept | undefined} */
  let kept;
  /** What stands for the context and for its user, in memory. @type {string} */
  let whose;
  /** @type {string} */
  let user;
  /** @type {string} */
  let told;
  /** @type {EventSource | undefined} */
  let stream;
  /** The revision that a notice told of. @type {number} */
  let expected;
  /** @type {number} */
  let since;
  /** @type {boolean} */
  let isKnown;
  /** @type {boolean} */
  let keeps;
  /** @type {boolean} */
  let leads;
  /** @type {boolean} */
  let isStreaming;

  const status = () => {
    const { revision = null, flagsVersion = null } = visit.values ?? {};
    return { ...state, revision, flagsVersion, ageS: kept ? (page.elapsed() - since) / 1000 : null };
  };
  const tell = () => {
    state.level = !kept ? 3 : state.problem || !state.ready ? 2 : isStreaming ? 0 : 1;
    const text = JSON.stringify(state);
    if (text !== told) emit("status", status());
    told = text;
  };
  const ttlMs = () => (visit.values?.ttl || 300) * 1000;

  /**
   * Answer by *one*, unless it is older than what answers; by the defaults for none. Throws where it cannot be read.
   * @param {Kept | undefined} one
   * @param {Source} source
   */
  const take = (one, source) => {
    const before = visit.values;
    const values = one && origin.read(one, base, visit.context, key);
    if (before && values && of === whose && rank(values.revision) < rank(before.revision)) return;
    const waited = page.now() - /** @type {number} */ (one?.at);
    kept = one;
    of = whose;
    state.source = source;
    visit.values = values;
    visit.shown = visit.context;
    // A clock that was wrong then, or is now, makes nothing fresh. One may be a minute behind a server's.
    visit.isFresh = one?.build === build && waited > -60_000 && waited < ttlMs();
    since = page.elapsed() - Math.max(waited, 0);
    /** @param {any} from @param {string} flag */
    const answer = (from, flag) => JSON.stringify(from?.find(flag)?.[0]);
    const all = [before, values].flatMap((each) => [...(each?.keys() ?? [])]);
    const keys = all.filter((flag) => answer(before, flag) !== answer(values, flag));
    if (keys[0]) emit("change", { keys: [...new Set(keys)], revision: status().revision });
  };

  /**
   * Go on when what a body needs is there: at once, where that is nothing.
   * @param {any} body
   * @param {() => unknown} take
   */
  const prepared = (body, take) =>
    // Why it is not there is said when the network brings it.
    origin.prepare?.(body)?.then(take).then(tell, () => {}) ?? attempt(take);

  /** Take an answer from the network. @param {Kept} one */
  const accept = (one) => {
    take(one, origin.source);
    state.problem = null;
    if (leads) open();
    if (!state.ready) emit("ready", (state.ready = true));
    taken();
    tell();
  };

  /** @param {() => boolean} isWanted */
  const load = async (isWanted) => {
    if (/^pennon_(server|edge)_/.test(key)) throw trouble("secret key", "a secret key has leaked: use a client key");
    // Who may not be remembered here is in no sample there.
    const [path, init] = origin.request(key, visit.context, page.storage ? privateAttributes : true);
    const signed = typeof signature === "function" ? await signature(visit.context.targetingKey) : signature;
    if (signed) init.headers["X-Pennon-Signature"] = signed;
    const held = of === whose ? kept : undefined;
    if (held?.etag) init.headers["If-None-Match"] = held.etag;
    const [body = held?.body, etag, ageMs] = await ask(page, base + path, init, timeoutMs);
    await origin.prepare?.(body, true);
    if (!isWanted()) return 0;
    const one = { body, etag, build, name: visit.name, user, at: page.now() - ageMs };
    accept(one);
    // An older one, of a server that lags, is not taken.
    if (kept === one) put(one);
    say({ values: JSON.stringify(one), whose });
    // A server may lag behind the one that gave notice.
    return expected > rank(visit.values?.revision) % 1e12 ? 5000 : ttlMs();
  };

  /** @param {Context} given @param {boolean} keepsBucketing @returns {unknown} something if it is a context */
  const turn = (given, keepsBucketing) => {
    const copy = attempt(() => JSON.parse(JSON.stringify(given), (_, value) => value ?? undefined));
    if (Object(copy) !== copy) return warn("context", "the context is no JSON");
    const { targetingKey: userKey } = copy;
    isKnown = !!userKey;
    keeps = keepsBucketing;
    const context = isKnown && !keeps ? copy : { ...copy, ...(isKnown && { userKey }), targetingKey: anonymousKey() };
    const shown = Object.entries(context).filter(([attribute]) => !privateAttributes?.includes(attribute));
    user = digest(scope + userKey);
    whose = origin.depends(context);
    visit.given = copy;
    visit.context = context;
    return (visit.name = digest(user + origin.depends(Object.fromEntries(shown))));
  };

  /** The values before stay until the new ones are in, unless they are those of another user who is known. @param {Context} given */
  const turnTo = async (given, keepsBucketing = keeps) => {
    const before = isKnown && user;
    if (!turn(given, keepsBucketing)) return false;
    const isSame = !!kept?.name && of === whose;
    const known = isSame ? kept : find(visit.name);
    if (known) prepared(known.body, () => take(known, isSame ? state.source : "cache"));
    else if (before && before !== user) {
      state.ready = false;
      take(undefined, "defaults");
    }
    emit("context", { context: visit.given });
    tell();
    return isSame || refresh();
  };

  /** @param {boolean} [isOwn] it happens in this tab first */
  const leave = (isOwn) => {
    if (isOwn) say({ out: user });
    forget(user);
    return turnTo({}, false);
  };

  const open = () => {
    const { EventSource } = page;
    const { stream: url } = visit.values ?? {};
    if (stream || !EventSource || !url) return;
    let isFirst = true;
    stream = new EventSource(url);
    stream.onopen = () => streams(true);
    stream.onmessage = ({ data }) => {
      const etag = attempt(() => parse(data).etag);
      // The first one only says where the server stands.
      if (!isFirst || !state.ready || etag !== status().flagsVersion) {
        expected = parseInt(etag?.slice(1));
        say({ changed: whose });
        refresh();
      }
      isFirst = false;
    };
    stream.onerror = () => {
      streams(false);
      // 2: refused, and not cut off. A browser does not ask again then; the next answer says where to.
      if (stream?.readyState === 2) {
        shut();
        backOff();
      }
    };
  };
  const shut = () => {
    stream?.close();
    stream = undefined;
    streams(false);
  };
  const streams = (/** @type {boolean} */ isLive) => {
    if (leads) say({ live: isLive });
    isStreaming = isLive;
    tell();
  };

  /** @param {any} message of another tab */
  const heard = ({ hello, live, changed, values, whose: theirs, out }) => {
    if (hello && leads) say({ live: isStreaming });
    if (live !== undefined && !leads) streams(live);
    // Who has the same context waits for the leader's answer, for a while.
    if (changed) plan(changed === whose ? 5000 : 0);
    if (values && theirs === whose) {
      const one = attempt(() => parse(values));
      if (one?.body) prepared(one.body, () => accept(one));
      // Later than the tab that asked, so that it asks again for all.
      plan(ttlMs() * 1.2);
    }
    if (out === user) leave();
  };

  const [find, put, forget, clear, anonymousKey] = cacheOf(page, scope, () => warn("storage", "the storage is full"));
  const [say, compete, rest, close] = tabsOf(page, scope, heard, (isLeading) => {
    leads = isLeading;
    if (leads) open();
    else shut();
  });
  const [refresh, plan, backOff, wake, stop] = scheduleOf(
    page,
    () => whose,
    load,
    ({ cause, message }) => {
      state.problem = message;
      // 429 and what begins with 5 pass by themselves.
      if (!(/** @type {any} */ (cause) > 428)) warn(cause, message);
      tell();
    },
  );
  const visit = /** @type {Visit} */ ({
    status,
    turnTo,
    leave,
    refresh,
    clear,
    rest,
    keep: () => {
      anonymousKey();
      if (kept?.name) put(kept);
    },
    show: () => {
      compete();
      wake();
    },
    start: () => {
      if (!isHidden(page)) compete();
      say({ hello: true });
      return refresh();
    },
    close: () => {
      stop();
      close();
    },
  });

  turn(options.context ?? {}, !!options.keepBucketing);
  const old = find(visit.name);
  if (old) prepared(old.body, () => take(old, "cache"));
  try {
    const text = bootstrap === "auto" ? page.document?.getElementById("pennon-bootstrap")?.textContent : JSON.stringify(bootstrap);
    const body = text && parse(text);
    if (body) {
      take({ body, build, at: body.at - body.age * 1000 }, "bootstrap");
      state.ready = visit.isFresh;
    }
  } catch {
    warn("bootstrap", "the bootstrap is no JSON of Pennon's");
  }
  tell();
  return visit;
}

/** @param {string | undefined} position `epoch.revision`: the epochs are compared first @returns {number} */
const rank = (position = "") => position.split(".").reduce((epoch, revision) => epoch * 1e12 + +revision, 0);
