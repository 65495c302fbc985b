/**
 * Measures the worker in app.js: requests come at a fixed rate, whether the last one was answered or not, so that a pause shows in all who
 * met it. Ways take turns, so that what else the machine does meets all alike; the processor's time is disturbed least by it.
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { ruled, snapshot } from "../../js/test/worker/documents.js";
import { metadataOf, run } from "../../js/test/worker/running.js";

const FLAGS = 10_000;
const IN_PAGES = 20;
const RATE = 100;
const SLICE_S = 1.5;
const KV_INTERVAL_S = 1;
const GOALS = { p50: 5, p99: 15 };
const TICK_MS = 10;

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" }, json: { type: "string" } } });
/** The runtime closes what is idle for 5 s: who asks over such a connection just then is not answered. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 2000 });

/** @type {Record<string, { title: string, of: (number: number) => { path: string, body?: string } }>} */
const WAYS = {
  constant: { title: "a constant: the floor", of: () => ({ path: "/constant" }) },
  flag: { title: "one flag of 10,000, five rules", of: (number) => ({ path: `/?flag=${keyOf(number * 7919)}&user=u${number}` }) },
  ofrep: {
    title: "the same over OFREP",
    of: (number) => ({
      path: `/ofrep/v1/evaluate/flags/${keyOf((number % IN_PAGES) * (FLAGS / IN_PAGES))}`,
      body: JSON.stringify({ context: { targetingKey: `u${number}`, country: "DE" } }),
    }),
  },
  bulk: {
    title: `all ${IN_PAGES} of a page over OFREP`,
    of: (number) => ({ path: "/ofrep/v1/evaluate/flags", body: JSON.stringify({ context: { targetingKey: `u${number}`, country: "DE" } }) }),
  },
  page: { title: `a page with ${IN_PAGES} flags in its head`, of: (number) => ({ path: `/page?user=u${number}` }) },
};
/** Last, and no goal: Cloudflare has another isolate answer meanwhile, here there is one. */
const CHANGING = "one flag, as all 10,000 are published anew";

/** @param {number} number */
function keyOf(number) {
  return `flag-${String(number % FLAGS).padStart(5, "0")}`;
}

/** @param {number} revision */
function documentOf(revision) {
  const isInPages = (/** @type {number} */ number) => number % (FLAGS / IN_PAGES) === 0;
  const flags = Array.from({ length: FLAGS }, (_, number) => ruled(number, { version: revision, clientSide: isInPages(number) }));
  const body = snapshot(revision, flags);
  return { metadata: metadataOf(body), packed: gzipSync(body), megabytes: body.length / 1e6 };
}

/**
 * Send one request, and return how long its whole answer took, in milliseconds.
 * @param {string} url
 * @param {{ path: string, body?: string }} asked
 * @returns {Promise<number>}
 */
function timed(url, { path, body }) {
  const started = performance.now();
  const headers = { "accept-encoding": "identity", ...(body === undefined ? {} : { "content-type": "application/json" }) };
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { agent, method: body === undefined ? "GET" : "POST", headers }, (answer) => {
      answer.on("error", reject);
      const { statusCode } = answer;
      answer.on("end", () => (statusCode === 200 ? resolve(performance.now() - started) : reject(new Error(`${path}: ${statusCode}`))));
      answer.resume();
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/**
 * Ask at the rate for some seconds, and return how long each answer took.
 * @param {string} url
 * @param {(number: number) => { path: string, body?: string }} of
 * @param {number} seconds
 * @returns {Promise<number[]>}
 */
async function slice(url, of, seconds) {
  /** @type {Promise<number>[]} */
  const asked = [];
  const started = performance.now();
  for (let number = 0; number < RATE * seconds; number++) {
    const waitMs = started + (number * 1000) / RATE - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    asked.push(timed(url, of(number)));
  }
  return Promise.all(asked);
}

/** Return the processor time of this process's children, of which the runtime alone works: in milliseconds, NaN where nobody says. */
function spentMs() {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ");
    const stats = children.map((child) => readFileSync(`/proc/${child}/stat`, "utf8").replace(/^.*\) /s, "").split(" "));
    return stats.reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS, 0);
  } catch {
    return NaN;
  }
}

/** @param {number[]} times @param {number} share */
function quantile(times, share) {
  const sorted = [...times].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** @param {import("../../js/test/worker/running.js").RunningWorker} worker @param {ReturnType<typeof documentOf>} document */
async function publish(worker, { metadata, packed }) {
  const headers = { "x-document": JSON.stringify({ name: "pennon:1:default/production:server", metadata }) };
  const answer = await fetch(worker.url, { method: "PUT", headers, body: packed });
  assert.equal(answer.status, 204);
}

async function main() {
  const rounds = Number(options.rounds);
  const documents = [documentOf(1), documentOf(2)];
  const file = new URL("./app.js", import.meta.url).href;
  const worker = await run({ file, options: { bindings: { KV_INTERVAL_S: String(KV_INTERVAL_S) } } });
  try {
    await publish(worker, documents[0]);
    const firstMs = await timed(worker.url, WAYS.flag.of(1));
    for (const { of } of Object.values(WAYS)) await slice(worker.url, of, 0.5);
    /** @type {Record<string, number[]>} */
    const found = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
    /** @type {Record<string, number>} */
    const spent = Object.fromEntries(Object.keys(WAYS).map((name) => [name, 0]));
    for (let round = 1; round <= rounds; round++) {
      for (const [name, { of }] of Object.entries(WAYS)) {
        const before = spentMs();
        found[name].push(...(await slice(worker.url, of, SLICE_S)));
        spent[name] += spentMs() - before;
      }
    }
    await publish(worker, documents[1]);
    const changing = await slice(worker.url, WAYS.flag.of, 2 * KV_INTERVAL_S);
    show(found, { firstMs, megabytes: documents[0].megabytes, changing, spent });
  } finally {
    agent.destroy();
    await worker.close();
  }
}

/**
 * @param {Record<string, number[]>} found
 * @param {{ firstMs: number, megabytes: number, changing: number[], spent: Record<string, number> }} rest
 */
function show(found, { firstMs, megabytes, changing, spent }) {
  console.log(`workerd, ${FLAGS} flags (${megabytes.toFixed(1)} MB) out of KV, ${RATE} requests a second`);
  console.log(`an isolate's first request: ${firstMs.toFixed(0)} ms\n`);
  console.log("".padEnd(44) + ["p50 ms", "p99 ms", "× p50", "× p99", "CPU ms"].map((each) => each.padStart(8)).join(""));
  const ways = Object.entries(WAYS).map(([name, { title }]) => {
    const cpu = spent[name] / found[name].length;
    return { name, title, p50: quantile(found[name], 0.5), p99: quantile(found[name], 0.99), cpu };
  });
  const [floor] = ways;
  const changed = { title: CHANGING, p50: quantile(changing, 0.5), p99: quantile(changing, 0.99), cpu: NaN };
  for (const { title, p50, p99, cpu } of [...ways, changed]) {
    const columns = [p50.toFixed(2), p99.toFixed(2), (p50 / floor.p50).toFixed(2), (p99 / floor.p99).toFixed(2)];
    columns.push(Number.isNaN(cpu) ? "" : cpu.toFixed(2));
    console.log(title.padEnd(44) + columns.map((each) => each.padStart(8)).join(""));
  }
  console.log("");
  for (const { title, p50, p99 } of ways.slice(1)) {
    // Where a constant takes that long already, the machine is too busy to tell.
    const verdict = p50 < GOALS.p50 && p99 < GOALS.p99 ? "met" : floor.p50 < GOALS.p50 && floor.p99 < GOALS.p99 ? "MISSED" : "?";
    const beside = `p99 ${(p99 / floor.p99).toFixed(1)} × the floor's ${floor.p99.toFixed(1)} ms`;
    console.log(`${verdict.padEnd(7)}${title}: p50 under ${GOALS.p50} ms, p99 under ${GOALS.p99} ms (${beside})`);
  }
  const said = JSON.stringify({ flags: FLAGS, rate: RATE, firstMs, ways, changed }, null, 1);
  if (options.json !== undefined) writeFileSync(options.json, `${said}\n`);
}

await main();
