/**
 * What was found, in a table.
 * @module
 */

const GOALS = { p50: 5, p99: 15 };

/** @param {number[]} times @param {number} share */
export function quantile(times, share) {
  const sorted = [...times].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** @param {string[]} cells */
function line([title, ...cells]) {
  return title.padEnd(44) + cells.map((each) => each.padStart(9)).join("");
}

/**
 * Say how long answers took, and whether that is within the goal, where there is one.
 * @param {string} heading
 * @param {Record<string, string>} titles
 * @param {Record<string, number[]>} found the floor's among it
 * @param {{ isGoal: boolean, cpu?: Record<string, number> }} how
 */
export function table(heading, titles, found, { isGoal, cpu = {} }) {
  console.log(`\n${line([heading, "answers", "p50 ms", "p99 ms", "max ms", "CPU ms", isGoal ? "goal" : ""])}`);
  const rows = Object.entries(found).map(([name, times]) => {
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(times, share));
    const isMet = p50 < GOALS.p50 && p99 < GOALS.p99;
    return { name, count: times.length, p50, p99, max: Math.max(...times), cpu: cpu[name], isMet };
  });
  const [floor] = rows;
  for (const { name, count, p50, p99, max, cpu: spentMs, isMet } of rows) {
    // Where a constant takes that long in a process of its own, the machine is too busy to tell.
    const verdict = isMet ? "met" : floor.isMet ? "MISSED" : "?";
    const spent = spentMs === undefined ? "" : spentMs.toFixed(2);
    const goal = isGoal && name !== "floor" ? verdict : "";
    console.log(line([titles[name], String(count), p50.toFixed(2), p99.toFixed(2), max.toFixed(2), spent, goal]));
  }
  return rows;
}
