/**
 * Which unit saw which variation: noted once an hour, in bounded memory.
 * @module
 */

const HOUR_MS = 3_600_000;
const MOST_VARIATIONS = 100;

/** Remembers who saw what in this hour and in the one before; of more units than *units*, the latest. */
export class Sightings {
  #units;
  #hour = 0;
  /** By unit, the variations by flag. @type {Map<string, Map<string, string>>} */
  #seen = new Map();
  /** @type {Map<string, Map<string, string>>} */
  #before = new Map();

  /** @param {{ units?: number }} [options] */
  constructor({ units = 10_000 } = {}) {
    this.#units = units;
  }

  /**
   * Note that a unit sees a variation. Return whether that is new: it did not see it within this hour.
   * @param {{ flag: string, variation: string, by: string, unit: string }} exposure
   * @param {number} nowMs milliseconds since 1970
   * @returns {boolean}
   */
  isNew({ flag, variation, by, unit }, nowMs) {
    this.#turn(nowMs);
    const name = nameOf(by, unit);
    let seen = this.#seen.get(name);
    if (seen?.get(flag) === variation) return false;
    if (seen === undefined) {
      if (this.#seen.size >= this.#units) [this.#before, this.#seen] = [this.#seen, new Map()];
      this.#seen.set(name, (seen = new Map()));
    }
    seen.set(flag, variation);
    return true;
  }

  /**
   * Return the variations that a unit was seen to get, by flag.
   * @param {string} by
   * @param {string} unit
   * @returns {Record<string, string>}
   */
  of(by, unit) {
    const name = nameOf(by, unit);
    const seen = new Map([...(this.#before.get(name) ?? []), ...(this.#seen.get(name) ?? [])]);
    return Object.fromEntries([...seen].slice(0, MOST_VARIATIONS));
  }

  /** @param {number} nowMs */
  #turn(nowMs) {
    const hour = Math.floor(nowMs / HOUR_MS);
    if (hour !== this.#hour) [this.#hour, this.#before, this.#seen] = [hour, this.#seen, new Map()];
  }
}

/** @param {string} by @param {string} unit */
function nameOf(by, unit) {
  return `${by}\0${unit}`;
}
