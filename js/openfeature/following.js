/**
 * Says in OpenFeature's events what a Pennon client says in its own.
 * @module
 */

/** @typedef {import("./emitter.js").Emitter} Emitter */
/** @typedef {{ level: number, ready: boolean, problem?: string | null, isRefused?: boolean, epoch?: number, revision?: any }} Status */
/**
 * @typedef {object} Followed what is asked of a client
 * @property {() => Status} status
 * @property {(event: any, listener: (said: any) => void) => () => void} on
 */

/** Follows a client: says each of its changes once, and how it stands whenever that is another event than before. */
export class Following {
  #client;
  #events;
  /** @type {(() => void)[]} */
  #stops = [];
  /** @type {string} */
  #said = "PROVIDER_READY";

  /** @param {Followed} client @param {Emitter} events */
  constructor(client, events) {
    this.#client = client;
    this.#events = events;
  }

  /** Begin, after the SDK was told that the provider is ready, or that it is not. @param {boolean} isReady */
  start(isReady) {
    this.#said = isReady ? "PROVIDER_READY" : "PROVIDER_ERROR";
    this.#stops = [
      this.#client.on("change", (change) => this.#tellChange(change)),
      this.#client.on("status", () => this.tellStatus()),
      this.#client.on("ready", () => this.tellStatus()),
    ];
  }

  /** Say how the client stands, if that is not what was said last. */
  tellStatus() {
    if (this.#stops.length === 0) return;
    const { level, problem } = this.#client.status();
    const event = level > 2 ? "PROVIDER_ERROR" : level === 2 ? "PROVIDER_STALE" : "PROVIDER_READY";
    if (event === this.#said) return;
    this.#said = event;
    const details = { message: problem || undefined, metadata: { level } };
    this.#events.emit(event, event === "PROVIDER_ERROR" ? { ...details, errorCode: /** @type {any} */ ("PROVIDER_NOT_READY") } : details);
  }

  /** Say no more. */
  stop() {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** @param {{ keys: string[], revision?: any }} change */
  #tellChange({ keys, revision }) {
    const metadata = revision === null || revision === undefined ? undefined : { revision: `${revision}` };
    this.#events.emit("PROVIDER_CONFIGURATION_CHANGED", { flagsChanged: [...keys].sort(), metadata });
  }
}
