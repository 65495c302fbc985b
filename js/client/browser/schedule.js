/**
 * When the server is asked: one question at a time, again when its answer is past its time, at once on a notice, later after a failure.
 * @module
 */

import { Trouble } from "./asking.js";

/** Becoming visible or online again asks no more often than this. */
const THROTTLE_MS = 30_000;
const LONGEST_BACKOFF_MS = 120_000;

/** @typedef {{ whose: string, controller: AbortController, done: Promise<boolean>, next?: Promise<boolean> }} Run */

/** The questions of one client. */
export class Schedule {
  /** @type {Run | null} */
  #running = null;
  #cancel = () => {};
  #isDue = false;
  #isOver = false;
  #failures = 0;
  #asked = 0;

  /**
   * @param {import("./page.js").Page} page
   * @param {{ timeoutMs?: number, whose: () => string, failed: (trouble: Trouble) => void,
   *   load: (signal: AbortSignal, isWanted: () => boolean) => Promise<number> }} how *whose*: another answer drops the question;
   *   *load*: asks, takes the answer if it is still wanted, and returns after how many milliseconds to ask again
   */
  constructor(page, how) {
    this.page = page;
    this.how = how;
  }

  /**
   * Ask anew. Resolves to whether the answer is in; the answer to a question that was asked before this one is not good enough.
   * @returns {Promise<boolean>}
   */
  refresh() {
    const whose = this.how.whose();
    const running = this.#running;
    if (this.#isOver) return Promise.resolve(false);
    if (running?.whose === whose) {
      return (running.next ??= running.done.then((isIn) => (this.how.whose() === whose ? this.refresh() : isIn)));
    }
    running?.controller.abort();
    const controller = new AbortController();
    /** @type {Run} */
    const run = { whose, controller, done: Promise.resolve(false) };
    this.#running = run;
    run.done = this.#run(run).finally(() => {
      if (this.#running === run) this.#running = null;
    });
    return run.done;
  }

  /** @param {Run} run @returns {Promise<boolean>} */
  async #run(run) {
    const { page, how } = this;
    this.#cancel();
    this.#isDue = false;
    this.#asked = page.now();
    const isWanted = () => this.#running === run && how.whose() === run.whose;
    const stop = page.later(how.timeoutMs ?? 10_000, () => run.controller.abort());
    try {
      const nextMs = await how.load(run.controller.signal, isWanted);
      if (isWanted()) {
        this.#failures = 0;
        this.plan(nextMs);
        return true;
      }
    } catch (error) {
      if (isWanted()) {
        const trouble = error instanceof Trouble ? error : new Trouble("unreadable", String(error));
        this.backOff(trouble.retryMs);
        how.failed(trouble);
        return false;
      }
    } finally {
      stop();
    }
    return this.#running?.done ?? false;
  }

  /** Ask after *ms*, unless it is asked before; while the page is hidden, once it is not. @param {number} ms */
  plan(ms) {
    this.#cancel();
    if (this.#isOver) return;
    this.#cancel = this.page.later(ms, () => {
      if (isHidden(this.page)) this.#isDue = true;
      else this.refresh();
    });
  }

  /** Ask later, and each time later still; at *retryMs* where the server wishes it. @param {number} [retryMs] */
  backOff(retryMs) {
    const most = Math.min(2000 * 2 ** this.#failures++, LONGEST_BACKOFF_MS);
    this.plan((retryMs || 500) + this.page.random() * (retryMs || most));
  }

  /** Ask if there is reason to: the page is visible, or online, again. */
  wake() {
    const waited = this.page.now() - this.#asked;
    const isLong = this.#isDue || this.#failures || !(waited >= 0 && waited < THROTTLE_MS);
    if (isLong && !this.#running && !isHidden(this.page)) this.refresh();
  }

  close() {
    this.#isOver = true;
    this.#cancel();
    this.#running?.controller.abort();
  }
}

/** @param {import("./page.js").Page} page */
export const isHidden = (page) => page.document?.visibilityState === "hidden";
