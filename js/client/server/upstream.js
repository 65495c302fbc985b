/**
 * Follows a server: streams, polls while the stream is down, and hands what comes to a receiver.
 *
 * What to try next is the ladder's business, what a frame means the receiver's.
 * @module
 */

import { headsOfHeader } from "../../protocol/heads.js";
import { positionText } from "../../protocol/position.js";
import { Decoder, FrameTooLarge } from "../../protocol/sse.js";
import { UpstreamFailed } from "./ladder.js";

/** @typedef {import("../../protocol/replica.js").Action} Action */
/** @typedef {import("../../protocol/sse.js").Frame} Frame */
/** @typedef {import("./ladder.js").Failure} Failure */
/**
 * @typedef {object} Receiver
 * @property {import("../../protocol/position.js").Position | null} position
 * @property {(frame: Frame) => Action[]} receive
 * @property {(text: string, ageS: number) => Action[]} receiveDocument
 * @property {(ageS: number, said: readonly import("../../protocol/heads.js").Head[]) => Action[]} receiveUnchanged
 * @property {(best: number, failure: Failure | null) => void} stand called after each thing that was received, and each attempt that came
 *   to nothing
 */

const HEARTBEATS = 2.5;
/** One answer may lead to another question, not to an endless talk. */
const ASKS = 3;

/** Keeps a receiver in step with the first of the servers that answers. */
export class Upstream {
  #receiver;
  #options;
  #transport;
  #ladder;
  #platform;
  #isStopped = false;
  #wake = () => {};
  /** The tag of what is held, and whose it is. */
  #tag = { url: "", etag: "" };
  #wantsWhole = false;

  /**
   * @param {Receiver} receiver
   * @param {Pick<import("./options.js").Options, "urls" | "environment" | "timeoutMs" | "heartbeatMs" | "maxBytes" | "platform">} options
   * @param {import("./transport.js").Transport} transport
   * @param {import("./ladder.js").Ladder} ladder
   */
  constructor(receiver, options, transport, ladder) {
    this.#receiver = receiver;
    this.#options = options;
    this.#transport = transport;
    this.#ladder = ladder;
    this.#platform = options.platform;
  }

  /** Follow until `stop`. */
  async run() {
    while (!this.#isStopped) {
      const step = this.#ladder.next(this.#now());
      if (step.do === "connect") await this.#follow(this.#options.urls[step.upstream]);
      else if (step.do === "poll") await this.#poll();
      else await this.#wait(step.until - this.#now());
    }
  }

  /** End `run`, also while it waits. What it reads is the transport's to cut. */
  stop() {
    this.#isStopped = true;
    this.#wake();
  }

  #now() {
    return this.#platform.elapsed() / 1000;
  }

  /** @param {number} seconds @returns {Promise<void>} */
  #wait(seconds) {
    return new Promise((resolve) => {
      const callOff = this.#platform.later(Math.max(seconds * 1000, 0), resolve);
      this.#wake = () => {
        callOff();
        resolve();
      };
    });
  }

  /** @param {string} url */
  async #follow(url) {
    /** @type {Failure} */
    let failure = { kind: "ended", message: `${url} closed the stream` };
    const watchdog = new Watchdog(this.#platform);
    const decoder = new Decoder({ limit: this.#options.maxBytes });
    try {
      await this.#begin(url);
      await this.#transport.stream(`${url}/sdk/v1/stream${this.#query()}`, {
        watch: (cut) => watchdog.start(this.#options.timeoutMs, cut),
        take: async (piece) => {
          this.#tag.url = ""; // it names what was held before the stream
          for (const frame of decoder.feed(piece)) {
            watchdog.feed(HEARTBEATS * this.#options.heartbeatMs);
            failure = (await this.#perform(this.#receiver.receive(frame), url)) ?? failure;
            this.#standOnStream(frame);
          }
        },
      });
    } catch (error) {
      failure = failureOf(error, url);
    }
    watchdog.stop();
    if (this.#isStopped) return;
    this.#ladder.ended(failure, this.#now());
    this.#receiver.stand(this.#ladder.level, failure);
  }

  /**
   * Fetch the whole, where nothing is held that a stream could go on from.
   *
   * A snapshot travels compressed, and its bytes are the same for all; on the stream it would be neither.
   * @param {string} url
   */
  async #begin(url) {
    if (this.#receiver.position !== null && !this.#wantsWhole) return;
    await this.#perform(await this.#ask(url, true), url);
    this.#wantsWhole = false;
    this.#ladder.polled(this.#now());
    this.#receiver.stand(this.#ladder.level, null);
  }

  /** @param {Frame} frame */
  #standOnStream(frame) {
    this.#wantsWhole = false;
    this.#ladder.opened(this.#now());
    // A goodbye's is meant for once.
    if (frame.retryMs !== null && frame.event !== "goodbye") this.#ladder.askedToWait(frame.retryMs / 1000);
    this.#receiver.stand(this.#ladder.level, null);
  }

  async #poll() {
    /** @type {Failure | null} */
    let failure = null;
    for (const url of this.#options.urls) {
      try {
        await this.#perform(await this.#ask(url, this.#wantsWhole), url);
      } catch (error) {
        failure = failureOf(error, url);
        if (this.#isStopped) return;
        continue;
      }
      this.#wantsWhole = false;
      this.#ladder.polled(this.#now());
      this.#receiver.stand(this.#ladder.level, null);
      return;
    }
    if (failure === null) return;
    this.#ladder.pollFailed(failure, this.#now());
    this.#receiver.stand(this.#ladder.level, failure);
  }

  /**
   * Do what the receiver cannot do itself; return the server's goodbye if there was one. Throws `UpstreamFailed` where the upstream
   * does not answer, or makes no sense.
   * @param {Action[]} actions
   * @param {string} url
   * @returns {Promise<Failure | null>}
   */
  async #perform(actions, url) {
    /** @type {Failure | null} */
    let goodbye = null;
    for (let asks = 0; asks < ASKS && actions.length > 0; asks++) {
      /** @type {Action[]} */
      const asked = [];
      const wantsWhole = actions.some((action) => action.do === "ask snapshot");
      for (const action of actions) {
        if (action.do === "draining") goodbye = { kind: "draining", message: `${url} is shutting down`, notBeforeS: action.retryMs / 1000 };
        else if (action.do === "report") this.#judge(action, url);
      }
      if (wantsWhole || actions.some((action) => action.do === "ask since")) asked.push(...(await this.#ask(url, wantsWhole)));
      actions = asked;
    }
    return goodbye;
  }

  /** @param {Action & { do: "report" }} report @param {string} url */
  #judge({ problem, kind, isRefusal }, url) {
    if (!isRefusal && kind !== "malformed") return;
    this.#wantsWhole = true;
    this.#tag.url = ""; // it names what was not taken
    throw new UpstreamFailed(isRefusal ? "untrusted" : "broken", isRefusal ? `${url}: ${kind}: ${problem}` : `${url}: ${problem}`);
  }

  /** @param {string} url @param {boolean} isWhole @returns {Promise<Action[]>} */
  async #ask(url, isWhole) {
    /** @type {Record<string, string>} */
    const headers = isWhole || this.#tag.url !== url ? {} : { "If-None-Match": this.#tag.etag };
    const answer = await this.#transport.get(`${url}/sdk/v1/snapshot${this.#query(isWhole)}`, headers);
    const ageS = ageOf(answer.headers);
    if (answer.status === 304) return this.#receiver.receiveUnchanged(ageS, headsOfHeader(answer.headers.get("x-pennon-heads") ?? ""));
    const actions = this.#receiver.receiveDocument(answer.text, ageS);
    const etag = answer.headers.get("etag");
    if (etag !== null) this.#tag = { url, etag };
    return actions;
  }

  #query(isWhole = false) {
    const query = new URLSearchParams();
    const { position } = this.#receiver;
    if (this.#options.environment !== "") query.set("environment", this.#options.environment);
    if (position !== null && !isWhole && !this.#wantsWhole) query.set("since", positionText(position));
    const text = query.toString();
    return text === "" ? "" : `?${text}`;
  }
}

/** Calls *cut* when nothing fed it for too long. */
class Watchdog {
  #platform;
  #cut = () => {};
  #callOff = () => {};

  /** @param {import("../../platform/index.js").Platform} platform */
  constructor(platform) {
    this.#platform = platform;
  }

  /** @param {number} ms @param {() => void} cut */
  start(ms, cut) {
    this.#cut = cut;
    this.feed(ms);
  }

  /** @param {number} ms from now on */
  feed(ms) {
    this.#callOff();
    this.#callOff = this.#platform.later(ms, () => this.#cut());
  }

  stop() {
    this.#callOff();
  }
}

/** @param {unknown} error @param {string} url @returns {Failure} */
function failureOf(error, url) {
  if (error instanceof UpstreamFailed) return error.failure;
  if (error instanceof FrameTooLarge) return { kind: "broken", message: `${url}: ${error.message}` };
  throw error;
}

/** @param {Headers} headers */
function ageOf(headers) {
  const age = Number(headers.get("x-pennon-age") ?? 0);
  return age >= 0 && age < Infinity ? age : 0;
}
