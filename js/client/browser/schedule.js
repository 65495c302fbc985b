/**
 * When the server is asked: one question at a time, again when its answer is past its time, at once on a notice, later after a failure.
 * @module
 */

import { isHidden } from "./page.js";

/**
 * Return what asks anew, plans, plans for later after a failure, asks if there is reason to, and ends.
 * @param {import("./page.js").Page} page
 * @param {() => string} whose while it changes, a question is dropped, and so is its answer
 * @param {(isWanted: () => boolean) => Promise<number>} load asks, takes the answer if it is still wanted, and gives the milliseconds
 *   until the next
 * @param {(trouble: import("./asking.js").Trouble) => void} failed
 */
export function scheduleOf(page, whose, load, failed) {
  /** @type {Promise<boolean> | undefined} */
  let running;
  /** @type {Promise<boolean> | undefined} */
  let next;
  /** @type {string} */
  let of;
  let cancel = () => {};
  let isDue = false;
  let isOver = false;
  let failures = 0;
  let asked = 0;

  /** Ask after *ms*, unless it is asked before; while the page is hidden, once it is not. @param {number} ms */
  const plan = (ms) => {
    cancel();
    cancel = page.later(ms, () => {
      isDue = true;
      if (!isHidden(page)) refresh();
    });
  };
  /** @param {number} [retryMs] */
  const backOff = (retryMs) => plan((retryMs || 500) + page.random() * Math.min(2 ** failures++, 60) * 2000);

  /** @param {string} name @returns {Promise<boolean>} */
  const run = async (name) => {
    const isWanted = () => !isOver && of === name && whose() === name;
    cancel();
    asked = page.now();
    next = undefined;
    isDue = false;
    const end = await load(isWanted).then(
      (ms) => () => {
        failures = 0;
        plan(ms);
        return true;
      },
      (error) => () => {
        backOff(error.retryMs);
        failed(error);
        return false;
      },
    );
    if (isOver) return false;
    if (!isWanted()) return running ?? false;
    running = undefined;
    return end();
  };

  /**
   * The answer to a question that was asked before is not good enough: it is asked once more for all who want it.
   * @returns {Promise<boolean>}
   */
  const refresh = async () => {
    const name = whose();
    if (isOver) return false;
    if (running && of === name) return (next ??= running.then((isIn) => (whose() === name ? refresh() : isIn)));
    of = name;
    return (running = run(name));
  };
  const wake = () => {
    // Who goes to and fro between tabs does not ask each time.
    if (!running && !isHidden(page) && (isDue || failures || Math.abs(page.now() - asked) > 30_000)) refresh();
  };
  const close = () => {
    isOver = true;
    cancel();
  };
  return /** @type {const} */ ([refresh, plan, backOff, wake, close]);
}
