/**
 * A sample of the contexts that flags are evaluated for: the distinct ones of an hour, all with the same chance.
 *
 * A few hundred contexts a second are looked at, however many there are; of those, the sample is `Lowest`. What rules do not look at, and
 * what is private, is left out before anything is kept. See docs/decisions/0017. No I/O: time and chance come from outside.
 * @module
 */

import { Attributes, attributesOfFlag, attributesOfLayer, attributesOfSegment, KEY } from "../engine/asked.js";
import { readFlag, readLayer, readSegment } from "../model/index.js";
import { contextText, Lowest, priority } from "./sampling.js";

/** @typedef {import("../engine/attributes.js").Context} Context */
/** @typedef {import("./sampling.js").SampledContext} SampledContext */
/** A flag, segment or layer as it came; undefined or null: it is gone. @typedef {[kind: string, key: string, raw: unknown]} Given */

/** So many contexts of an hour are in the sample of a process. */
const MOST = 1000;
/** So many contexts are looked at before every second one is passed over, and so on until the second is over. */
const LOOKS = 100;
/** At least one in two to this power is looked at. */
const SPARSEST = 16;
const HOUR_MS = 3_600_000;
const SENT_AT_ONCE = 100;
/** @type {Record<string, (key: string, raw: unknown) => Set<string>>} */
const ASKED = {
  flag: (key, raw) => attributesOfFlag(readFlag(key, raw)),
  segment: (key, raw) => attributesOfSegment(readSegment(key, raw)),
  layer: (key, raw) => attributesOfLayer(readLayer(key, raw)),
};

/** Takes the sample of one client. */
export class Sampler {
  #now;
  #random;
  #private;
  #attributes;
  /** What each item looks at, by kind and key. @type {Map<string, Set<string>>} */
  #asked = new Map();
  /** How many items look at an attribute. @type {Map<string, number>} */
  #askers = new Map();
  #seen = 0;
  /** A context is looked at where the count of all has no bit in common with this. */
  #mask = 0;
  #bits = 0;
  #looks = 0;
  #hour;
  #lowest = new Lowest(MOST);
  /** By priority. @type {Map<bigint, SampledContext>} */
  #unsent = new Map();

  /**
   * @param {{ now: () => number, random: () => number, hidden?: readonly string[] }} given `now`: milliseconds since 1970; `hidden`:
   *   private attributes
   */
  constructor({ now, random, hidden = [] }) {
    this.#now = now;
    this.#random = random;
    this.#private = hidden;
    this.#attributes = new Attributes([KEY], hidden);
    this.#hour = Math.floor(now() / HOUR_MS);
  }

  /** How many contexts were not sent yet. */
  get size() {
    return this.#unsent.size;
  }

  /**
   * Look at what rules look at from now on: these items, and, unless they are the whole, those that were known before.
   * @param {Iterable<Given>} items
   * @param {{ isWhole: boolean }} how
   */
  follow(items, { isWhole }) {
    if (isWhole) {
      this.#asked.clear();
      this.#askers.clear();
    }
    for (const item of items) this.#follow(item);
    this.#attributes = this.#without([]);
  }

  /** @param {Given} item */
  #follow([kind, key, raw]) {
    const name = `${kind} ${key}`;
    this.#count(this.#asked.get(name), -1);
    const asked = raw === undefined || raw === null ? undefined : askedBy(kind, key, raw);
    if (asked === undefined || asked.size === 0) this.#asked.delete(name);
    else this.#asked.set(name, asked);
    this.#count(asked, 1);
  }

  /** @param {Set<string> | undefined} names @param {1 | -1} step */
  #count(names, step) {
    for (const name of names ?? []) {
      const count = (this.#askers.get(name) ?? 0) + step;
      if (count > 0) this.#askers.set(name, count);
      else this.#askers.delete(name);
    }
  }

  /** Return what is wanted of a context, without what else is private in it. @param {readonly string[]} hidden */
  #without(hidden) {
    return new Attributes(new Set([KEY, ...this.#askers.keys()]), [...this.#private, ...hidden]);
  }

  /**
   * Take an evaluation for *context*: most of many are passed over. Never throws.
   * @param {Context} context
   * @param {readonly string[]} [hidden] what else is private in this one
   */
  saw(context, hidden) {
    this.#seen = (this.#seen + 1) | 0;
    if ((this.#seen & this.#mask) === 0) this.#look(context, hidden);
  }

  /** Begin another hour, once one is over; and see to it that not too many are looked at, nor too few. To be called about once a second. */
  tick() {
    if (this.#bits > 0 && this.#looks < LOOKS / 2) this.#bits--;
    this.#looks = 0;
    // Other bits each time: who evaluates in a rhythm must not fall into step with it.
    this.#mask = this.#drawn();
    const hour = Math.floor(this.#now() / HOUR_MS);
    if (hour !== this.#hour) [this.#hour, this.#lowest] = [hour, new Lowest(MOST)];
  }

  /**
   * Return some of the sample that was not sent yet, of no more than *room* characters as JSON.
   * @param {number} room
   * @returns {SampledContext[]}
   */
  taken(room) {
    const taken = [];
    for (const [rank, sampled] of [...this.#unsent].slice(0, SENT_AT_ONCE)) {
      if ((room -= JSON.stringify(sampled).length + 1) < 0) break;
      taken.push(sampled);
      this.#unsent.delete(rank);
    }
    return taken;
  }

  /** @param {Context} context @param {readonly string[]} [hidden] */
  #look(context, hidden = []) {
    if (++this.#looks % LOOKS === 0) {
      this.#bits = Math.min(this.#bits + 1, SPARSEST);
      this.#mask = this.#drawn();
    }
    // Rules refuse what is no object; read by name, it would be a context of nobody.
    if (typeof context !== "object" || Array.isArray(context)) return;
    try {
      const attributes = hidden.length > 0 ? this.#without(hidden) : this.#attributes;
      this.#offer(contextText(attributes.of(context)));
    } catch {
      // A context may hold anything, and nobody else's evaluation suffers.
    }
  }

  /** @param {string | null} text */
  #offer(text) {
    if (text === null) return;
    const rank = priority(this.#hour, text);
    if (!this.#lowest.offer(rank)) return;
    this.#unsent.set(rank, { time: this.#now(), context: JSON.parse(text) });
    // What was gathered is not sent, or those were of another hour.
    if (this.#unsent.size >= 2 * MOST) this.#unsent = new Map([...this.#unsent].filter(([each]) => this.#lowest.holds(each)));
  }

  /** Return an integer with as many of its lowest bits set as are to be, any of them. */
  #drawn() {
    const places = Array.from({ length: SPARSEST }, (_, place) => place);
    let mask = 0;
    for (let i = 0; i < this.#bits; i++) {
      const [place] = places.splice(Math.floor(this.#random() * places.length) % places.length, 1);
      mask |= 1 << place;
    }
    return mask;
  }
}

/**
 * Return the attributes that a flag, segment or layer looks at: none, of what cannot be read, for it decides nothing.
 * @param {string} kind
 * @param {string} key
 * @param {unknown} raw as it came
 * @returns {Set<string>}
 */
export function askedBy(kind, key, raw) {
  try {
    return ASKED[kind](key, raw);
  } catch {
    return new Set();
  }
}
