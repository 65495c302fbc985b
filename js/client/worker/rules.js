/**
 * The rules for one request: all of it sees one revision, whatever comes meanwhile.
 * @module
 */

import { bootstrapElement, bootstrapJson } from "../../protocol/bootstrap.js";
import { positionText } from "../../protocol/position.js";

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("../../engine/index.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/answers.js").ExposureSite} ExposureSite */
/** @typedef {import("../../model/index.js").Kind} Kind */
/** @typedef {import("./compiled.js").Compiled} Compiled */
/** @typedef {import("./reporter.js").Report} Report */
/**
 * Whose rules they are and how old. `ageS`: for how many seconds they were not known to be current at the origin.
 * @typedef {{ environment: string, position: { epoch: number, revision: number } | null, flagsVersion: string, ageS: number,
 *   atMs: number }} Standing
 */

const NOT_READY = "no flags have come yet";

export class Rules {
  #compiled;
  #standing;
  #report;

  /** @param {Compiled | null} compiled @param {Standing} standing @param {Report} report */
  constructor(compiled, standing, report) {
    this.#compiled = compiled;
    this.#standing = standing;
    this.#report = report;
  }

  /** Whether there are flags. Without them every evaluation answers its fallback. */
  get ready() {
    return this.#compiled !== null;
  }

  /** The environment's revision, as `epoch.revision`; empty before there is one. */
  get revision() {
    return this.#standing.position === null ? "" : positionText(this.#standing.position);
  }

  /** What pages say that they saw, as `v7_1a2b3c4d`. */
  get flagsVersion() {
    return this.#standing.flagsVersion;
  }

  /** For how many seconds the rules were not known to be current at the origin when the request came. */
  get ageS() {
    return this.#standing.ageS;
  }

  /** @param {string} flag @param {Context} context @param {boolean} fallback @returns {boolean} */
  boolean(flag, context, fallback) {
    return this.evaluation(flag, context, fallback, "boolean").value;
  }

  /** @param {string} flag @param {Context} context @param {string} fallback @returns {string} */
  string(flag, context, fallback) {
    return this.evaluation(flag, context, fallback, "string").value;
  }

  /** @param {string} flag @param {Context} context @param {number} fallback @returns {number} */
  number(flag, context, fallback) {
    return this.evaluation(flag, context, fallback, "number").value;
  }

  /** @template {object} T @param {string} flag @param {Context} context @param {T} fallback @returns {Readonly<T>} */
  object(flag, context, fallback) {
    return this.evaluation(flag, context, fallback, "object").value;
  }

  /**
   * Return what *flag* serves to *context*, and why. Never throws.
   * @param {string} flag
   * @param {Context} context
   * @param {any} fallback the value where no variation is served
   * @param {Kind} [kind] what the value must be, if not anything
   * @returns {Evaluation}
   */
  evaluation(flag, context, fallback, kind) {
    this.sample(context);
    return this.#counted(flag, context, fallback, kind);
  }

  /** @param {string} flag @param {Context} context @param {any} fallback @param {Kind} [kind] */
  #counted(flag, context, fallback, kind) {
    const found = this.#compiled === null ? notReady(fallback) : this.#compiled.evaluate(flag, context, fallback, kind);
    this.#report.evaluated(flag, found);
    return found;
  }

  /**
   * Take *context* if it belongs to the sample, where one is taken.
   * @param {Context} context
   * @param {readonly string[]} [hidden] what is private in it, beside `privateAttributes`
   */
  sample(context, hidden) {
    this.#report.saw(context, hidden);
  }

  /**
   * Note what was measured of who is in *context*, for experiments and guarded rollouts.
   * @param {string} key
   * @param {Context} context
   * @param {{ value?: number, by?: string }} [measured] `by`: the attribute that names the unit
   */
  track(key, context, { value = 1, by = "targetingKey" } = {}) {
    this.#report.tracked(key, context, { value, by });
  }

  /**
   * Return the client-side flags as a page is told of them: JSON that is safe in HTML. It counts nothing: who reads it reports that.
   * @param {Context} context
   * @param {{ ttlS?: number }} [how] for how long the page may go on with it
   * @returns {string}
   */
  bootstrap(context, { ttlS } = {}) {
    const { environment, flagsVersion, ageS, atMs } = this.#standing;
    const told = this.clientSide(context);
    return bootstrapJson(told, { environment, revision: this.revision, flagsVersion, ttlS, ageS, atMs });
  }

  /**
   * Return the element for a page's head that carries `bootstrap`; empty while there are no flags.
   * @param {Context} context
   * @param {{ ttlS?: number, nonce?: string }} [how]
   * @returns {string} HTML
   */
  bootstrapScript(context, { ttlS, nonce } = {}) {
    return this.ready ? bootstrapElement(this.bootstrap(context, { ttlS }), nonce) : "";
  }

  /**
   * Evaluate the client-side flags, without counting. With each comes the exposure that it is to read it, null where that is none.
   * @param {Context} context
   * @returns {[string, Evaluation, ExposureSite | null][]}
   */
  clientSide(context) {
    const compiled = this.#compiled;
    if (compiled === null) return [];
    const { silently, sited } = this.#report;
    return silently(() => compiled.clientSide.map((key) => [key, ...sited(() => compiled.evaluate(key, context, null))]));
  }

  /**
   * Return a text that tells apart what the flags of this revision may answer differently to; null where no text tells.
   * @param {Context} context
   * @returns {string | null}
   */
  basisOf(context) {
    const stale = this.#compiled?.stale ?? null;
    try {
      return stale && JSON.stringify([stale, context]);
    } catch {
      // The application put in what is no JSON.
      return null;
    }
  }

  /**
   * Return what *flag* serves to *context*, and the exposure that it is, null where it is none.
   * @param {string} flag
   * @param {Context} context
   * @returns {[Evaluation, ExposureSite | null]}
   */
  exposure(flag, context) {
    return this.#report.sited(() => this.#counted(flag, context, null));
  }

  /** Tell whether a flag is there and is for browsers. @param {string} flag */
  isClientSide(flag) {
    return this.#compiled?.isClientSide(flag) ?? false;
  }
}

/** @param {any} fallback @returns {Evaluation} */
function notReady(fallback) {
  return Object.freeze({
    value: fallback,
    variation: null,
    reason: "ERROR",
    ruleId: null,
    flagVersion: null,
    errorCode: "PROVIDER_NOT_READY",
    errorMessage: NOT_READY,
  });
}
