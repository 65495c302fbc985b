/**
 * The provider for `@openfeature/server-sdk`: a Pennon client behind the standard's face. It evaluates in the process, without waiting.
 *
 * It needs nothing of the SDK while it runs, and no client of its own: give it that of `pennon/server`, or of `pennon/worker`.
 * @module
 */

import { Emitter } from "./emitter.js";
import { Following } from "./following.js";
import { contextOf, ProviderError, resolutionOf } from "./resolution.js";
import { sourceOf } from "./sources.js";

/** @typedef {import("@openfeature/server-sdk").EvaluationContext} EvaluationContext */
/** @typedef {import("@openfeature/server-sdk").JsonValue} JsonValue */
/** @typedef {import("@openfeature/server-sdk").Provider} Provider */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @template T @typedef {import("@openfeature/server-sdk").ResolutionDetails<T>} Resolution */
/** @implements {Provider} */
export class PennonProvider {
  metadata = Object.freeze({ name: "pennon" });
  runsOn = /** @type {const} */ ("server");
  events = new Emitter();
  #source;
  #options;
  #following;

  /**
   * @param {import("./sources.js").ServerClient | import("./sources.js").WorkerClient} client
   * @param {object} [options]
   * @param {number} [options.readyTimeoutMs] for how long `initialize` waits for flags: 10 s
   * @param {boolean} [options.closesClient] whether the client is closed with the provider: yes
   */
  constructor(client, { readyTimeoutMs = 10_000, closesClient = true } = {}) {
    this.#source = sourceOf(client);
    this.#options = { readyTimeoutMs, closesClient };
    this.#following = new Following(this.#source, this.events);
  }

  /**
   * Wait until the client knows flags. Rejects with the code `PROVIDER_FATAL` if the server refuses the key, `PROVIDER_NOT_READY` if
   * no flags come in time. The client goes on trying, and the provider says when it is ready.
   * @returns {Promise<void>}
   */
  async initialize() {
    const { readyTimeoutMs } = this.#options;
    const isReady = await this.#source.ready(readyTimeoutMs);
    const { ready, problem, isRefused } = this.#source.status();
    this.#following.start(isReady || ready ? "PROVIDER_READY" : "PROVIDER_ERROR");
    if (!isReady && !ready) {
      const message = problem || `no flags within ${readyTimeoutMs / 1000} s`;
      throw new ProviderError(isRefused ? "PROVIDER_FATAL" : "PROVIDER_NOT_READY", message);
    }
  }

  /** Stop; and the client, which reports what is left. */
  async onClose() {
    this.#following.stop();
    if (this.#options.closesClient) await this.#source.close();
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
    void this.#source.track(name, contextOf(context), details?.value ?? 1);
  }

  /**
   * @template T
   * @param {string} flag
   * @param {{ fallback: T, context: EvaluationContext, kind: Kind }} asked
   * @returns {Promise<Resolution<T>>}
   */
  async #resolve(flag, { fallback, context, kind }) {
    const asked = this.#source.ask(flag, contextOf(context), fallback);
    // Each turn of the event loop that an evaluation need not take is one that its caller does not wait.
    const { evaluation, standing } = asked instanceof Promise ? await asked : asked;
    return resolutionOf(evaluation, { kind, fallback, standing });
  }
}
