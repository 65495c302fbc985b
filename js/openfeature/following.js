/**
 * Says in OpenFeature's events what a Pennon client says in its own.
 * @module
 */

/** @typedef {import("./emitter.js").Emitter} Emitter */
/** @typedef {{ level: number, ready: boolean, problem?: string | null, isRefused?: boolean }} Status */
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
  #isHeld;
  /** @type {string} */
  #said = "PROVIDER_READY";

  /** @param {Followed} client @param {Emitter} events @param {() => boolean} [isHeld] while it is, how the client stands is nobody's concern */
  constructor(client, events, isHeld = () => false) {
    this.#client = client;
    this.#events = events;
    this.#isHeld = isHeld;
  }

  /** Begin. @param {"PROVIDER_READY" | "PROVIDER_ERROR"} event what the SDK says once it has heard how the start went */
  start(event) {
    this.#stops = [
      this.#client.on("change", (change) => this.#tellChange(change)),
      this.#client.on("status", () => this.tellStatus()),
      this.#client.on("ready", () => this.tellStatus()),
    ];
    this.told(event);
  }

  /** Note what the SDK says by itself, and say what is the case after it has. @param {"PROVIDER_READY" | "PROVIDER_ERROR"} event */
  told(event) {
    this.#said = event;
    setTimeout(() => this.tellStatus());
  }

  /** Say how the client stands, if that is not what was said last. */
  tellStatus() {
    if (this.#stops.length === 0 || this.#isHeld()) return;
    const { level, ready, problem } = this.#client.status();
    // A page that begins with what it kept, and has not heard from the server yet, is no case for an alarm.
    const isStale = level === 2 && (ready || !!problem);
    const event = level > 2 ? "PROVIDER_ERROR" : isStale ? "PROVIDER_STALE" : "PROVIDER_READY";
    if (event === this.#said) return;
    this.#said = event;
    const details = { message: problem || undefined, metadata: { level } };
    this.#events.emit(event, event === "PROVIDER_ERROR" ? { ...details, errorCode: /** @type {any} */ ("PROVIDER_NOT_READY") } : details);
  }

  /** Say no more. */
  stop() {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** @param {{ keys: string[], epoch?: number, revision?: number | string | null }} change */
  #tellChange({ keys, epoch, revision }) {
    const position = epoch === undefined ? revision : `${epoch}.${revision}`;
    const metadata = typeof position === "string" ? { revision: position } : undefined;
    this.#events.emit("PROVIDER_CONFIGURATION_CHANGED", { flagsChanged: [...keys].sort(), metadata });
  }
}
