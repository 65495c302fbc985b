/**
 * Measures the worker in app.js: a mix of what a shop's worker is asked, while nothing changes, while one flag does each second, and while
 * all do; beside a constant from the same isolate, which meets its pauses, and one from a process of its own, which meets the machine's.
 */

import assert from "node:assert/strict";
import { loadavg } from "node:os";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { ruled, snapshot } from "../../js/test/worker/documents.js";
import { Inspector } from "../../js/test/worker/inspector.js";
import { metadataOf, run } from "../../js/test/worker/running.js";
import { hangUp, mixed, spentOn, timed } from "./asking.js";
import { quantile, table } from "./report.js";

/** @typedef {import("../../js/test/worker/running.js").RunningWorker} RunningWorker */
/** @typedef {import("./asking.js").Way} Way */
/** @typedef {{ metadata: object, packed: Uint8Array, megabytes: number }} Document */

const FLAGS = 10_000;
/** Of so many flags one is for browsers: 304 in all. */
const NTH_IN_PAGES = 33;
const IN_PAGES = Math.ceil(FLAGS / NTH_IN_PAGES);
const MIX_S = 10;
const CPU_S = 1.5;
const KV_INTERVAL_S = 1;
const CHANGES = 5;
const LARGE_BULKS = 20;
const NAME = "flags";

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" }, json: { type: "string" } } });

/** @param {number} number */
const contextOf = (number) => JSON.stringify({ context: { targetingKey: `u${number}`, country: "DE" } });

/** @type {Record<string, Way>} */
const WAYS = {
  constant: { title: "a constant, from the same isolate", share: 10, of: () => ({ path: "/constant" }) },
  flag: {
    title: "one flag of 10,000, five rules",
    share: 40,
    of: (number) => ({ path: `/?flag=${keyOf(number * 7919)}&user=u${number}` }),
  },
  ofrep: {
    title: "one flag over OFREP",
    share: 20,
    of: (number) => ({ path: `/ofrep/v1/evaluate/flags/${keyOf((number % IN_PAGES) * NTH_IN_PAGES)}`, body: contextOf(number) }),
  },
  bulk: {
    title: `all ${IN_PAGES} client-side flags over OFREP`,
    share: 10,
    of: (number) => ({ path: "/ofrep/v1/evaluate/flags", body: contextOf(number) }),
  },
  page: { title: `a page with ${IN_PAGES} flags in its head`, share: 20, of: (number) => ({ path: `/page?user=u${number}` }) },
};
const TITLES = {
  floor: "a constant, from another process: the floor",
  ...Object.fromEntries(Object.entries(WAYS).map(([name, { title }]) => [name, title])),
};

/** @param {number} number */
function keyOf(number) {
  return `flag-${String(number % FLAGS).padStart(5, "0")}`;
}

/**
 * Return a document of 10,000 flags.
 * @param {number} revision
 * @param {(number: number) => number} versionOf
 * @param {(number: number) => boolean} isClientSide
 * @returns {Document}
 */
function documentOf(revision, versionOf, isClientSide = (number) => number % NTH_IN_PAGES === 0) {
  const fields = (/** @type {number} */ number) => ({ version: versionOf(number), clientSide: isClientSide(number) });
  const flags = Array.from({ length: FLAGS }, (_, number) => ruled(number, fields(number)));
  const body = snapshot(revision, flags);
  return { metadata: metadataOf(body), packed: gzipSync(body), megabytes: body.length / 1e6 };
}

/** @param {RunningWorker} worker @param {Document} document */
async function publish(worker, { metadata, packed }) {
  // The runtime closes connections that are idle for 5 s, and it could be just then.
  const headers = { connection: "close", "x-document": JSON.stringify({ name: "pennon:1:default/production:server", metadata }) };
  const answer = await fetch(worker.url, { method: "PUT", headers, body: packed });
  assert.equal(answer.status, 204);
}

/** @param {number} number */
async function start(number) {
  const file = new URL("./app.js", import.meta.url).href;
  const bindings = { KV_INTERVAL_S: String(KV_INTERVAL_S) };
  return run({ file, options: { bindings, ...(number === 0 ? { name: NAME, inspectorPort: 0 } : {}) } });
}

/**
 * Ask while a document is published each second, and note the most that was on the heap.
 * @param {RunningWorker} worker
 * @param {string} floor
 * @param {Document[]} documents
 */
async function changing(worker, floor, documents) {
  const inspector = await Inspector.of(worker, NAME);
  let most = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      most = Math.max(most, await inspector.used());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const publishing = (async () => {
    for (const document of documents) {
      await publish(worker, document);
      await new Promise((resolve) => setTimeout(resolve, 2000 * KV_INTERVAL_S));
    }
  })();
  try {
    const found = await mixed({ url: worker.url, floor }, WAYS, 2 * KV_INTERVAL_S * documents.length);
    await publishing;
    isOver = true;
    await watching;
    return { found, most };
  } finally {
    isOver = true;
    inspector.close();
  }
}

/** How long it takes to answer all of 10,000 flags at once, which no page has. @param {RunningWorker} worker */
async function large(worker) {
  await publish(worker, documentOf(1, () => 1, () => true));
  const times = [];
  for (let number = 0; number < LARGE_BULKS; number++) times.push(await timed(worker.url, WAYS.bulk.of(number)));
  return times;
}

/** @param {Record<string, number[]>[]} rounds */
function together(rounds) {
  return Object.fromEntries(Object.keys(rounds[0]).map((name) => [name, rounds.flatMap((each) => each[name])]));
}

/** @param {RunningWorker[]} workers one is measured, one is the floor, one answers 10,000 flags at once */
async function measure([worker, { url: floor }, largest], rounds = Number(options.rounds)) {
  const first = documentOf(1, () => 1);
  await publish(worker, first);
  const firstMs = await timed(worker.url, WAYS.flag.of(1));
  const mb = first.megabytes.toFixed(1);
  console.log(`workerd, ${FLAGS} flags (${mb} MB) out of KV, ${IN_PAGES} of them client-side`);
  console.log(`an isolate's first request: ${firstMs.toFixed(0)} ms`);
  await mixed({ url: worker.url, floor }, WAYS, 2);
  const quiet = [];
  for (let round = 0; round < rounds; round++) quiet.push(await mixed({ url: worker.url, floor }, WAYS, MIX_S));
  /** @type {Record<string, number>} */
  const cpu = {};
  for (const [name, way] of Object.entries(WAYS)) cpu[name] = await spentOn(worker.url, way, CPU_S);
  const still = table("nothing changes", TITLES, together(quiet), { isGoal: true, cpu });
  const isChanged = (/** @type {number} */ number, /** @type {number} */ at) => number % NTH_IN_PAGES === 0 && number <= at * NTH_IN_PAGES;
  const one = Array.from({ length: CHANGES }, (_, at) => documentOf(at + 2, (number) => (isChanged(number, at) ? 2 : 1)));
  const few = await changing(worker, floor, one);
  const all = await changing(worker, floor, [documentOf(CHANGES + 2, () => CHANGES + 2), documentOf(CHANGES + 3, () => CHANGES + 3)]);
  const afterOne = table("one flag changes every other second", TITLES, few.found, { isGoal: true });
  // Cloudflare has another isolate answer meanwhile, here there is one.
  const afterAll = table("all 10,000 change every other second", TITLES, all.found, { isGoal: false });
  const [ofOne, ofAll] = [few, all].map(({ most }) => `${(most / 1e6).toFixed(0)} MB`);
  console.log(`\nthe most on the heap, garbage and all: ${ofOne} as one changed, ${ofAll} as all did`);
  const [begun, ...then] = await large(largest);
  const later = `p50 ${quantile(then, 0.5).toFixed(0)} ms, max ${Math.max(...then).toFixed(0)} ms`;
  console.log(`all ${FLAGS} flags in one answer: first ${begun.toFixed(0)} ms, then ${later}`);
  console.log(`load of the machine: ${loadavg().map((each) => each.toFixed(1)).join(", ")}`);
  return { firstMs, still, afterOne, afterAll, heap: { one: few.most, all: all.most }, large: [begun, ...then] };
}

async function main() {
  /** @type {RunningWorker[]} */
  const workers = [];
  try {
    for (let number = 0; number < 3; number++) workers.push(await start(number));
    const found = await measure(workers);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ flags: FLAGS, ...found }, null, 1)}\n`);
  } finally {
    hangUp();
    for (const worker of workers) await worker.close();
  }
}

await main();
