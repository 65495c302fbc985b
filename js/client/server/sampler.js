/**
 * A sample of the contexts that flags are evaluated for: the distinct ones of an hour, all with the same chance.
 *
 * A few hundred contexts a second are looked at, however many there are; of those, the sample is `Lowest`. What rules do not look at, and
 * what is private, is left out before anything is kept. See docs/decisions/0017.
 * @module
 */

import { Attributes, attributesOfFlag, attributesOfLayer, attributesOfSegment, KEY } from "../../engine/asked.js";
import { contextText, Lowest, priority } from "../../events/sampling.js";
import { readFlag, readLayer, readSegment } from "../../model/index.js";

/** @typedef {import("../../engine/attributes.js").Context} Context */
/** @typedef {import("../../events/sampling.js").SampledContext} SampledContext */
/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {import("../../protocol/items.js").Item} Item */
/** @typedef {import("../../protocol/state.js").Reference} Reference */

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
   * @param {{ now: () => number, random: () => number, hidden?: readonly string[] }} given `now`: milliseconds since 1970; `hidden`: private
   *   attributes
   */
  constructor({ now, random, hidden = [] }) {
    this.#now = now;
    this.#random = random;
    this.#private = hidden;
    this.#attributes = new Attributes([KEY], hidden);
    this.#hour = Math.floor(now() / HOUR_MS);
  }

  /**
   * Look at what the rules of *snapshot* look at from now on, which differs in *touched*; null: in anything.
   * @param {Snapshot} snapshot
   * @param {readonly Reference[] | null} touched
   */
  follow({ items }, touched) {
    if (touched === null) this.#asked.clear();
    const named = Object.keys(ASKED).flatMap((kind) => [...items[/** @type {"flag"} */ (kind)].keys()].map((key) => [kind, key]));
    for (const [kind, key] of touched ?? named) {
      const item = ASKED[kind] && items[/** @type {"flag"} */ (kind)].get(key);
      if (item === undefined) this.#asked.delete(`${kind} ${key}`);
      else this.#asked.set(`${kind} ${key}`, askedBy(kind, item));
    }
    this.#attributes = new Attributes(new Set([KEY, ...[...this.#asked.values()].flatMap((names) => [...names])]), this.#private);
  }

  /** Take an evaluation for *context*: most of many are passed over. Never throws. @param {Context} context */
  saw(context) {
    this.#seen = (this.#seen + 1) | 0;
    if ((this.#seen & this.#mask) === 0) this.#look(context);
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

  /** @param {Context} context */
  #look(context) {
    if (++this.#looks % LOOKS === 0) {
      this.#bits = Math.min(this.#bits + 1, SPARSEST);
      this.#mask = this.#drawn();
    }
    // Rules refuse what is no object; read by name, it would be a context of nobody.
    if (typeof context !== "object" || Array.isArray(context)) return;
    try {
      this.#offer(contextText(this.#attributes.of(context)));
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

/** @param {string} kind @param {Item} item @returns {Set<string>} none, of what cannot be read: it decides nothing */
function askedBy(kind, item) {
  try {
    return ASKED[kind](item.key, item.value);
  } catch {
    return new Set();
  }
}
