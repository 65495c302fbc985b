/**
 * What a client reports: how often each variation was served, who saw it, what was measured. No I/O, no clock.
 *
 * Everything is bounded. What does not fit is left out and counted, and the next batch says how much it was.
 * @module
 */

/** @typedef {import("../engine/answers.js").Evaluation} Evaluation */
/**
 * @typedef {{ counters: number, exposures: number, metrics: number, batch: number, characters: number }} Limits
 *   how many counters, exposures and metrics wait at most; the entries of each sort, and the characters, of a batch
 * @typedef {{ flag: string, version: number | null, variation: string | null, reason: string, count: number, from: number, to: number }}
 *   Counter
 * @typedef {{ flag: string, version: number | null, variation: string, ruleId: string | null, experiment: string | null, by: string,
 *   unit: string, revision?: string | null }} Exposure
 * @typedef {{ by: string, unit: string, value: number, variations?: Record<string, string> }} Measured
 * @typedef {{ counters: Counter[], exposures: (Exposure & { time: number })[], metrics: (Measured & { key: string, time: number })[],
 *   dropped: Record<string, number> }} Batch
 */

/** A text is written in three bytes a character at most, and a batch may have 1 MiB. @type {Limits} */
const LIMITS = { counters: 1000, exposures: 1000, metrics: 1000, batch: 1000, characters: 300_000 };

/** Gathers what happens and cuts it into batches. Times are milliseconds since 1970. */
export class Recorder {
  #limits;
  /** @type {Map<string, Counter[]>} */
  #counters = new Map();
  #size = 0;
  /** @type {Batch["exposures"]} */
  #exposures = [];
  /** @type {Batch["metrics"]} */
  #metrics = [];
  /** @type {Record<string, number>} */
  #dropped = {};

  /** @param {{ limits?: Partial<Limits> }} [options] */
  constructor({ limits } = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** How many entries wait to be sent. */
  get size() {
    return this.#size + this.#exposures.length + this.#metrics.length;
  }

  /**
   * Count an evaluation.
   * @param {string} flag
   * @param {Evaluation} evaluation
   * @param {number} nowMs
   */
  evaluated(flag, { variation, reason, flagVersion: version }, nowMs) {
    let counters = this.#counters.get(flag);
    for (const counter of counters ?? []) {
      if (counter.variation === variation && counter.reason === reason && counter.version === version) {
        counter.count++;
        return;
      }
    }
    if (this.#size >= this.#limits.counters || !isSendable(flag)) return this.#drop("evaluations");
    this.#size++;
    if (counters === undefined) this.#counters.set(flag, (counters = []));
    counters.push({ flag, version, variation, reason, count: 1, from: nowMs, to: nowMs });
  }

  /**
   * Note that a unit saw a variation. Whether that is new is `Sightings`' to say.
   * @param {Exposure} exposure
   * @param {number} nowMs
   */
  exposed(exposure, nowMs) {
    const isTaken = this.#exposures.length < this.#limits.exposures && isSendable(exposure.unit, 4096) && isSendable(exposure.flag);
    if (isTaken) this.#exposures.push({ time: nowMs, ...exposure });
    else this.#drop("exposures");
  }

  /**
   * Note what was measured of a unit, with the variations that it is known to have seen. Return whether it could be taken.
   * @param {string} key
   * @param {Measured} measured
   * @param {number} nowMs
   * @returns {boolean}
   */
  tracked(key, measured, nowMs) {
    const { by, unit, value } = measured;
    const isRight = isSendable(key) && isSendable(by) && isSendable(unit, 4096) && Number.isFinite(value);
    const isTaken = isRight && this.#metrics.length < this.#limits.metrics;
    if (isTaken) this.#metrics.push({ time: nowMs, key, ...measured });
    else this.#drop("metrics");
    return isTaken;
  }

  /**
   * Return what is to be sent, and forget it; null if there is nothing. What a batch has no room for is left for the next.
   * @param {number} nowMs
   * @returns {Batch | null}
   */
  take(nowMs) {
    const { batch } = this.#limits;
    let room = this.#limits.characters;
    /** @template T @param {T[]} queue @returns {T[]} */
    const cut = (queue) => {
      const end = queue.slice(0, batch).findIndex((entry) => (room -= JSON.stringify(entry).length) < 0);
      return queue.splice(0, end < 0 ? batch : end);
    };
    const waiting = [...this.#counters.values()].flat();
    const taken = { counters: cut(waiting), exposures: cut(this.#exposures), metrics: cut(this.#metrics), dropped: this.#dropped };
    this.#dropped = {};
    this.#counters.clear();
    this.#size = waiting.length;
    for (const counter of waiting) this.#counters.set(counter.flag, [...(this.#counters.get(counter.flag) ?? []), counter]);
    for (const counter of taken.counters) counter.to = Math.max(nowMs, counter.from);
    return Object.values(taken).some((each) => Object.keys(each).length > 0) ? taken : null;
  }

  /**
   * Own up to a batch that was taken from here and will never arrive: the next one says how much was lost with it.
   * @param {Batch} batch
   */
  lost({ counters, exposures, metrics, dropped }) {
    this.#drop(
      "evaluations",
      counters.reduce((sum, { count }) => sum + count, 0),
    );
    this.#drop("exposures", exposures.length);
    this.#drop("metrics", metrics.length);
    for (const sort in dropped) this.#drop(sort, dropped[sort]);
  }

  /** @param {string} sort */
  #drop(sort, count = 1) {
    if (count > 0) this.#dropped[sort] = (this.#dropped[sort] ?? 0) + count;
  }
}

/**
 * Tell whether a batch may carry *text*: not every storage takes a NUL, UTF-8 has no lone surrogates, and no text is endless.
 * @param {unknown} text
 * @returns {text is string}
 */
function isSendable(text, longest = 256) {
  return typeof text === "string" && text !== "" && text.length <= longest && !/[\0\ud800-\udfff]/u.test(text);
}
