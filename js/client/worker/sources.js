/**
 * Which source is asked when: the node for what is new, KV where there is none or it does not answer, and both by whoever is first
 * where nothing is known yet.
 * @module
 */

import { EdgeSource } from "./edge.js";
import { SourceFailed } from "./failures.js";
import { KvSource } from "./kv.js";

/** @typedef {import("./known.js").Known} Known */
/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {{ name: string, ask(known: Known): Promise<unknown> }} Source */

/** How long a source has for an answer, behind the response. */
export const ANSWER_MS = 10_000;
/** How soon a source that failed is asked again while there is nothing to serve; then twice as late with each failure. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const DOUBLINGS = 10;
/** How long KV may take before a node is asked too, in a first request: a quarter of what that waits, this at most. */
const HEDGE_MS = 250;

/** A source, and how it has done. */
class Turn {
  failures = 0;
  problem = "";
  /** When it is to be asked next, by the clock that never goes back. */
  dueMs = -Infinity;

  /** @param {Source} source @param {number} intervalMs @param {Settings["platform"]} platform */
  constructor(source, intervalMs, platform) {
    this.source = source;
    this.intervalMs = intervalMs;
    this.platform = platform;
  }

  /** Ask it. Never rejects; `problem` says what went wrong. @param {Known} known @returns {Promise<boolean>} whether it answered */
  async take(known) {
    try {
      await within(this.source.ask(known), this.platform);
      this.failures = 0;
      this.problem = "";
      this.dueMs = this.platform.elapsed() + this.intervalMs;
      return true;
    } catch (error) {
      this.#failed(error, known.position === null ? Math.min(this.intervalMs, FIRST_PAUSE_MS) : this.intervalMs);
      return false;
    }
  }

  /** @param {unknown} error @param {number} firstPauseMs */
  #failed(error, firstPauseMs) {
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(this.failures++, DOUBLINGS), Math.max(this.intervalMs, LONGEST_PAUSE_MS));
    const wishMs = error instanceof SourceFailed ? error.retryAfterMs : 0;
    // Isolates that failed together come back one by one.
    this.dueMs = this.platform.elapsed() + Math.max(pauseMs, wishMs) * (0.75 + 0.5 * this.platform.random());
    const problem = `${this.source.name}: ${error instanceof Error ? error.message : error}`;
    if (problem !== this.problem) this.platform.warn(`pennon: ${problem}`);
    this.problem = problem;
  }
}

/** Keeps *known* up to date when it is told that there is time for it. */
export class Sources {
  #known;
  #platform;
  #timeoutMs;
  /** @type {Turn | null} */
  #kv;
  /** @type {Turn | null} */
  #edge;

  /** @param {Known} known @param {Settings} settings */
  constructor(known, { environment, kv, edge, cacheTtlS, kvIntervalMs, edgeIntervalMs, timeoutMs, platform }) {
    this.#known = known;
    this.#platform = platform;
    this.#timeoutMs = timeoutMs;
    this.#kv = kv && new Turn(new KvSource(kv, environment, { cacheTtlS, platform }), kvIntervalMs, platform);
    const how = { platform, timeoutMs: ANSWER_MS };
    this.#edge = edge && new Turn(new EdgeSource(edge, environment, how), edgeIntervalMs, platform);
  }

  /** Whether it is time to ask. */
  get isDue() {
    const now = this.#platform.elapsed();
    if (this.#edge !== null && now >= this.#edge.dueMs) return true;
    return this.#kv !== null && now >= this.#kv.dueMs && (this.#edge === null || this.#edge.failures > 0);
  }

  /** What is wrong, empty if nothing is. */
  get problem() {
    return [this.#edge?.problem, this.#kv?.problem].filter(Boolean).join("; ");
  }

  /** Whether one of them answered when it was asked last. */
  get isHeard() {
    return [this.#edge, this.#kv].some((turn) => turn !== null && turn.failures === 0 && turn.dueMs > -Infinity);
  }

  /** Ask whoever is due. Never rejects. */
  async ask() {
    if (this.#known.position === null) return this.#askFirst();
    if (this.#edge !== null && this.#edge.dueMs <= this.#platform.elapsed() && (await this.#edge.take(this.#known))) return;
    if (this.#kv !== null && this.#kv.dueMs <= this.#platform.elapsed()) await this.#kv.take(this.#known);
  }

  /** KV is nearer. A node is asked too once KV has failed, or takes long. */
  async #askFirst() {
    const fromKv = this.#kv?.take(this.#known);
    if (this.#edge === null || (fromKv !== undefined && (await this.#soon(fromKv)))) {
      await fromKv;
      return;
    }
    await Promise.race([this.#edge.take(this.#known), this.#arrival(fromKv)]);
    if (this.#known.position === null) await fromKv;
  }

  /** Tell whether what is asked brings a state within a part of the time that a request waits. @param {Promise<boolean>} asked */
  async #soon(asked) {
    let stop = () => {};
    const late = new Promise((resolve) => (stop = this.#platform.later(Math.min(this.#timeoutMs / 4, HEDGE_MS), () => resolve(false))));
    await Promise.race([asked, late]);
    stop();
    return this.#known.position !== null;
  }

  /** Wait for a source that brings a state. @param {Promise<boolean> | undefined} asked */
  async #arrival(asked) {
    await asked;
    if (this.#known.position === null) await new Promise(() => {});
  }
}

/**
 * @template T
 * @param {Promise<T>} asked
 * @param {Settings["platform"]} platform
 */
async function within(asked, { later }) {
  let stop = () => {};
  const late = new Promise((_, reject) => {
    stop = later(ANSWER_MS, () => reject(new SourceFailed(`no answer within ${ANSWER_MS / 1000} s`)));
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    stop();
  }
}
