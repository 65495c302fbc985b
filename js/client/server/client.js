/**
 * The client of a server process: what the application calls, and the loops behind it.
 * @module
 */

import { Sampler } from "../../events/sampler.js";
import { holding } from "../../platform/node.js";
import { bootstrapElement, TTL_S } from "../../protocol/bootstrap.js";
import { bootstrapText, ClientSide } from "./bootstrap.js";
import { Core } from "./core.js";
import { FileSource, InvalidFile } from "./file.js";
import { Keeper } from "./keeper.js";
import { Ladder } from "./ladder.js";
import { Listeners } from "./listeners.js";
import { checkedOptions } from "./options.js";
import { Reports } from "./reports.js";
import { Flags, NoRules } from "./rules.js";
import { Sender } from "./sender.js";
import { Transport } from "./transport.js";
import { Upstream } from "./upstream.js";

/** @typedef {import("../../engine/attributes.js").Context} Context */
/** @typedef {import("./core.js").Status} Status */
/**
 * The flags changed. `keys` are those that may answer differently now, by a segment or a prerequisite too.
 * @typedef {Readonly<{ keys: string[], epoch: number, revision: number }>} Change
 */
/** What a person should know, with the mend. @typedef {Readonly<{ kind: string, message: string }>} Warning */
/** @typedef {{ change: Change, ready: Status, status: Status, warning: Warning }} Events */

const CLOSE_MS = 5000;
const AGAIN_MS = 1000;

/**
 * Evaluates flags, follows their changes, reports what it served. One client a process, or a worker thread, is right.
 */
export class Client extends Flags {
  #options;
  #listeners;
  #reports;
  #core;
  #clientSide = new ClientSide();
  #transport;
  #ladder;
  #upstream;
  #sender;
  #keeper;
  /** @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {(Promise<void> | null)[]} */
  #loops = [];
  /** @type {Promise<void> | null} */
  #closing = null;
  #flushAtEnd = () => void this.#flushWhatIsLeft();

  /**
   * Make a client. It never waits: until there are flags, answers are the callers' defaults. A server that is dead is no error.
   *
   * Throws a `TypeError` that names the option, over options that cannot be; `InvalidFile`, one too, over a file that cannot be read.
   * @param {string | URL | readonly (string | URL)[] | null} [url] of the server or edge node; several in the order of preference.
   *   `PENNON_URL` stands in for it
   * @param {import("./options.js").Given} [given]
   */
  constructor(url, given = {}) {
    const options = checkedOptions(url, given, process.env);
    super(new NoRules(""));
    const { platform } = options;
    this.#options = options;
    this.#listeners = new Listeners(["change", "ready", "status", "warning"], (event, error) =>
      platform.warn(`pennon: a listener of '${event}' threw: ${error}`),
    );
    const { application, sampleContexts, privateAttributes: hidden } = options;
    // Nobody samples where nobody is sent anything.
    const isSampled = sampleContexts && options.events && options.urls.length > 0;
    const sampler = isSampled ? new Sampler({ now: platform.now, random: platform.random, hidden }) : null;
    this.#reports = new Reports({ now: platform.now, wake: () => this.#sender?.wake(), sampler, application });
    this.#core = new Core(options, this.#reports, {
      tell: this.#tell.bind(this),
      served: (rules) => this.answerBy(rules),
      settled: () => this.#wake(),
    });
    this.#transport = new Transport(platform, options);
    this.#ladder = new Ladder({ upstreams: options.urls.length, pollS: options.pollIntervalMs / 1000, random: platform.random });
    const file = options.file === null ? null : new FileSource(options.file);
    this.#keeper = new Keeper(this.#core, options, file);
    const problem = this.#keeper.begin();
    if (problem !== "") throw new InvalidFile(problem);
    this.#upstream = options.urls.length > 0 ? new Upstream(this.#receiver(), options, this.#transport, this.#ladder) : null;
    this.#sender =
      options.urls.length > 0 && options.events
        ? new Sender(this.#reports, options, this.#transport, (failure) => this.#core.warnOf(failure))
        : null;
    this.#start();
  }

  /**
   * Wait until it is known what can be had, at most so long. Return whether there are flags. A refused key ends it early.
   * @param {{ timeoutMs?: number }} [bounds] 10 s unless told
   * @returns {Promise<boolean>}
   */
  async ready({ timeoutMs = this.#options.timeoutMs } = {}) {
    const isOver = () => this.#core.isSettled || this.#closing !== null || this.#options.urls.length === 0;
    if (!isOver()) {
      /** @type {Promise<void>} */
      const settled = new Promise((resolve) => {
        const callOff = this.#options.platform.later(timeoutMs, () => end());
        const look = () => isOver() && end();
        const end = () => {
          callOff();
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
      await holding(settled);
    }
    return this.#core.isReady;
  }

  /**
   * Do as `ready`.
   * @param {{ timeoutMs?: number }} [bounds]
   * @returns {Promise<boolean>}
   */
  whenReady(bounds) {
    return this.ready(bounds);
  }

  /**
   * Return how the client stands.
   * @returns {Status}
   */
  status() {
    const { level, problem, isRefused, isReady, ageS, head } = this.#core;
    const { environment = "", epoch = 0, revision = 0 } = this.#core.shown ?? {};
    const { snapshot } = this;
    const { instance } = this.#reports;
    const clientSide = this.#clientSide;
    return Object.freeze({
      ...{ level, ready: isReady, environment, epoch, revision, ageS, problem, isRefused, instance, signedBy: head?.key ?? "" },
      /** Computed when it is looked at: it is of all that browsers may see. */
      get flagsVersion() {
        return isReady ? clientSide.of(snapshot).flagsVersion : "";
      },
    });
  }

  /**
   * For how many seconds the state has not been known to be current at the origin; null while nothing is known.
   * @returns {number | null}
   */
  get ageS() {
    return this.#core.ageS;
  }

  /**
   * Call *listener* with each event of a name: "change", "ready", "status", "warning". Return what ends that.
   * @template {keyof Events} E
   * @param {E} event
   * @param {(said: Events[E]) => void} listener
   * @returns {() => void}
   */
  on(event, listener) {
    return this.#listeners.add(event, listener);
  }

  /**
   * Serve *value* for a flag to everybody in this process, for development and tests. Flags that have this one as a prerequisite do not see
   * it. Return what ends that.
   * @param {string} flag
   * @param {any} value
   * @returns {() => void}
   */
  override(flag, value) {
    return this.#core.override(flag, value);
  }

  /**
   * Report that a value was measured for the unit of *context*, an order's worth for example. Return whether it could be taken.
   * @param {string} key
   * @param {Context} context
   * @param {{ value?: number, by?: string }} [measured] 1 and `targetingKey`, unless told
   * @returns {boolean}
   */
  track(key, context, { value = 1, by = "targetingKey" } = {}) {
    return this.#options.events && this.#reports.tracked(key, context, { value, by });
  }

  /**
   * Return the JSON text of what *context* is served of the client-side flags, for the HTML of a page. It ends no script element. Nothing
   * is counted: the browser reports what it reads.
   * @param {Context} context
   * @param {{ ttlS?: number }} [bounds] for how many seconds the page may go on with it: 300
   * @returns {string}
   */
  bootstrap(context, { ttlS = TTL_S } = {}) {
    const { platform } = this.#options;
    return this.#core.silently((rules) => {
      const { snapshot } = rules;
      const { keys, flagsVersion } = this.#clientSide.of(snapshot);
      const flags = keys.map((key) => /** @type {const} */ ([key, rules.evaluate(key, context)]));
      return bootstrapText({ snapshot, flagsVersion, flags, ttlS, ageS: this.#core.ageS ?? 0, nowMs: platform.now() });
    });
  }

  /**
   * Return the script element with `bootstrap(context)`: put it into the page as it is.
   * @param {Context} context
   * @param {{ ttlS?: number, nonce?: string }} [how]
   * @returns {string}
   */
  bootstrapScript(context, { nonce, ...bounds } = {}) {
    return bootstrapElement(this.bootstrap(context, bounds), nonce);
  }

  /**
   * Report now what was gathered. Return whether all of it arrived.
   * @param {{ timeoutMs?: number }} [bounds] 10 s unless told
   * @returns {Promise<boolean>}
   */
  async flush({ timeoutMs = this.#options.timeoutMs } = {}) {
    return this.#sender === null || holding(this.#sender.flush(timeoutMs));
  }

  /**
   * End it: report what is left, keep what is known, close all connections. What was known still answers.
   * @param {{ timeoutMs?: number }} [bounds] 5 s unless told
   * @returns {Promise<void>}
   */
  async close({ timeoutMs = CLOSE_MS } = {}) {
    this.#closing ??= holding(this.#close(timeoutMs));
    return this.#closing;
  }

  /** @param {number} timeoutMs */
  async #close(timeoutMs) {
    process.off("beforeExit", this.#flushAtEnd);
    this.#upstream?.stop();
    this.#sender?.stop();
    this.#wake();
    await this.#sender?.flush(timeoutMs);
    await this.#keeper.end();
    this.#transport.close();
    await Promise.all(this.#loops);
  }

  #start() {
    // Once: what cannot be sent must not keep the process for ever.
    process.once("beforeExit", this.#flushAtEnd);
    this.#loops = [this.#upstream, this.#sender].map((loop) => loop && this.#keep(loop));
    this.#keeper.run();
  }

  /** Keep a loop running: one that throws is reported, and starts again. @param {{ run: () => Promise<void> }} loop */
  async #keep(loop) {
    try {
      await loop.run();
    } catch (error) {
      this.#tell("warning", {
        kind: "bug",
        message: `a background loop failed and starts again: ${/** @type {Error} */ (error).stack ?? error}`,
      });
      this.#options.platform.later(AGAIN_MS, () => {
        if (this.#closing === null) void this.#keep(loop);
      });
    }
  }

  async #flushWhatIsLeft() {
    await Promise.all([this.#reports.isWaiting && this.flush({ timeoutMs: CLOSE_MS }), this.#keeper.save()]);
  }

  #receiver() {
    const core = this.#core;
    return {
      get position() {
        return core.position;
      },
      receive: core.receive.bind(core),
      receiveDocument: core.receiveDocument.bind(core),
      receiveUnchanged: core.receiveUnchanged.bind(core),
      stand: core.stand.bind(core),
    };
  }

  /** Have those look who wait. */
  #wake() {
    for (const look of [...this.#waiting]) look();
  }

  /** @param {keyof Events} event @param {any} said for a change, what says it: which flags a change concerns takes time to find out */
  #tell(event, said) {
    if (event === "warning") this.#options.platform.warn(`pennon: ${said.message}`);
    if (!this.#listeners.has(event)) return;
    if (event === "change") this.#listeners.tell(event, said());
    else this.#listeners.tell(event, event === "warning" ? said : this.status());
  }
}
