/**
 * What a client needs of the machine that it runs on, in one object: tests give it another clock, another chance, another network.
 * @module
 */

/**
 * @typedef {object} Platform
 * @property {typeof fetch} fetch
 * @property {() => number} now milliseconds since 1970, which may be wrong and may jump
 * @property {() => number} elapsed milliseconds of a clock that never goes back; for ages and waiting
 * @property {() => number} random from 0 to 1, for jitter
 * @property {(ms: number, run: () => void) => () => void} later calls *run* once after *ms*; what it returns calls that off
 * @property {(message: string) => void} warn tells the person who runs the application
 */

/**
 * Return the platform that every browser, worker and server runtime has.
 * @returns {Platform}
 */
export function webPlatform() {
  return {
    fetch: (...request) => fetch(...request),
    now: () => Date.now(),
    elapsed: () => performance.now(),
    random: () => Math.random(),
    later: (ms, run) => {
      // A timer with a longer wait fires at once.
      const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
      return () => clearTimeout(timer);
    },
    warn: (message) => console.warn(message),
  };
}
