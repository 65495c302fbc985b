/**
 * Flags in a V8 isolate: kept in memory from request to request, refreshed behind responses.
 *
 * An isolate does nothing between requests, and what one request began may end with it. So nothing here waits for what another
 * request does, and no timer outlives the request that it belongs to.
 * @module
 */

import { positionText } from "../../protocol/position.js";
import { Known } from "./known.js";
import { Reporter } from "./reporter.js";
import { Rules } from "./rules.js";
import { settingsOf } from "./settings.js";
import { ANSWER_MS, Sources } from "./sources.js";

/** @typedef {import("./settings.js").Options} Options */
/** What a request may leave to be done after its response. @typedef {{ waitUntil(work: Promise<unknown>): void }} Behind */
/**
 * How good the state is. `level`: 1 the last source that was asked answered, 2 what was known last, 3 the defaults. `ageS`: for how
 * many seconds it has not been known to be current at the origin, null where nobody said. `problem`: what is wrong, empty if nothing is.
 * @typedef {{ level: 1 | 2 | 3, ready: boolean, environment: string, epoch: number | null, revision: number | null,
 *   flagsVersion: string | null, ageS: number | null, problem: string }} Status
 */

/** How often a request looks whether another one has brought what it waits for. */
const LOOK_MS = 5;
/** When an attempt is given up for dead: both sources had their time. */
const DEAD_MS = 2 * ANSWER_MS + 1000;

/**
 * One for an isolate, in the module or made by its first request: what it knows is kept in memory.
 *
 *     const flags = new Client({ kv: env.FLAGS, environment: "shop/production" });
 *     const rules = await flags.load(ctx);
 *     rules.boolean("new-checkout", { targetingKey: "u1" }, false);
 *
 * Nothing here throws or rejects. What is wrong is said once with `console.warn`, and by `status()`.
 */
export class Client {
  #settings;
  #known;
  #sources;
  #reporter;
  /** When the attempt under way is given up; none is before that. */
  #askedUntilMs = -Infinity;
  /** Until when requests wait for a first state. Later ones do not: what did not come in time may not come for long. */
  #awaitedUntilMs = Infinity;
  #warned = "";

  /** @param {Options} options */
  constructor(options) {
    this.#settings = settingsOf(options ?? {});
    const { environment, platform, problems } = this.#settings;
    for (const problem of problems) platform.warn(`pennon: ${problem}`);
    this.#reporter = new Reporter(this.#settings);
    // Only imported flags ask for the time.
    const clock = () => platform.now() / 1000;
    const { sampling } = this.#reporter;
    const took = sampling?.follow.bind(sampling);
    this.#known = new Known(environment, platform.elapsed, { clock, ...this.#reporter.options }, took);
    this.#sources = new Sources(this.#known, this.#settings);
  }

  /**
   * Return the rules for one request: at once, but for an isolate's first requests, which wait for them until `timeoutMs` have passed
   * since the first one. What is to be refreshed is, behind the response.
   * @param {Behind} [ctx] the request's context. Without it, whoever comes when a refresh is due waits for it.
   * @returns {Promise<Rules>}
   */
  async load(ctx) {
    if (typeof ctx?.waitUntil !== "function") ctx = undefined;
    try {
      const asked = this.#refresh(ctx);
      if (asked !== null && (ctx === undefined || this.#isAwaited)) await this.#bounded(asked);
      else await this.#others();
    } catch (error) {
      // The boundary to the application: flags must not take a page down.
      this.#warn(`pennon: ${error}`);
    }
    return this.#rules(ctx);
  }

  /** @returns {Status} */
  status() {
    const { environment, problems } = this.#settings;
    const position = this.#known.position;
    const ready = this.#compiled() !== null;
    return {
      level: !ready ? 3 : this.#sources.isHeard ? 1 : 2,
      ready,
      environment,
      epoch: position?.epoch ?? null,
      revision: position?.revision ?? null,
      flagsVersion: this.#known.flagsVersion,
      ageS: this.#known.ageS,
      problem: [...problems, this.#sources.problem, this.#reporter.problem].filter(Boolean).join("; "),
    };
  }

  /** Report what was counted, now. @returns {Promise<void>} */
  async flush() {
    await this.#reporter.flush();
  }

  /** @param {string} message */
  #warn(message) {
    if (message !== this.#warned) this.#settings.platform.warn(message);
    this.#warned = message;
  }

  /** Begin to refresh if that is due and no request does. @param {Behind} [ctx] */
  #refresh(ctx) {
    const now = this.#settings.platform.elapsed();
    if (now < this.#askedUntilMs || !this.#sources.isDue) return null;
    const until = (this.#askedUntilMs = now + DEAD_MS);
    this.#awaitedUntilMs = Math.min(this.#awaitedUntilMs, now + this.#settings.timeoutMs);
    const asked = this.#sources.ask().finally(() => {
      if (this.#askedUntilMs === until) this.#askedUntilMs = -Infinity;
    });
    try {
      ctx?.waitUntil(asked);
    } catch {
      // That request is over. What it begins may be cut off, and then it is begun anew by another.
    }
    return asked;
  }

  /** Whether a first state is still worth to wait for. */
  get #isAwaited() {
    return this.#known.position === null && this.#settings.platform.elapsed() < this.#awaitedUntilMs;
  }

  /** Wait for the first state, where another request has asked for it. */
  async #others() {
    const { platform } = this.#settings;
    // A promise of another request may never settle: it is cut off with that request. So this one looks by itself.
    while (this.#isAwaited && platform.elapsed() < this.#askedUntilMs) {
      await new Promise((resolve) => platform.later(LOOK_MS, () => resolve(undefined)));
    }
  }

  /** @param {Promise<void>} asked */
  async #bounded(asked) {
    const { platform, timeoutMs } = this.#settings;
    let stop = () => {};
    const late = new Promise((resolve) => (stop = platform.later(timeoutMs, () => resolve(undefined))));
    await Promise.race([asked, late]);
    stop();
  }

  #compiled() {
    const { ageS } = this.#known;
    return (ageS ?? 0) > this.#settings.lastKnownTtlS ? null : this.#known.compiled;
  }

  /** @param {Behind} [ctx] */
  #rules(ctx) {
    const { environment, platform } = this.#settings;
    const { position, flagsVersion, ageS } = this.#known;
    this.#reporter.revision = position === null ? "" : positionText(position);
    const standing = { environment, position, flagsVersion: flagsVersion ?? "", ageS: ageS ?? 0, atMs: platform.now() };
    return new Rules(this.#compiled(), standing, this.#reporter.of(ctx));
  }
}
