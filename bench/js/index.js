/**
 * Evaluation in JavaScript: Pennon beside the SDKs of others, offline, in one run, and ratios.
 *
 *     node index.js [--quick] [--only pennon,statsig] [--workloads W1,W3] [--modes value,counted] [--json FILE]
 *
 * Slices take turns, LaunchDarkly's `value` between them as the yardstick; rates are per CPU second of the SDK's process,
 * the best of the rounds; a ratio is formed between neighbouring slices, and the median of the rounds is taken.
 */

import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { SDKS } from "./sdks/index.js";
import { WORKLOADS } from "./worlds.js";

const YARDSTICK = "launchdarkly";
const MODES = {
  value: "value: true or false, and no more; exposures off where they can be (Pennon counts)",
  detail: "detail: with variation, reason and what else there is",
  counted: "counted: with exposures or evaluations counted",
};

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    workloads: { type: "string" },
    modes: { type: "string" },
    json: { type: "string" },
  },
});
const extent = options.quick ? { rounds: 3, seconds: 0.02, crowd: 1000 } : { rounds: 9, seconds: 0.04, crowd: 10_000 };
const names = Object.keys(SDKS).filter((name) => options.only === undefined || options.only.split(",").includes(name));
const workloads = Object.keys(WORKLOADS).filter((name) => options.workloads === undefined || options.workloads.split(",").includes(name));
const modes = Object.keys(MODES).filter((name) => options.modes === undefined || options.modes.split(",").includes(name));

/** A process that keeps one SDK. */
class Worker {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.child = fork(fileURLToPath(new URL("worker.js", import.meta.url)), [name], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: ["--expose-gc"],
    });
  }

  /** @param {Record<string, any>} command @returns {Promise<any>} */
  ask(command) {
    return new Promise((resolve) => {
      const done = (/** @type {any} */ answer) => {
        this.child.off("message", done).off("exit", died);
        resolve(answer);
      };
      const died = () => done({ unable: "its process died" });
      this.child.once("message", done).once("exit", died);
      if (this.child.exitCode === null) this.child.send(command);
      else died();
    });
  }
}

/** @type {Map<string, { rates: number[], beside: number[] }>} */
const cells = new Map();
/** @type {Map<string, string>} */
const silent = new Map();
/** @type {Record<string, string>} */
const versions = {};
const loadBefore = loadavg()[0];

const workers = names.map((name) => new Worker(name));
const yardstick = new Worker(YARDSTICK);
for (const worker of workers) versions[worker.name] = (await worker.ask({ do: "hello" })).version ?? "";

for (const workload of workloads) {
  const broken = Object.entries(await yardstick.ask({ do: "prepare", workload, mode: "value", crowd: extent.crowd }))[0];
  if (broken !== undefined) throw new Error(`the yardstick is broken on ${workload}: ${broken.join(": ")}`);
  for (const mode of modes) {
    process.stderr.write(`${workload} ${mode} … `);
    const ready = [];
    for (const worker of workers) {
      const answer = await worker.ask({ do: "prepare", workload, mode, crowd: extent.crowd });
      if (Object.keys(answer).length === 0) ready.push(worker);
      else silent.set(`${worker.name} ${workload} ${mode}`, Object.entries(answer)[0].join(": "));
    }
    for (let round = 0; round < extent.rounds; round++) await measure(ready, workload, mode);
  }
}
for (const { child } of [...workers, yardstick]) child.kill();
show();

/**
 * Take a slice of each. The yardstick's come after every second: each is next to one.
 * @param {Worker[]} ready
 * @param {string} workload
 * @param {string} mode
 */
async function measure(ready, workload, mode) {
  const slice = { do: "slice", seconds: extent.seconds };
  let beside = (await yardstick.ask(slice)).rate;
  for (const [index, worker] of ready.entries()) {
    const { rate } = await worker.ask(slice);
    if (index % 2 === 1) beside = (await yardstick.ask(slice)).rate;
    const cell = `${worker.name} ${workload} ${mode}`;
    const { rates, beside: others } = cells.get(cell) ?? { rates: [], beside: [] };
    cells.set(cell, { rates: [...rates, rate], beside: [...others, beside] });
  }
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {{ rates: number[], beside: number[] }} cell */
function ratioOf({ rates, beside }) {
  return median(rates.map((rate, index) => rate / beside[index]));
}

/** @param {number} number */
function times(number) {
  return number >= 20 ? number.toFixed(0) : number.toFixed(number >= 1 ? 1 : 2);
}

/** @param {number} rate */
function short(rate) {
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(2)} M` : `${Number((rate / 1e3).toPrecision(3))} k`;
}

/** @param {string} name @param {string} workload @param {string} mode */
function shown(name, workload, mode) {
  const key = `${name} ${workload} ${mode}`;
  const cell = cells.get(key);
  if (cell === undefined) return (silent.get(key)?.startsWith("wrong") ? "wrong" : "–").padStart(18);
  return `${short(Math.max(...cell.rates)).padStart(9)}${times(ratioOf(cell)).padStart(8)}×`;
}

function show() {
  const load = `load ${loadBefore.toFixed(1)} before and ${loadavg()[0].toFixed(1)} after`;
  const { rounds, seconds, crowd } = extent;
  const slices = `${rounds} rounds of ${seconds * 1000} ms; ${crowd} flags in W4`;
  console.log(`\nNode ${process.versions.node}, ${cpus().length} cores, ${load}; ${slices}`);
  for (const mode of modes) {
    console.log(`\n${MODES[/** @type {keyof typeof MODES} */ (mode)]}`);
    console.log("calls a CPU second, and × of LaunchDarkly's value".padEnd(50) + workloads.map((each) => each.padStart(18)).join(""));
    for (const name of names) {
      if (![...cells.keys()].some((key) => key.startsWith(`${name} `) && key.endsWith(` ${mode}`))) continue;
      console.log(`${name} ${versions[name]}`.padEnd(50) + workloads.map((workload) => shown(name, workload, mode)).join(""));
    }
  }
  if (silent.size > 0) console.log("\nNot measured");
  for (const [cell, why] of silent) console.log(`  ${cell}: ${why}`);
  console.log("\nGoals");
  for (const [goal, found] of goals()) console.log(`  ${goal}: ${found}`);
  const found = [...cells].map(([key, cell]) => ({ cell: key, rate: Math.max(...cell.rates), ratio: ratioOf(cell) }));
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      `${JSON.stringify({ node: process.versions.node, versions, cells: found, silent: Object.fromEntries(silent) }, null, 1)}\n`,
    );
}

/** @returns {[string, string][]} */
function goals() {
  const counted = cells.get("pennon W3 counted");
  const behind = workloads.flatMap((workload) =>
    modes.flatMap((mode) => {
      const ours = cells.get(`pennon ${workload} ${mode}`);
      const others = names.filter((name) => name !== "pennon").map((name) => ({ name, cell: cells.get(`${name} ${workload} ${mode}`) }));
      return ours === undefined
        ? []
        : others
            .filter(({ cell }) => cell !== undefined && ratioOf(cell) >= ratioOf(ours))
            .map(({ name }) => `${name} on ${workload} ${mode}`);
    }),
  );
  const rate = counted === undefined ? "not measured" : `${Math.round(Math.max(...counted.rates)).toLocaleString("en")}`;
  return [
    ["ahead of each on every workload", behind.length === 0 ? "met" : `NOT met: behind ${behind.join(", ")}`],
    ["W3 counted over 1,000,000 a CPU second", rate],
  ];
}
