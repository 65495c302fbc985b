/**
 * HTTP as the loops need it: streams of bytes, bounded answers, and every way to fail as one exception.
 * @module
 */

import { FrameTooLarge } from "../../protocol/sse.js";
import { UpstreamFailed } from "./ladder.js";
import { VERSION } from "./version.js";

/** @typedef {import("../../platform/index.js").Platform} Platform */
/** An answer: 200, 202, 204 or 304. @typedef {{ status: number, headers: Headers, text: string }} Answer */

const TAKEN = new Set([200, 202, 204, 304]);
const EXCERPT = 200;
/** What Node calls the certificate of an authority that it does not know. */
const UNKNOWN_AUTHORITY = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
/** So many timeouts an answer may take in all, if it goes on coming. */
const PATIENCE = 12;

/** One client's connections. */
export class Transport {
  #platform;
  #options;
  /** @type {Set<AbortController>} */
  #open = new Set();
  #isClosed = false;

  /**
   * @param {Platform} platform
   * @param {{ key: string, timeoutMs: number, maxBytes: number }} options
   */
  constructor(platform, options) {
    this.#platform = platform;
    this.#options = options;
  }

  /**
   * Return what *url* answers. Throws `UpstreamFailed`.
   * @param {string} url
   * @param {Record<string, string>} [headers]
   * @returns {Promise<Answer>}
   */
  async get(url, headers = {}) {
    return this.#ask(url, { method: "GET", headers }, this.#options.timeoutMs);
  }

  /**
   * Post the JSON *body* to *url*. Throws `UpstreamFailed`.
   * @param {string} url
   * @param {string} body
   * @param {number} timeoutMs
   * @returns {Promise<Answer>}
   */
  async post(url, body, timeoutMs) {
    return this.#ask(url, { method: "POST", body, headers: { "Content-Type": "application/json" } }, timeoutMs);
  }

  /**
   * Open a stream, and give each piece of it to *take* until it ends; *watch* is given what cuts it. Throws `UpstreamFailed`.
   * @param {string} url
   * @param {{ take: (piece: Uint8Array) => void | Promise<void>, watch: (cut: () => void) => void }} reader
   */
  async stream(url, { take, watch }) {
    // Packed by a proxy, an event would wait for the next ones to fill a block.
    const headers = { Accept: "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store" };
    await this.#within(url, async (controller) => {
      watch(() => controller.abort(new UpstreamFailed("silent", `${url} was silent for too long`)));
      const response = await this.#fetch(url, { method: "GET", headers }, controller);
      if (response.status !== 200) throw refusal(url, response, await excerpt(response));
      if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
        controller.abort();
        throw new UpstreamFailed("broken", `${url} answered something else than a stream: ${kindOf(response)}`);
      }
      for await (const piece of piecesOf(response)) await take(piece);
    });
  }

  /** Cut every connection, and let none begin any more. */
  close() {
    this.#isClosed = true;
    for (const controller of this.#open) controller.abort(new UpstreamFailed("ended", "the client was closed"));
  }

  /**
   * @param {string} url
   * @param {{ method: string, headers: Record<string, string>, body?: string }} request
   * @param {number} timeoutMs
   * @returns {Promise<Answer>}
   */
  async #ask(url, request, timeoutMs) {
    return this.#within(url, async (controller) => {
      const cut = () => controller.abort(new UpstreamFailed("silent", `${url} was silent for too long`));
      const timers = [this.#platform.later(timeoutMs, cut), this.#platform.later(timeoutMs * PATIENCE, cut)];
      const isAlive = () => {
        timers[0]();
        timers[0] = this.#platform.later(timeoutMs, cut);
      };
      try {
        const response = await this.#fetch(url, request, controller);
        if (!TAKEN.has(response.status)) throw refusal(url, response, await excerpt(response));
        return { status: response.status, headers: response.headers, text: await this.#bounded(url, response, isAlive) };
      } finally {
        for (const callOff of timers) callOff();
      }
    });
  }

  /** @param {string} url @param {RequestInit & { headers: Record<string, string> }} request @param {AbortController} controller */
  async #fetch(url, request, controller) {
    const headers = { Authorization: `Bearer ${this.#options.key}`, "User-Agent": `pennon-js/${VERSION}`, ...request.headers };
    return this.#platform.fetch(url, { ...request, headers, redirect: "manual", cache: "no-store", signal: controller.signal });
  }

  /** @template T @param {string} url @param {(controller: AbortController) => Promise<T>} talk @returns {Promise<T>} */
  async #within(url, talk) {
    if (this.#isClosed) throw new UpstreamFailed("ended", "the client was closed");
    const controller = new AbortController();
    this.#open.add(controller);
    try {
      return await talk(controller);
    } catch (error) {
      const { reason } = controller.signal;
      // Whatever was not read to its end is let go of.
      controller.abort();
      if (error instanceof UpstreamFailed || error instanceof FrameTooLarge) throw error;
      if (reason instanceof UpstreamFailed) throw reason;
      throw new UpstreamFailed("unreachable", `${url} could not be reached: ${causeOf(error)}`);
    } finally {
      this.#open.delete(controller);
    }
  }

  /** @param {string} url @param {Response} response @param {() => void} isAlive @returns {Promise<string>} */
  async #bounded(url, response, isAlive) {
    const { maxBytes } = this.#options;
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    for await (const piece of piecesOf(response)) {
      isAlive();
      size += piece.length;
      if (size > maxBytes) throw new UpstreamFailed("broken", `${url} answered more than ${maxBytes} bytes`);
      text += decoder.decode(piece, { stream: true });
    }
    return text + decoder.decode();
  }
}

/** @param {Response} response @returns {AsyncGenerator<Uint8Array>} */
async function* piecesOf(response) {
  if (response.body === null) return;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Return the beginning of what was answered, for people. @param {Response} response */
async function excerpt(response) {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of piecesOf(response)) {
    text += decoder.decode(piece, { stream: true });
    if (text.length >= EXCERPT) break;
  }
  return text.slice(0, EXCERPT).split(/\s+/).join(" ").trim();
}

/**
 * Return what an answer of a status that is no success means.
 * @param {string} url
 * @param {Response} response
 * @param {string} body the beginning of it
 * @returns {UpstreamFailed}
 */
function refusal(url, { status, headers }, body) {
  const said = body === "" ? "" : ` (${body})`;
  const wish = secondsOf(headers.get("retry-after") ?? "");
  if (status === 401 || status === 403) {
    const mend = "check that the key is a server key of this environment, and neither revoked nor expired";
    return new UpstreamFailed("refused", `${url} refused the key with ${status}${said}: ${mend}`, wish);
  }
  if (status === 404 || status === 410) return new UpstreamFailed("missing", `${url} answered ${status}${said}: check the address`, wish);
  if ([400, 409, 413, 415, 422].includes(status))
    return new UpstreamFailed("unfit", `${url} cannot take what it was sent: ${status}${said}`, wish);
  if (status === 429 || status === 503) return new UpstreamFailed("busy", `${url} is busy: it answered ${status}${said}`, wish);
  if (status >= 300 && status < 400) {
    const where = headers.get("location") ?? "nowhere";
    return new UpstreamFailed("missing", `${url} redirects to ${where}: use that address, keys follow no redirect`);
  }
  return new UpstreamFailed("broken", `${url} answered ${status}${said}`, wish);
}

/** Return the seconds of a `Retry-After`. A date, the other form, is rare and needs both clocks right: ignored. @param {string} text */
function secondsOf(text) {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** @param {Response} response */
function kindOf(response) {
  return response.headers.get("content-type") ?? "nobody knows what";
}

/** @param {unknown} error @returns {string} */
function causeOf(error) {
  const { message, cause, code } = /** @type {{ message?: string, cause?: unknown, code?: string }} */ (error ?? {});
  if (typeof cause === "object" && cause !== null) return causeOf(cause);
  const mend = UNKNOWN_AUTHORITY.has(code ?? "") ? "; where the authority is your own, name its certificate in NODE_EXTRA_CA_CERTS" : "";
  return (message || code || String(error)) + mend;
}
