/**
 * Sends what the reports gathered, now and then, when there is much, and at the end.
 * @module
 */

import { UpstreamFailed } from "./ladder.js";

/** @typedef {import("./ladder.js").Failure} Failure */

const LONGEST_MS = 300_000;
const DOUBLINGS = 5;

/** Posts batches, one at a time, each until it is taken or refused for good. */
export class Sender {
  #reports;
  #options;
  #transport;
  #warn;
  #isStopped = false;
  #failures = 0;
  #wishMs = 0;
  #isWoken = false;
  #wake = () => {};
  /** What is being sent; one waits for the other. @type {Promise<unknown>} */
  #sending = Promise.resolve();

  /**
   * @param {import("./reports.js").Reports} reports
   * @param {Pick<import("./options.js").Options, "urls" | "timeoutMs" | "flushIntervalMs" | "platform">} options
   * @param {import("./transport.js").Transport} transport
   * @param {(failure: Failure) => void} warn
   */
  constructor(reports, options, transport, warn) {
    this.#reports = reports;
    this.#options = options;
    this.#transport = transport;
    this.#warn = warn;
  }

  /** Send until `stop`. */
  async run() {
    while (!this.#isStopped) {
      await this.#wait(this.#pauseMs());
      if (!this.#isStopped) await this.flush(this.#options.timeoutMs);
    }
  }

  /** Send soon. */
  wake() {
    if (this.#failures > 0) return;
    this.#isWoken = true;
    this.#wake();
  }

  /** End `run`. */
  stop() {
    this.#isStopped = true;
    this.#wake();
  }

  /**
   * Send all there is, for at most about *timeoutMs*. Return whether all is sent.
   * @param {number} timeoutMs
   * @returns {Promise<boolean>}
   */
  async flush(timeoutMs) {
    const sent = this.#sending.then(() => this.#sendAll(timeoutMs));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  /** @param {number} timeoutMs */
  async #sendAll(timeoutMs) {
    const { elapsed } = this.#options.platform;
    const until = elapsed() + timeoutMs;
    for (let isOld = this.#reports.hasPending; ; isOld = false) {
      const batch = this.#reports.pending();
      if (batch === null) return true;
      const leftMs = until - elapsed();
      if (leftMs <= 0 || !(await this.#send(batch.body, leftMs))) return false;
      // What has happened since is for the next time: on a busy day there is always something.
      if (!isOld && !batch.isFull) return true;
    }
  }

  /** @param {string} body @param {number} timeoutMs */
  async #send(body, timeoutMs) {
    /** @type {Failure | null} */
    let failure = null;
    for (const url of this.#options.urls) {
      try {
        await this.#transport.post(`${url}/sdk/v1/events`, body, timeoutMs / this.#options.urls.length);
      } catch (error) {
        if (!(error instanceof UpstreamFailed)) throw error;
        failure = error.failure;
        continue;
      }
      this.#failures = 0;
      this.#wishMs = 0;
      this.#reports.settled();
      return true;
    }
    if (failure === null) return false;
    if (failure.kind === "unfit") {
      this.#warn({ ...failure, message: `${failure.message}; this batch of events is lost, and counted as such` });
      this.#reports.settled({ isTaken: false });
      return true;
    }
    this.#failures++;
    this.#wishMs = Math.min((failure.notBeforeS ?? 0) * 1000, LONGEST_MS);
    return false;
  }

  /** How long to wait: spread by a tenth, so that a fleet started together does not report together. */
  #pauseMs() {
    const pause = this.#options.flushIntervalMs * 2 ** Math.min(this.#failures, DOUBLINGS);
    return Math.max(this.#wishMs, Math.min(pause, LONGEST_MS)) * (0.9 + 0.2 * this.#options.platform.random());
  }

  /** @param {number} ms @returns {Promise<void>} */
  async #wait(ms) {
    if (!this.#isWoken) {
      await new Promise((resolve) => {
        const callOff = this.#options.platform.later(ms, () => resolve(undefined));
        this.#wake = () => {
          callOff();
          resolve(undefined);
        };
      });
    }
    this.#isWoken = false;
  }
}
