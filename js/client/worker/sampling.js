/**
 * A sample of the contexts that an isolate evaluates flags for, taken in between requests' own work.
 * @module
 */

import { Sampler } from "../../events/sampler.js";
import { KINDS, MEMBERS } from "./sums.js";

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("../../events/sampler.js").Given} Given */
/** @typedef {Partial<Record<import("./sums.js").Member, import("./sums.js").Records>>} Changes */

/** So many items are looked through behind one request: about a millisecond's work. */
const SLICE = 100;
const TICK_MS = 1000;

export class Sampling {
  #platform;
  #sampler;
  /** What the sampler has not been told of yet. @type {Given[]} */
  #waiting = [];
  /** Whether what waits begins with a whole state, which the sampler has nothing of. */
  #isWhole = false;
  #isKnown = false;
  #tickMs = -Infinity;

  /** @param {import("./settings.js").Settings} settings */
  constructor({ platform, privateAttributes: hidden }) {
    this.#platform = platform;
    this.#sampler = new Sampler({ now: platform.now, random: platform.random, hidden });
  }

  /** How many contexts wait to be sent. */
  get size() {
    return this.#sampler.size;
  }

  /**
   * Take note of a state, or of what changed in it: null is gone. It is looked through little by little.
   * @param {Changes} changes
   * @param {{ isWhole: boolean }} how
   */
  follow(changes, { isWhole }) {
    if (isWhole) {
      this.#waiting = [];
      this.#isWhole = true;
      this.#isKnown = false;
    }
    for (const member of MEMBERS) {
      for (const [key, raw] of Object.entries(changes[member] ?? {})) this.#waiting.push([KINDS[member], key, raw]);
    }
  }

  /** Do a little of what is to be done. To be called once a request. */
  tend() {
    const now = this.#platform.elapsed();
    if (now - this.#tickMs >= TICK_MS) {
      this.#tickMs = now;
      this.#sampler.tick();
    }
    if (this.#waiting.length === 0 && !this.#isWhole) return;
    this.#sampler.follow(this.#waiting.splice(0, SLICE), { isWhole: this.#isWhole });
    this.#isWhole = false;
    this.#isKnown ||= this.#waiting.length === 0;
  }

  /**
   * Take an evaluation for *context*, unless it is not known yet what rules look at: it would lack what they do.
   * @param {Context} context
   * @param {readonly string[]} [hidden] what else is private in this one
   */
  saw(context, hidden) {
    if (this.#isKnown) this.#sampler.saw(context, hidden);
  }

  /** Return some of the sample that was not sent yet, of no more than *room* characters as JSON. @param {number} room */
  taken(room) {
    return this.#sampler.taken(room);
  }
}
