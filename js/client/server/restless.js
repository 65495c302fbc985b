/**
 * Finds flags that change all the time: a program in a loop, two operators who disagree, an import run too often.
 * @module
 */

/** More changes than this within a minute are worth a warning. */
export const CHANGES = 10;
const MINUTE_S = 60;

/** Says which flags changed more than ten times within a minute, each at most once a minute. */
export class RestlessFlags {
  /** @type {Map<string, { times: number[], saidAt: number }>} */
  #changes = new Map();

  /**
   * Note that *flags* changed at *now*; return those to warn of.
   * @param {readonly string[]} flags
   * @param {number} now seconds
   * @returns {string[]}
   */
  changed(flags, now) {
    return flags.filter((flag) => {
      const known = this.#changes.get(flag) ?? { times: [], saidAt: -Infinity };
      this.#changes.set(flag, known);
      known.times = [...known.times, now].slice(-CHANGES - 1);
      if (known.times.length <= CHANGES || now - known.times[0] > MINUTE_S || now - known.saidAt < MINUTE_S) return false;
      known.saidAt = now;
      return true;
    });
  }

  /** Forget what was more than a minute ago. @param {number} now seconds */
  tick(now) {
    for (const [flag, { times }] of this.#changes) if (now - times[times.length - 1] > MINUTE_S) this.#changes.delete(flag);
  }
}
