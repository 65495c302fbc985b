/**
 * A worker's client by a clock of the test's own.
 * @module
 */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";

import { Client } from "../../client/worker/index.js";
import { boolean, snapshot } from "../worker/documents.js";
import { ENVIRONMENT, metadataOf } from "../worker/running.js";

export const EDGE = { url: "https://edge.example/", key: "k" };

/** A platform whose time the test moves. `posted` are the bodies that were sent to it; `answers` what it says to them. */
export class Hands {
  ms = 1000;
  /** @type {{ atMs: number, run: () => void }[]} */
  timers = [];
  /** @type {any[]} */
  posted = [];
  /** @type {(number | Error)[]} */
  answers = [];
  /** @type {string[]} */
  warnings = [];

  platform = {
    now: () => 1_772_366_400_000 + this.ms,
    elapsed: () => this.ms,
    random: () => 0.5,
    later: (/** @type {number} */ ms, /** @type {() => void} */ run) => {
      const timer = { atMs: this.ms + ms, run };
      this.timers.push(timer);
      return () => void (this.timers = this.timers.filter((each) => each !== timer));
    },
    warn: (/** @type {string} */ message) => void this.warnings.push(message),
    fetch: async (/** @type {any} */ address, /** @type {any} */ init) => {
      if (String(address).includes("/sdk/v1/snapshot?")) return new Response(null, { status: 503 });
      assert.match(String(address), /^https:\/\/edge\.example\/sdk\/v1\/events\?environment=default%2Fproduction$/);
      this.posted.push(JSON.parse(init.body));
      const answer = this.answers.shift() ?? 202;
      if (answer instanceof Error) throw answer;
      return new Response(null, { status: answer });
    },
  };

  /** Let *ms* pass, and what waits for it be done. @param {number} ms */
  async pass(ms) {
    const end = this.ms + ms;
    for (;;) {
      await settled();
      const due = this.timers.filter(({ atMs }) => atMs <= end).sort((one, other) => one.atMs - other.atMs)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((each) => each !== due);
      this.ms = Math.max(this.ms, due.atMs);
      due.run();
    }
    this.ms = end;
    await settled();
  }
}

/** Let all be done that waits for nothing. */
export async function settled() {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A KV that answers when it is told to. */
export class Kv {
  reads = 0;
  body = snapshot(7, [boolean("checkout")]);
  /** @type {(() => Promise<void>) | undefined} */
  before;

  async getWithMetadata() {
    this.reads++;
    await this.before?.();
    return { value: new Blob([gzipSync(this.body)]).stream(), metadata: metadataOf(this.body) };
  }
}

/** @param {Partial<import("../../client/worker/settings.js").Options>} [options] */
export function made(options = {}) {
  const hands = new Hands();
  const kv = new Kv();
  /** @type {Promise<unknown>[]} */
  const behind = [];
  const ctx = { waitUntil: (/** @type {Promise<unknown>} */ work) => void behind.push(work) };
  const client = new Client({ kv, environment: ENVIRONMENT, platform: /** @type {any} */ (hands.platform), ...options });
  return { hands, kv, behind, ctx, client };
}
