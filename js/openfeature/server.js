/**
 * The provider for `@openfeature/server-sdk`: a Pennon client behind the standard's face. It evaluates in the process, without waiting.
 *
 * It needs nothing of the SDK while it runs, and no client of its own: give it that of `pennon/server`, or of `pennon/worker`.
 * @module
 */

import { Emitter } from "./emitter.js";
import { Following } from "./following.js";
import { contextOf, ProviderError, resolutionOf } from "./resolution.js";

/** @typedef {import("@openfeature/server-sdk").EvaluationContext} EvaluationContext */
/** @typedef {import("@openfeature/server-sdk").JsonValue} JsonValue */
/** @typedef {import("@openfeature/server-sdk").Provider} Provider */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @typedef {import("./resolution.js").Evaluation} Evaluation */
/** @template T @typedef {import("@openfeature/server-sdk").ResolutionDetails<T>} Resolution */
/**
 * @typedef {object} ServerClient what is asked of a client
 * @property {(bounds: { timeoutMs: number }) => Promise<boolean>} ready
 * @property {(flag: string, context: Record<string, any>, fallback: any) => Evaluation} evaluation
 * @property {() => { epoch: number, revision: number }} rules
 * @property {() => import("./following.js").Status & { ageS: number | null }} status
 * @property {(event: any, listener: (said: any) => void) => () => void} on
 * @property {(key: string, context: Record<string, any>, details: { value?: number }) => void} track
 * @property {() => Promise<void>} close
 */

/** @implements {Provider} */
export class PennonProvider {
  metadata = Object.freeze({ name: "pennon" });
  runsOn = /** @type {const} */ ("server");
  events = new Emitter();
  #client;
  #options;
  #following;

  /**
   * @param {ServerClient} client
   * @param {object} [options]
   * @param {number} [options.readyTimeoutMs] for how long `initialize` waits for flags: 10 s
   * @param {boolean} [options.closesClient] whether the client is closed with the provider: yes
   */
  constructor(client, { readyTimeoutMs = 10_000, closesClient = true } = {}) {
    this.#client = client;
    this.#options = { readyTimeoutMs, closesClient };
    this.#following = new Following(client, this.events);
  }

  /**
   * Wait until the client knows flags. Rejects with the code `PROVIDER_FATAL` if the server refuses the key, `PROVIDER_NOT_READY` if
   * no flags come in time. The client goes on trying, and the provider says when it is ready.
   * @returns {Promise<void>}
   */
  async initialize() {
    const { readyTimeoutMs } = this.#options;
    const isReady = await this.#client.ready({ timeoutMs: readyTimeoutMs });
    const { ready, problem, isRefused } = this.#client.status();
    this.#following.start(isReady || ready ? "PROVIDER_READY" : "PROVIDER_ERROR");
    if (!isReady && !ready) {
      const message = problem || `no flags within ${readyTimeoutMs / 1000} s`;
      throw new ProviderError(isRefused ? "PROVIDER_FATAL" : "PROVIDER_NOT_READY", message);
    }
  }

  /** Stop; and the client, which reports what is left. */
  async onClose() {
    this.#following.stop();
    if (this.#options.closesClient) await this.#client.close();
  }

  /** @param {string} flag @param {boolean} fallback @param {EvaluationContext} context @returns {Promise<Resolution<boolean>>} */
  async resolveBooleanEvaluation(flag, fallback, context) {
    return this.#resolve(flag, { fallback, context, kind: "boolean" });
  }

  /** @param {string} flag @param {string} fallback @param {EvaluationContext} context @returns {Promise<Resolution<string>>} */
  async resolveStringEvaluation(flag, fallback, context) {
    return this.#resolve(flag, { fallback, context, kind: "string" });
  }

  /** @param {string} flag @param {number} fallback @param {EvaluationContext} context @returns {Promise<Resolution<number>>} */
  async resolveNumberEvaluation(flag, fallback, context) {
    return this.#resolve(flag, { fallback, context, kind: "number" });
  }

  /**
   * The value is a copy, which the caller may change.
   * @template {JsonValue} T
   * @param {string} flag @param {T} fallback @param {EvaluationContext} context @returns {Promise<Resolution<T>>}
   */
  async resolveObjectEvaluation(flag, fallback, context) {
    return this.#resolve(flag, { fallback, context, kind: "object" });
  }

  /**
   * Report a metric: its value is the event's, or 1. Other attributes of the event are not kept.
   * @param {string} name @param {EvaluationContext} context @param {import("@openfeature/server-sdk").TrackingEventDetails} [details]
   */
  track(name, context, details) {
    this.#client.track(name, contextOf(context), { value: details?.value ?? 1 });
  }

  /**
   * @template T
   * @param {string} flag
   * @param {{ fallback: T, context: EvaluationContext, kind: Kind }} asked
   * @returns {Resolution<T>}
   */
  #resolve(flag, { fallback, context, kind }) {
    const { epoch, revision } = this.#client.rules();
    const evaluation = this.#client.evaluation(flag, contextOf(context), fallback);
    const standing = { revision: `${epoch}.${revision}`, ageS: this.#client.status().ageS };
    return resolutionOf(evaluation, { kind, fallback, standing });
  }
}
