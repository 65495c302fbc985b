/**
 * Who wants to hear of what. A listener that throws is reported, and harms nobody.
 * @module
 */

/** Listeners by event. */
export class Listeners {
  /** @type {Map<string, Set<(said: any) => void>>} */
  #listeners;
  #report;

  /** @param {readonly string[]} events @param {(event: string, error: unknown) => void} report */
  constructor(events, report) {
    this.#listeners = new Map(events.map((event) => [event, new Set()]));
    this.#report = report;
  }

  /**
   * Call *listener* with each event of a name. Return what ends that. Throws `TypeError` for an event that there is not.
   * @param {string} event
   * @param {(said: any) => void} listener
   * @returns {() => void}
   */
  add(event, listener) {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) throw new TypeError(`there is no event '${event}'; there are ${[...this.#listeners.keys()].join(", ")}`);
    // Twice the same function is two listeners, each ended by its own.
    const call = (/** @type {any} */ said) => listener(said);
    listeners.add(call);
    return () => void listeners.delete(call);
  }

  /** Whether anybody listens. @param {string} event */
  has(event) {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /** @param {string} event @param {any} said */
  tell(event, said) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(said);
      } catch (error) {
        this.#report(event, error);
      }
    }
  }
}
