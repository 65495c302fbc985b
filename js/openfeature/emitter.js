/**
 * The event emitter that OpenFeature's SDKs want a provider to have, without those SDKs.
 * @module
 */

/**
 * @typedef {import("@openfeature/core").AnyProviderEvent} ProviderEvent
 * @typedef {import("@openfeature/core").EventHandler} Handler
 * @typedef {import("@openfeature/core").ProviderEventEmitter<ProviderEvent>} ProviderEventEmitter
 */

/** Calls the handlers of an event in the order in which they were added. @implements {ProviderEventEmitter} */
export class Emitter {
  /** @type {Map<string, Handler[]>} */
  #handlers = new Map();
  /** @type {import("@openfeature/core").Logger | undefined} */
  #logger;

  /**
   * Tell the handlers of an event. What one of them throws, or rejects with, is logged and keeps it from no other.
   * @param {`${ProviderEvent}`} event
   * @param {any} [details]
   */
  emit(event, details) {
    for (const handler of this.getHandlers(event)) {
      try {
        Promise.resolve(handler(details)).catch((error) => this.#failed(event, error));
      } catch (error) {
        this.#failed(event, error);
      }
    }
  }

  /** @param {`${ProviderEvent}`} event @param {Handler} handler */
  addHandler(event, handler) {
    this.#handlers.set(event, [...this.getHandlers(event), handler]);
  }

  /** Remove *handler*; one that was added twice stays once. @param {`${ProviderEvent}`} event @param {Handler} handler */
  removeHandler(event, handler) {
    const handlers = this.getHandlers(event);
    const last = handlers.lastIndexOf(handler);
    this.#handlers.set(event, handlers.filter((_, index) => index !== last));
  }

  /** @param {`${ProviderEvent}`} [event] without it, those of all events */
  removeAllHandlers(event) {
    if (event === undefined) this.#handlers.clear();
    else this.#handlers.delete(event);
  }

  /** @param {`${ProviderEvent}`} event @returns {Handler[]} */
  getHandlers(event) {
    return [...(this.#handlers.get(event) ?? [])];
  }

  /** @param {import("@openfeature/core").Logger} logger */
  setLogger(logger) {
    this.#logger = logger;
    return this;
  }

  /** @param {string} event @param {unknown} error */
  #failed(event, error) {
    (this.#logger ?? console).error(`pennon: a handler of ${event} failed:`, error);
  }
}
