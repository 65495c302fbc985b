/**
 * Runs `pennon serve` for tests, in a folder and on a port of its own, with keys and flags made over the admin API. `PENNON` in the
 * environment names the command; without it, it is that of the virtual environment beside `js/`.
 * @module
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const PENNON = process.env.PENNON ?? fileURLToPath(new URL("../../.venv/bin/pennon", import.meta.url));
const START_MS = 120_000;
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
const PROJECT = "default";
const ENVIRONMENT = "production";
const DEFINED = new Set(
  "key kind variations valueSchema clientSide name description tags owner lifetime expectedRemoval".split(" "),
);

/** An environment of a server, and what a test does in it. */
export class Environment {
  /**
   * @param {Serving} server
   * @param {string} name the environment's key; its project is `default`
   */
  constructor(server, name) {
    this.server = server;
    this.name = name;
    this.path = `/projects/${PROJECT}/environments/${name}`;
    this.serverKey = "";
    this.clientKey = "";
  }

  /** The server's address. It stays the same when the server is killed and started again. */
  get url() {
    return this.server.address;
  }

  /**
   * Make a key of this environment and return its secret.
   * @param {"server" | "client" | "edge"} kind
   * @param {{origins?: string[], name?: string}} [rest]
   * @returns {Promise<string>}
   */
  async key(kind, rest = {}) {
    return (await this.server.api("POST", `${this.path}/keys`, { kind, ...rest })).secret;
  }

  /**
   * Make edits as one change, and return the answer: `{changeId, epoch, revision, changed, warnings}`.
   * @param {...object} edits as `POST …/changes` takes them
   * @returns {Promise<any>}
   */
  async change(...edits) {
    return this.server.api("POST", `${this.path}/changes`, { edits, why: "a test" });
  }

  /**
   * Create or replace a flag. Where it does not say otherwise, it is on and client-side, serves its first variation (of a boolean:
   * `on`), and its last one (`off`) while it is off.
   * @param {{key: string} & Record<string, any>} flag as a snapshot shows it
   * @returns {Promise<any>}
   */
  async put(flag) {
    const names = flag.variations?.map((/** @type {{key: string}} */ { key }) => key) ?? ["on", "off"];
    const whole = { clientSide: true, on: true, fallthrough: { variation: names[0] }, offVariation: names.at(-1), ...flag };
    const entries = Object.entries(whole);
    const definition = Object.fromEntries(entries.filter(([name]) => DEFINED.has(name)));
    const configuration = Object.fromEntries(entries.filter(([name]) => !DEFINED.has(name)));
    return this.change({ do: "putFlag", definition, configuration });
  }

  /** @param {string} flag its key */
  async turnOn(flag) {
    return this.change({ do: "turnOn", flag });
  }

  /** @param {string} flag its key */
  async turnOff(flag) {
    return this.change({ do: "turnOff", flag });
  }

  /** Let browsers have the rules of client-side flags, or not. */
  async allowClientRules(allowed = true) {
    const shown = await this.server.api("GET", this.path);
    return this.server.api("PUT", this.path, { name: shown.name, description: shown.description, clientRules: allowed });
  }
}

/** A server. It is also its own environment `default/production`. */
export class Serving extends Environment {
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;
  #folder = "";
  #endings = () => {};
  #port = 0;
  /** The administrator's. */
  token = "";
  /** @type {string[]} */
  #options;

  /** @param {string[]} options what follows `pennon serve` on the command line */
  constructor(options) {
    // @ts-expect-error: the server of this environment is this
    super(null, ENVIRONMENT);
    this.server = this;
    this.#options = options;
  }

  /** The address that it had when it last started. */
  get address() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Start it: the first time on a free port, then on the same one, with the same data. */
  async start() {
    assert(this.#process === null, "it runs");
    this.#folder ||= await mkdtemp(join(tmpdir(), "pennon-js-"));
    this.#port ||= await freePort();
    const data = join(this.#folder, "data");
    const said = await this.#run(["serve", "--json", "--data", data, "--port", String(this.#port), ...this.#options]);
    this.token ||= said.administratorToken;
    return this;
  }

  /** @param {string[]} words */
  async #run(words) {
    const running = spawn(PENNON, words, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = running;
    this.#endings = endWith(running, this.#folder);
    running.stderr.pipe(createWriteStream(join(this.#folder, "log"), { flags: "a" }));
    const lines = createInterface({ input: running.stdout });
    const late = new AbortController();
    const ended = Promise.race([once(running, "exit"), setTimeout(START_MS, null, { signal: late.signal })]).then(() => null);
    const line = await Promise.race([once(lines, "line"), ended]);
    late.abort();
    ended.catch(() => {});
    if (line === null) {
      await this.kill();
      assert.fail(`${PENNON} ${words.join(" ")} did not start: ${await this.log()}`);
    }
    return JSON.parse(line[0]);
  }

  /** What it wrote on standard error so far. */
  async log() {
    return readFile(join(this.#folder, "log"), "utf8");
  }

  /** End it without warning, as a power cut would. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** End it in good order: streams are told goodbye. */
  async stop() {
    await this.#end("SIGTERM");
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const running = this.#process;
    if (running === null) return;
    this.#process = null;
    this.#endings();
    const exited = running.exitCode === null && running.signalCode === null ? once(running, "exit") : null;
    running.kill(signal);
    await exited;
  }

  /** End it and remove its folder. */
  async close() {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * Return the JSON of an answer of the admin API, which must be a success.
   * @param {string} method
   * @param {string} path below `/api/v1`
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async api(method, path, body) {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    const answer = await fetch(`${this.address}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  /**
   * Return the sum of a metric over its labels that match, as `/metrics` says it now.
   * @param {string} name as in `pennon_streams`
   * @param {Record<string, string>} [labels] as in `{projection: "notify"}`
   * @returns {Promise<number>}
   */
  async metric(name, labels = {}) {
    const answer = await fetch(`${this.address}/metrics`, { headers: { Authorization: `Bearer ${this.token}` } });
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const lines = (await answer.text()).split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const matching = lines.filter((line) => wanted.every((label) => line.includes(label)));
    return matching.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  /**
   * Make another environment, with keys: each test may have its own, which is much cheaper than a server. Every flag is off in it.
   * @param {string} name
   * @param {{clientRules?: boolean}} [fields]
   * @returns {Promise<Environment>}
   */
  async environment(name, fields = {}) {
    await this.api("POST", `/projects/${PROJECT}/environments`, { key: name, ...fields });
    return withKeys(new Environment(this, name));
  }
}

/**
 * Start a server. `close()` it in `after`.
 * @param {{options?: string[]}} [how] more words for the command line
 * @returns {Promise<Serving>} with `url`, `serverKey` and `clientKey` of `default/production`
 */
export async function serve({ options = [] } = {}) {
  const server = new Serving(options);
  try {
    return await withKeys(await server.start());
  } catch (error) {
    await server.close();
    throw error;
  }
}

/**
 * Return what all of *starting* start, or close what did start and throw: what nobody holds would keep the process of the tests alive.
 * @template {{ close(): Promise<unknown> }[]} T
 * @param {{ [I in keyof T]: Promise<T[I]> }} starting
 * @returns {Promise<T>}
 */
export async function together(...starting) {
  const outcomes = await Promise.allSettled(starting);
  const failed = outcomes.find((each) => each.status === "rejected");
  if (failed === undefined) return Promise.all(starting);
  await Promise.all(outcomes.map((each) => each.status === "fulfilled" && each.value.close()));
  throw failed.reason;
}

/**
 * Have *running* end with this process, also where that is told to end, and its folder with it. What is returned takes that back.
 * @param {import("node:child_process").ChildProcess} running
 * @param {string} folder
 */
function endWith(running, folder) {
  const end = () => {
    running.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const told = () => process.exit(1);
  process.on("exit", end);
  for (const signal of SIGNALS) process.on(signal, told);
  return () => {
    process.off("exit", end);
    for (const signal of SIGNALS) process.off(signal, told);
  };
}

/**
 * Return a free port below those that systems give to who connects: nobody takes it while the server is down.
 * @returns {Promise<number>}
 */
async function freePort() {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 20_000);
    const trial = createServer();
    const isFree = await once(trial.listen(port, "127.0.0.1"), "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    await new Promise((resolve) => trial.close(resolve));
    return port;
  }
}

/**
 * @template {Environment} E
 * @param {E} environment
 */
async function withKeys(environment) {
  [environment.serverKey, environment.clientKey] = await Promise.all([environment.key("server"), environment.key("client")]);
  return environment;
}

/**
 * Wait until *claim* holds, or throws no more, and return what it returned. For tests: nothing sleeps for a fixed time.
 * @template T
 * @param {() => T | Promise<T>} claim
 * @param {{withinMs?: number, everyMs?: number}} [bounds]
 * @returns {Promise<Awaited<T>>}
 */
export async function until(claim, { withinMs = 60_000, everyMs = 20 } = {}) {
  const end = Date.now() + withinMs;
  for (;;) {
    const last = Date.now() > end;
    try {
      const found = await claim();
      if (found) return found;
      if (last) assert.fail(`not so within ${withinMs / 1000} s: ${claim}`);
    } catch (error) {
      if (last) throw error;
    }
    await setTimeout(everyMs);
  }
}
