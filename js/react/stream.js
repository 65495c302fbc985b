/**
 * `EventSource` over `XMLHttpRequest`, which is what React Native has: as much of it as the client asks for.
 * @module
 */

import { Decoder } from "../protocol/sse.js";

/** The answer's text stays in memory as long as the request: after so many characters it is asked for anew. */
const LARGEST = 256 * 1024;
/** A server says something every 25 s at least. */
const SILENCE_MS = 90_000;
const RETRY_MS = 3000;
const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

/**
 * Return a class like `EventSource`, over one that is `XMLHttpRequest`.
 * @param {typeof XMLHttpRequest} Request
 * @returns {new (url: string) => Stream}
 */
export function streamOver(Request) {
  return class extends Stream {
    /** @param {string} url */
    constructor(url) {
      super(url, Request);
    }
  };
}

/** A stream that comes back by itself, from where it was, unless it is refused. */
class Stream {
  readyState = CONNECTING;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: { data: string, lastEventId: string }) => void) | null} */
  onmessage = null;
  /** @type {(() => void) | null} */
  onerror = null;
  #Request;
  /** @type {XMLHttpRequest | null} */
  #request = null;
  #decoder = new Decoder();
  #read = 0;
  #lastEventId = "";
  #retryMs = RETRY_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} url @param {typeof XMLHttpRequest} Request */
  constructor(url, Request) {
    this.url = url;
    this.#Request = Request;
    this.#connect();
  }

  close() {
    this.readyState = CLOSED;
    this.#leave();
  }

  #connect() {
    const request = (this.#request = new this.#Request());
    this.#decoder = new Decoder();
    this.#read = 0;
    // React Native gives the text piece by piece only to who listens to this.
    request.onreadystatechange = () => void (request === this.#request && this.#heard(request));
    request.open("GET", this.url);
    request.setRequestHeader("Accept", "text/event-stream");
    if (this.#lastEventId) request.setRequestHeader("Last-Event-ID", this.#lastEventId);
    request.send();
    this.#wait(SILENCE_MS, () => this.#lost());
  }

  /** @param {XMLHttpRequest} request */
  #heard(request) {
    if (request.readyState < 2) return;
    if (this.readyState === CONNECTING && request.status !== 0 && !this.#open(request)) return;
    // Who is told may have closed it.
    if (request.readyState >= 3 && request === this.#request) this.#take(request.responseText ?? "");
    if (request.readyState === 4 && request === this.#request) this.#lost();
  }

  /** @param {XMLHttpRequest} request @returns {boolean} */
  #open(request) {
    const isStream = request.status === 200 && /^text\/event-stream\b/i.test(request.getResponseHeader("Content-Type") ?? "");
    this.readyState = isStream ? OPEN : CLOSED;
    if (!isStream) this.#leave();
    (isStream ? this.onopen : this.onerror)?.();
    return isStream;
  }

  /** @param {string} text all that came so far */
  #take(text) {
    if (text.length === this.#read) return;
    this.#wait(SILENCE_MS, () => this.#lost());
    const frames = this.#decoder.feed(text.slice(this.#read));
    this.#read = text.length;
    this.#retryMs = this.#decoder.retryMs ?? this.#retryMs;
    for (const { event, data, id } of frames) {
      this.#lastEventId = id ?? this.#lastEventId;
      if (event === "message" && this.readyState === OPEN) this.onmessage?.({ data, lastEventId: this.#lastEventId });
    }
    if (text.length > LARGEST && this.readyState === OPEN) this.#again(0);
  }

  #lost() {
    this.#again(this.#retryMs);
    this.onerror?.();
  }

  /** @param {number} ms */
  #again(ms) {
    this.#leave();
    this.readyState = CONNECTING;
    this.#wait(ms, () => this.#connect());
  }

  #leave() {
    const request = this.#request;
    this.#request = null;
    clearTimeout(this.#timer);
    request?.abort();
  }

  /** @param {number} ms @param {() => void} then */
  #wait(ms, then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }
}
