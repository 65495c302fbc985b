/**
 * The outside of a client, by hand: a clock that stands still until it is told, chance that is known, and the far end of the wire. It fails
 * on a question that the test did not prepare.
 * @module
 */

import assert from "node:assert/strict";

/** A machine with one server on the other side of its network. */
export class Machine {
  /** What the client was told to say. @type {string[]} */
  warnings = [];
  /** @type {{ method: string, path: string, headers: Headers, body: any, atMs: number }[]} */
  requests = [];
  /** @type {OpenStream[]} */
  streams = [];
  chance = 0.5;
  #elapsedMs = 0;
  #startMs = 1_800_000_000_000;
  /** @type {{ atMs: number, run: () => void }[]} */
  #timers = [];
  /** @type {Map<string, (request: any) => Response | Promise<Response>>} */
  #answers = new Map();

  platform = {
    fetch: (/** @type {any} */ url, /** @type {any} */ init) => this.#fetch(new URL(url), init),
    now: () => this.#startMs + this.#elapsedMs,
    elapsed: () => this.#elapsedMs,
    random: () => this.chance,
    warn: (/** @type {string} */ message) => void this.warnings.push(message),
    later: (/** @type {number} */ ms, /** @type {() => void} */ run) => {
      const timer = { atMs: this.#elapsedMs + ms, run };
      this.#timers.push(timer);
      return () => void (this.#timers = this.#timers.filter((each) => each !== timer));
    },
  };

  /**
   * Answer what is asked at *path*, from now on.
   * @param {string} path as `/sdk/v1/snapshot`, or with the host before it
   * @param {(request: any) => Response | Promise<Response>} answer
   */
  on(path, answer) {
    this.#answers.set(path, answer);
    return this;
  }

  /** Refuse every connection, from now on. */
  die() {
    for (const path of this.#answers.keys()) this.on(path, refused);
    for (const stream of this.streams) stream.fail();
  }

  /** Answer streams with one that the test writes to: the latest is `stream`. @param {string} [path] */
  streamAt(path = "/sdk/v1/stream") {
    return this.on(path, ({ signal }) => {
      const stream = new OpenStream(signal);
      this.streams.push(stream);
      return new Response(stream.body, { headers: { "Content-Type": "text/event-stream" } });
    });
  }

  /** The stream that was opened last. */
  get stream() {
    const last = this.streams.at(-1);
    assert(last !== undefined, "no stream was opened");
    return last;
  }

  /** Let so much time pass, and everything happen that is due. @param {number} ms */
  async advance(ms) {
    const end = this.#elapsedMs + ms;
    await rest();
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= end).sort((one, other) => one.atMs - other.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== due);
      this.#elapsedMs = Math.max(this.#elapsedMs, due.atMs);
      due.run();
      await rest();
    }
    this.#elapsedMs = end;
    await rest();
  }

  /** The requests of a path. @param {string} path */
  asked(path) {
    return this.requests.filter((request) => request.path === path);
  }

  /** How many timers wait. */
  get timers() {
    return this.#timers.length;
  }

  /** @param {URL} url @param {{ method: string, headers: Record<string, string>, body?: string, signal: AbortSignal }} init */
  async #fetch(url, { method, headers, body, signal }) {
    const request = {
      method,
      url,
      path: url.pathname,
      query: url.searchParams,
      headers: new Headers(headers),
      body: body && JSON.parse(body),
      signal,
      atMs: this.#elapsedMs,
    };
    this.requests.push(request);
    const answer = this.#answers.get(url.host + url.pathname) ?? this.#answers.get(url.pathname);
    assert(answer !== undefined, `nobody prepared ${url.host}${url.pathname}`);
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      Promise.resolve(answer(request)).then(resolve, reject);
    });
  }
}

/** A stream that a test writes to. */
class OpenStream {
  isOpen = true;
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  #controller = /** @type {any} */ (null);

  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      cancel: () => void (this.isOpen = false),
    });
    signal.addEventListener("abort", () => this.fail(signal.reason));
  }

  /** Send an event. @param {string} event @param {object} data @param {{ id?: string, retry?: number }} [rest] */
  send(event, data, { id, retry } = {}) {
    const head = [id && `id: ${id}\n`, `event: ${event}\n`, retry === undefined ? "" : `retry: ${retry}\n`].filter(Boolean).join("");
    this.write(`${head}data: ${JSON.stringify(data)}\n\n`);
  }

  /** @param {string} text */
  write(text) {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  end() {
    if (this.isOpen) this.#controller.close();
    this.isOpen = false;
  }

  fail(reason = new Error("the connection was reset")) {
    if (this.isOpen) this.#controller.error(reason);
    this.isOpen = false;
  }
}

/** Let all that waits for nothing but its turn happen. */
export async function rest() {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** @param {unknown} body @param {{ status?: number, headers?: Record<string, string> }} [how] */
export function json(body, how = {}) {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), how);
}

/** @returns {Promise<Response>} */
export function refused() {
  return Promise.reject(Object.assign(new TypeError("fetch failed"), { cause: new Error("connect ECONNREFUSED") }));
}
