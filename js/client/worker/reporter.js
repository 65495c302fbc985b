/**
 * Reports what was evaluated, behind responses: a request that counts something sees to it that it is sent a little later.
 * @module
 */

import { attributeReader } from "../../engine/attributes.js";
import { unit } from "../../engine/values.js";
import { Recorder } from "../../events/index.js";
import { Sightings } from "../../events/sightings.js";
import { Sampling } from "./sampling.js";
import { ANSWER_MS } from "./sources.js";

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("../../engine/index.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/answers.js").ExposureSite} ExposureSite */
/** @typedef {import("../../events/index.js").Batch} Batch */
/** @typedef {import("./client.js").Behind} Behind */
/** @typedef {import("./settings.js").Settings} Settings */
/** Takes what one request evaluates and measures. @typedef {ReturnType<Reporter["of"]>} Report */

const SDK = "pennon-js-worker";
/** So much waiting is sent at once, not at its time. */
const MUCH = 500;
const BATCHES_AT_ONCE = 5;
/** So much a batch may have: a text is written in three bytes a character at most, and a batch may have 1 MiB. */
const CHARACTERS = 300_000;
/** How much later than planned a report may be before it is given up for dead. */
const GRACE_MS = 1000;

export class Reporter {
  /** What is wrong, empty if nothing is. */
  problem = "";
  /** What is evaluated by, as `epoch.revision`. */
  revision = "";
  #recorder = new Recorder();
  #sightings = new Sightings();
  #settings;
  #isSilent = false;
  /** The last exposure. @type {ExposureSite | null} */
  #site = null;
  #instance = "";
  #sequence = 0;
  /** The batch that nobody has taken yet. @type {{ batch: Batch, body: string } | null} */
  #pending = null;
  #dueUntilMs = -Infinity;
  #sendingUntilMs = -Infinity;

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    /** What takes the sample of contexts; null where none is taken. */
    this.sampling = settings.sampleContexts ? new Sampling(settings) : null;
  }

  /**
   * What the rules are made with.
   * @returns {import("../../engine/index.js").Options}
   */
  get options() {
    return { exposed: (site, context) => this.#exposed(site, context) };
  }

  /**
   * Return what takes the evaluations of one request.
   * @param {Behind} [ctx] the request's context: without it, somebody has to `flush`
   */
  of(ctx) {
    const { events, platform } = this.#settings;
    this.sampling?.tend();
    return {
      /** @param {string} flag @param {Evaluation} evaluation */
      evaluated: (flag, evaluation) => {
        // Of a flag that is not there nothing is known anywhere.
        if (!events || evaluation.errorCode === "FLAG_NOT_FOUND" || evaluation.errorCode === "PROVIDER_NOT_READY") return;
        this.#recorder.evaluated(flag, evaluation, platform.now());
        this.#plan(ctx);
      },
      /** Take *context* if it belongs to the sample. @param {Context} context @param {readonly string[]} [hidden] what is private in it */
      saw: (context, hidden) => {
        if (this.sampling === null) return;
        this.sampling.saw(context, hidden);
        if (this.sampling.size > 0) this.#plan(ctx);
      },
      /** @param {string} key @param {Context} context @param {{ value: number, by: string }} measured */
      tracked: (key, context, { value, by }) => {
        const who = events ? unitOf(context, by) : undefined;
        if (who === undefined) return;
        this.#recorder.tracked(key, { by, unit: who, value, variations: this.#sightings.of(by, who) }, platform.now());
        this.#plan(ctx);
      },
      /** Evaluate what nobody has read yet: who reads it reports that. @template T @param {() => T} evaluate @returns {T} */
      silently: (evaluate) => this.#silently(evaluate),
      /**
       * Return what *evaluate* evaluates, and the exposure that it is, null where it is none.
       * @param {() => Evaluation} evaluate
       * @returns {[Evaluation, ExposureSite | null]}
       */
      sited: (evaluate) => {
        this.#site = null;
        return [evaluate(), this.#site];
      },
    };
  }

  /** Send what waits. Never rejects; what cannot be sent now is kept. */
  async flush() {
    const { platform } = this.#settings;
    if (platform.elapsed() < this.#sendingUntilMs) return;
    this.#sendingUntilMs = platform.elapsed() + ANSWER_MS + GRACE_MS;
    try {
      for (let i = 0; i < BATCHES_AT_ONCE && this.#cut() !== null; i++) if (!(await this.#sent())) break;
    } catch (error) {
      this.#note(`events cannot be reported: ${error instanceof Error ? error.message : error}`);
    } finally {
      this.#sendingUntilMs = -Infinity;
    }
  }

  /** @param {ExposureSite} site @param {Context} context */
  #exposed(site, context) {
    this.#site = site;
    const who = this.#isSilent || !this.#settings.events ? undefined : unitOf(context, site.by);
    const now = this.#settings.platform.now();
    if (who === undefined || !this.#sightings.isNew({ flag: site.flag, variation: site.variation, by: site.by, unit: who }, now)) return;
    this.#recorder.exposed({ ...site, unit: who, revision: this.revision || null }, now);
  }

  /** @template T @param {() => T} evaluate @returns {T} */
  #silently(evaluate) {
    this.#isSilent = true;
    try {
      return evaluate();
    } finally {
      this.#isSilent = false;
    }
  }

  /** Have what was counted sent behind this request, unless another one does. @param {Behind} [ctx] */
  #plan(ctx) {
    const { platform, flushMs } = this.#settings;
    const now = platform.elapsed();
    if (ctx === undefined || (now < this.#dueUntilMs && this.#recorder.size !== MUCH)) return;
    const waitMs = this.#recorder.size >= MUCH ? 0 : flushMs;
    const until = now + waitMs + GRACE_MS;
    try {
      const waited = new Promise((resolve) => platform.later(waitMs, () => resolve(undefined)));
      ctx.waitUntil(waited.then(() => this.#flushPlanned(until)));
      this.#dueUntilMs = until;
    } catch {
      // The request is over, and takes nothing more upon itself: the next one that counts something sends this too.
    }
  }

  /** @param {number} until */
  async #flushPlanned(until) {
    if (this.#dueUntilMs === until) this.#dueUntilMs = -Infinity;
    await this.flush();
  }

  /** Return the batch to send: the last one until it is taken, as it was, so that it counts once. */
  #cut() {
    const { platform } = this.#settings;
    if (this.#pending !== null) return this.#pending;
    const gathered = this.#recorder.take(platform.now());
    const contexts = this.sampling?.taken(CHARACTERS - JSON.stringify(gathered).length) ?? [];
    if (gathered === null && contexts.length === 0) return null;
    const batch = gathered ?? { counters: [], exposures: [], metrics: [], dropped: {} };
    const sample = contexts.length > 0 ? { contexts } : {};
    this.#instance ||= crypto.randomUUID();
    const head = { instance: this.#instance, sequence: ++this.#sequence, batchId: crypto.randomUUID(), sentAt: platform.now(), sdk: SDK };
    return (this.#pending = { batch, body: JSON.stringify({ ...head, revision: this.revision || null, ...batch, ...sample }) });
  }

  /** @returns {Promise<boolean>} whether the pending batch is off our hands */
  async #sent() {
    const { edge, environment, platform } = this.#settings;
    const pending = this.#pending;
    if (edge === null || pending === null) return false;
    const address = `${edge.url.replace(/\/+$/, "")}/sdk/v1/events?environment=${encodeURIComponent(environment)}`;
    const headers = { Authorization: `Bearer ${edge.key}`, "Content-Type": "application/json" };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await platform.fetch(address, { method: "POST", headers, body: pending.body, redirect: "manual", signal });
    await answer.body?.cancel();
    if (answer.status === 429 || answer.status >= 500) {
      this.#note(`events cannot be reported: the node answers ${answer.status}`);
      return false;
    }
    this.#pending = null;
    if (answer.ok) this.#note("");
    else this.#refused(pending.batch, answer.status);
    return true;
  }

  /** @param {Batch} batch @param {number} status */
  #refused(batch, status) {
    this.#recorder.lost(batch);
    if (status === 409) this.#instance = "";
    this.#note(`events are refused: the node answers ${status}; give a server key of the environment, or events: false`);
  }

  /** @param {string} problem */
  #note(problem) {
    if (problem !== "" && problem !== this.problem) this.#settings.platform.warn(`pennon: ${problem}`);
    this.problem = problem;
  }
}

/** @param {Context} context @param {string} by @returns {string | undefined} */
function unitOf(context, by) {
  try {
    return unit(attributeReader(by)(context));
  } catch {
    return undefined; // what the application calls a context may be anything
  }
}
