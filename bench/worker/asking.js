/**
 * Asking a worker at a fixed rate, whether the last request was answered or not, so that a pause shows in all who met it.
 * @module
 */

import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";

/** What is asked: a path, and a body where it is posted. @typedef {{ path: string, body?: string }} Asked */
/** A kind of request. `share`: of a hundred in a mix. @typedef {{ title: string, share: number, of: (number: number) => Asked }} Way */

const RATE = 100;
const TICK_MS = 10;
/** Apart from the rate's own, so that ways do not keep step with anything. */
const STRIDE = 37;

/** The runtime closes what is idle for 5 s: who asks over such a connection just then is not answered. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 2000 });

export function hangUp() {
  agent.destroy();
}

/**
 * Send one request, and return how long its whole answer took, in milliseconds.
 * @param {string} url
 * @param {Asked} asked
 * @returns {Promise<number>}
 */
export function timed(url, { path, body }) {
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
 * Call *ask* at the rate for some seconds, and wait for all that it began.
 * @param {number} seconds
 * @param {(number: number) => Promise<unknown>} ask
 */
async function atRate(seconds, ask) {
  const asked = [];
  const started = performance.now();
  for (let number = 0; number < RATE * seconds; number++) {
    const waitMs = started + (number * 1000) / RATE - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    asked.push(ask(number));
  }
  await Promise.all(asked);
}

/**
 * Ask in one way, and return the processor time of the runtime for each answer, in milliseconds.
 * @param {string} url
 * @param {Way} way
 * @param {number} seconds
 */
export async function spentOn(url, { of }, seconds) {
  const before = spentMs();
  await atRate(seconds, (number) => timed(url, of(number)));
  return (spentMs() - before) / (RATE * seconds);
}

/**
 * Ask in all ways, mixed by their shares, and a floor beside each; return how long answers took, by way, the floor's under `floor`.
 * @param {{ url: string, floor: string }} where the floor: another process, which answers a constant
 * @param {Record<string, Way>} ways
 * @param {number} seconds
 * @returns {Promise<Record<string, number[]>>}
 */
export async function mixed({ url, floor }, ways, seconds) {
  const wheel = Object.entries(ways).flatMap(([name, { share }]) => Array.from({ length: share }, () => name));
  /** @type {Record<string, number[]>} */
  const found = { floor: [], ...Object.fromEntries(Object.keys(ways).map((name) => [name, []])) };
  await atRate(seconds, async (number) => {
    const name = wheel[(number * STRIDE) % wheel.length];
    const [took, beside] = await Promise.all([timed(url, ways[name].of(number)), timed(floor, ways.constant.of(number))]);
    found[name].push(took);
    found.floor.push(beside);
  });
  return found;
}

/** Return the processor time of this process's children, of which the runtimes alone work: in milliseconds, NaN where nobody says. */
function spentMs() {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ");
    const stats = children.map((child) => readFileSync(`/proc/${child}/stat`, "utf8").replace(/^.*\) /s, "").split(" "));
    return stats.reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS, 0);
  } catch {
    return NaN;
  }
}
