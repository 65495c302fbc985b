/**
 * The provider for `@openfeature/web-sdk`: a Pennon client of a page behind the standard's face.
 *
 * It needs nothing of the SDK while it runs, and no client of its own: give it that of `pennon/browser`.
 * @module
 */

import { Emitter } from "./emitter.js";
import { Following } from "./following.js";
import { contextOf, ProviderError, resolutionOf } from "./resolution.js";

/** @typedef {import("@openfeature/web-sdk").EvaluationContext} EvaluationContext */
/** @typedef {import("@openfeature/web-sdk").JsonValue} JsonValue */
/** @typedef {import("@openfeature/web-sdk").Provider} Provider */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @typedef {import("./resolution.js").Context} Context */
/** @typedef {import("./resolution.js").Evaluation} Evaluation */
/** @template T @typedef {import("@openfeature/web-sdk").ResolutionDetails<T>} Resolution */
/**
 * @typedef {object} WebClient what is asked of a client
 * @property {Readonly<Context>} context
 * @property {(flag: string, fallback: any) => Evaluation} evaluation
 * @property {() => { level: number, ready: boolean, source: string, revision: string | null, ageS: number | null, problem: string | null }} status
 * @property {(event: any, listener: (said: any) => void) => () => void} on
 * @property {(bounds: { timeoutMs: number }) => Promise<boolean>} whenReady
 * @property {(patch: Context) => Promise<boolean>} updateContext
 * @property {(targetingKey: string, attributes: Context, how: { keepBucketing: boolean }) => Promise<boolean>} identify
 * @property {() => Promise<boolean>} logout
 * @property {(key: string, measured: { value?: number }) => unknown} track
 * @property {() => void} close
 */
/**
 * @typedef {object} WebOptions
 * @property {number} [readyTimeoutMs] for how long `initialize` waits where nothing is at hand: 10 s
 * @property {boolean} [keepBucketing] as in the client's `identify`: who signs in stays on the side of the splits where they were
 * @property {boolean} [closesClient] whether the client is closed with the provider: yes
 */

/** Causes of warnings that no waiting mends. */
const REFUSED = new Set([401, 403, "secret key"]);

/** @implements {Provider} */
export class PennonProvider {
  metadata = Object.freeze({ name: "pennon" });
  runsOn = /** @type {const} */ ("client");
  /** Two domains would each want their own context of one client. */
  domainScoped = true;
  events = new Emitter();
  #given;
  /** @type {WebClient | null} */
  #client = null;
  /** @type {Following | null} */
  #following = null;
  #options;
  /** The client has been given a context whose values are not in; and cannot be had for now. */
  #isTurning = false;
  #isLate = false;
  /** @type {Promise<void> | null} */
  #turned = null;
  #stop = () => {};

  /**
   * @param {WebClient | ((context: Context) => WebClient)} client or what makes one for the context that OpenFeature has by then, which
   *   spares asking for the values of nobody first
   * @param {WebOptions} [options]
   */
  constructor(client, { readyTimeoutMs = 10_000, keepBucketing = false, closesClient = true } = {}) {
    this.#given = client;
    this.#options = { readyTimeoutMs, keepBucketing, closesClient };
  }

  /**
   * Take OpenFeature's context, if it has one, in place of the client's, and wait for its values; not where a bootstrap or the cache has
   * some: those answer at once. Rejects with the code `PROVIDER_FATAL` if the server refuses the key or the page, `PROVIDER_NOT_READY` if no
   * values come in time. The client goes on trying, and the provider says when it is ready.
   * @param {EvaluationContext} [context]
   * @returns {Promise<void>}
   */
  async initialize(context = {}) {
    const wanted = contextOf(context);
    const client = typeof this.#given === "function" ? this.#given(wanted) : this.#given;
    const following = new Following(client, this.events, () => this.#isTurning);
    [this.#client, this.#following] = [client, following];
    const stops = ["status", "ready"].map((event) => client.on(event, () => this.#settle(client)));
    this.#stop = () => stops.forEach((stop) => stop());
    const turned = Object.keys(wanted).length > 0 ? this.#turn(client, wanted) : null;
    const isAtHand = client.status().source !== "defaults" && !this.#isTurning;
    // The SDK lets nobody evaluate before it is told so, and a page is painted before a promise is kept.
    if (isAtHand) this.events.emit("PROVIDER_READY");
    const problem = isAtHand ? null : await this.#firstProblem(client, turned);
    following.start(problem === null ? "PROVIDER_READY" : "PROVIDER_ERROR");
    if (problem !== null) throw problem;
  }

  /**
   * Turn the client to another context. The values before stay until the new ones are in, and only the latest context's ever are.
   * Rejects where they cannot be had: what is known stays, and the provider says when they are.
   * @param {EvaluationContext} _before
   * @param {EvaluationContext} context
   * @returns {Promise<void> | void}
   */
  onContextChange(_before, context) {
    const turned = this.#client && this.#turn(this.#client, contextOf(context));
    if (turned !== null) return this.#reconciled(turned);
  }

  /** Stop; and the client, which reports what is left. */
  async onClose() {
    this.#stop();
    this.#following?.stop();
    if (this.#options.closesClient) this.#client?.close();
    this.#client = null;
  }

  /** @param {string} flag @param {boolean} fallback @returns {Resolution<boolean>} */
  resolveBooleanEvaluation(flag, fallback) {
    return this.#resolve(flag, fallback, "boolean");
  }

  /** @param {string} flag @param {string} fallback @returns {Resolution<string>} */
  resolveStringEvaluation(flag, fallback) {
    return this.#resolve(flag, fallback, "string");
  }

  /** @param {string} flag @param {number} fallback @returns {Resolution<number>} */
  resolveNumberEvaluation(flag, fallback) {
    return this.#resolve(flag, fallback, "number");
  }

  /** The value is a copy, which the caller may change. @template {JsonValue} T @param {string} flag @param {T} fallback @returns {Resolution<T>} */
  resolveObjectEvaluation(flag, fallback) {
    return this.#resolve(flag, fallback, "object");
  }

  /**
   * Report a metric: its value is the event's, or 1. Other attributes of the event are not kept.
   * @param {string} name @param {EvaluationContext} [_context] the client's is meant @param {import("@openfeature/web-sdk").TrackingEventDetails} [details]
   */
  track(name, _context, details) {
    this.#client?.track(name, { value: details?.value ?? 1 });
  }

  /**
   * @template T
   * @param {string} flag
   * @param {T} fallback
   * @param {Kind} kind
   * @returns {Resolution<T>}
   */
  #resolve(flag, fallback, kind) {
    if (this.#client === null) throw new ProviderError("PROVIDER_NOT_READY", "the provider has not been initialized, or was closed");
    const evaluation = this.#client.evaluation(flag, fallback);
    const { source, revision, ageS } = this.#client.status();
    const resolution = resolutionOf(evaluation, { kind, fallback, standing: { revision, ageS } });
    // Values of an earlier visit, not yet confirmed.
    const isCached = source === "cache" && resolution.errorCode === undefined && evaluation.reason !== "STALE";
    return isCached ? { ...resolution, reason: "CACHED" } : resolution;
  }

  /**
   * Turn the client to *context*; null: it has that one already.
   * @param {WebClient} client
   * @param {Context} context
   * @returns {Promise<void> | null} settles when it is known whether the context's values are in
   */
  #turn(client, context) {
    if (isSame(client.context, context)) return null;
    const { source } = client.status();
    this.#isTurning = true;
    this.#isLate = false;
    const turned = turnTo(client, context, this.#options).then((isIn) => {
      if (turned !== this.#turned) return;
      if (isIn) this.#isTurning = false;
      this.#isLate = !isIn;
    });
    this.#turned = turned;
    // What was kept for the context answers in the same turn.
    if (source !== "cache" && client.status().source === "cache") this.#isTurning = false;
    return turned;
  }

  /** The client asks for the values of the latest context only: once it has no problem any more, it has them. @param {WebClient} client */
  #settle(client) {
    if (this.#isLate && !client.status().problem) this.#isTurning = this.#isLate = false;
  }

  /** @param {Promise<void> | null} turned */
  async #reconciled(turned) {
    await turned;
    // A later context's values are as good: an earlier one's never come.
    while (turned !== this.#turned) await (turned = this.#turned);
    const isIn = !this.#isTurning;
    this.#following?.told(isIn ? "PROVIDER_READY" : "PROVIDER_ERROR");
    if (!isIn) throw new ProviderError("PROVIDER_NOT_READY", this.#client?.status().problem || "the context's values are not in");
  }

  /**
   * Return why the first values are not in; null if they are.
   * @param {WebClient} client
   * @param {Promise<unknown> | null} turned
   * @returns {Promise<ProviderError | null>}
   */
  async #firstProblem(client, turned) {
    const { readyTimeoutMs: timeoutMs } = this.#options;
    let stop = () => {};
    const refused = new Promise((resolve) => {
      stop = client.on("warning", ({ cause }) => REFUSED.has(cause) && resolve("PROVIDER_FATAL"));
    });
    const ready = client.whenReady({ timeoutMs });
    const found = await Promise.race([refused, turned ? Promise.all([turned, ready]) : ready]);
    stop();
    const { ready: isReady, problem } = client.status();
    if (isReady && !this.#isTurning) return null;
    const code = found === "PROVIDER_FATAL" ? found : "PROVIDER_NOT_READY";
    return new ProviderError(code, problem || `no values within ${timeoutMs / 1000} s`);
  }
}

/**
 * @param {WebClient} client
 * @param {Context} context
 * @param {{ keepBucketing: boolean }} how
 * @returns {Promise<boolean>}
 */
function turnTo(client, context, { keepBucketing }) {
  const before = client.context;
  const { targetingKey, ...attributes } = context;
  if (targetingKey && targetingKey !== before.targetingKey) return client.identify(targetingKey, attributes, { keepBucketing });
  const removed = Object.fromEntries(Object.keys(before).map((name) => [name, null]));
  if (targetingKey || !before.targetingKey) return client.updateContext({ ...removed, ...context });
  const left = client.logout();
  return Object.keys(attributes).length > 0 ? client.updateContext(attributes) : left;
}

/** @param {Context} one @param {Context} other */
function isSame(one, other) {
  return JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
}
