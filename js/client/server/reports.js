/**
 * What a client reports, as batches: each keeps its number until it is taken, so that one sent twice counts once. No I/O.
 * @module
 */

import { randomUUID } from "node:crypto";

import { attributeReader } from "../../engine/attributes.js";
import { unit } from "../../engine/values.js";
import { Recorder } from "../../events/index.js";
import { Sightings } from "../../events/sightings.js";
import { VERSION } from "./version.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/answers.js").ExposureSite} ExposureSite */
/** @typedef {import("../../engine/attributes.js").Context} Context */
/** @typedef {import("../../events/index.js").Batch} Batch */

/** @typedef {import("../../events/sampler.js").Sampler} Sampler */

const QUEUE = 10_000;
/** So much a batch may have: a text is written in three bytes a character at most, and a batch may have 1 MiB. */
const CHARACTERS = 300_000;
/** With so many entries, sending does not wait for its time. */
const PLENTY = 500;
const READERS = 256;
const REPORT_MS = 60_000;

/** Gathers what one client has to report. */
export class Reports {
  /** This client's name in what it reports. */
  instance = randomUUID().replaceAll("-", "");
  /** What is evaluated by, `epoch.revision`; empty before there is something. */
  revision = "";
  #recorder = new Recorder({ limits: { counters: QUEUE, exposures: QUEUE, metrics: QUEUE, characters: CHARACTERS } });
  #sightings = new Sightings();
  /** @type {Map<string, (context: Context) => unknown>} */
  #readers = new Map();
  #now;
  #wake;
  #sdk;
  #coarseMs;
  #sequence = 0;
  /** @type {{ batch: Batch, body: string, isFull: boolean } | null} */
  #pending = null;
  #reported = { revision: "", atMs: -Infinity };

  /**
   * @param {{ now: () => number, wake: () => void, sampler?: Sampler | null, application?: string }} given `now`: milliseconds since 1970;
   *   `wake`: is called when there is much to send; `sampler`: takes the sample of contexts, if anybody does; `application`: who evaluates,
   *   with a version
   */
  constructor({ now, wake, sampler = null, application = "" }) {
    this.sampler = sampler;
    this.#sdk = `pennon-js/${VERSION} ${application}`.trimEnd();
    this.#now = now;
    this.#wake = wake;
    this.#coarseMs = now();
  }

  /** Note the time. To be called about once a second: counting looks at no clock. */
  tick() {
    this.#coarseMs = this.#now();
    this.sampler?.tick();
  }

  /** @param {string} flag @param {Evaluation} evaluation */
  evaluated(flag, evaluation) {
    this.#recorder.evaluated(flag, evaluation, this.#coarseMs);
  }

  /** Take an evaluation that is an exposure. @param {ExposureSite} site @param {Context} context */
  exposed(site, context) {
    const who = this.#unitOf(context, site.by);
    if (who === undefined) return;
    const exposure = { ...site, unit: who };
    if (!this.#sightings.isNew(exposure, this.#coarseMs)) return;
    this.#recorder.exposed({ ...exposure, revision: this.revision || null }, this.#now());
    this.#wakeWhenMuch();
  }

  /**
   * Note that a value was measured for the unit of *context*. Return whether it could be taken.
   * @param {string} key
   * @param {Context} context
   * @param {{ value: number, by: string }} measured
   * @returns {boolean}
   */
  tracked(key, context, { value, by }) {
    // Without a unit it is dropped there, and counted.
    const who = this.#unitOf(context, by) ?? "";
    const isTaken = this.#recorder.tracked(key, { by, unit: who, value, variations: this.#sightings.of(by, who) }, this.#now());
    this.#wakeWhenMuch();
    return isTaken;
  }

  /** Whether a batch that was cut before still waits to be taken. */
  get hasPending() {
    return this.#pending !== null;
  }

  /** Whether anything waits to be sent. */
  get isWaiting() {
    return this.hasPending || this.#recorder.size > 0;
  }

  /**
   * Return the batch to send: a new one if the last was taken, null if there is nothing to say. One that is full left something for the
   * next.
   * @returns {{ body: string, isFull: boolean } | null}
   */
  pending() {
    return (this.#pending ??= this.#cut());
  }

  /** Note that the pending batch was taken, or that it never will be: what it carried is lost then, and counted. */
  settled({ isTaken = true } = {}) {
    if (!isTaken && this.#pending !== null) this.#recorder.lost(this.#pending.batch);
    this.#pending = null;
  }

  #cut() {
    const nowMs = this.#now();
    const { revision } = this;
    const hasMoved = revision !== this.#reported.revision && nowMs - this.#reported.atMs >= REPORT_MS;
    const gathered = this.#recorder.take(nowMs);
    const contexts = this.sampler?.taken(CHARACTERS - JSON.stringify(gathered).length) ?? [];
    if (gathered === null && contexts.length === 0 && !hasMoved) return null;
    const batch = gathered ?? { counters: [], exposures: [], metrics: [], dropped: {} };
    this.#reported = { revision, atMs: nowMs };
    const head = { instance: this.instance, sequence: ++this.#sequence, batchId: randomUUID().replaceAll("-", ""), sentAt: nowMs };
    const sample = contexts.length > 0 ? { contexts } : {};
    const body = JSON.stringify({ ...head, sdk: this.#sdk, revision: revision || null, ...batch, ...sample });
    return { batch, body, isFull: this.#recorder.size > 0 };
  }

  #wakeWhenMuch() {
    if (this.#recorder.size >= PLENTY) this.#wake();
  }

  /** @param {Context} context @param {string} by @returns {string | undefined} */
  #unitOf(context, by) {
    let read = this.#readers.get(by);
    if (read === undefined) {
      if (this.#readers.size >= READERS) this.#readers.clear();
      this.#readers.set(by, (read = attributeReader(by)));
    }
    try {
      return unit(read(context));
    } catch {
      // What the application calls a context may be anything.
      return undefined;
    }
  }
}
