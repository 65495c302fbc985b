/**
 * An edge node, or the origin, asked for what is new since where this isolate stands.
 * @module
 */

import { positionText } from "../../protocol/position.js";
import { SourceFailed } from "./failures.js";
import { readDocument } from "./reading.js";

/** @typedef {import("./known.js").Known} Known */
/** Where a node is, and a server key of the environment. @typedef {{ url: string, key: string }} Edge */

/** What a person has to mend, by the status that says so. @type {Readonly<Record<number, string>>} */
const REFUSALS = {
  401: "it does not know the key; give a server key that is not revoked",
  403: "the key is not for this; give a server key of the environment",
  404: "there is nothing at this address; give that of a server or an edge node",
};
const REFUSED_MS = 60_000;
const LONGEST_WISH_MS = 3_600_000;

/** Asks one node. */
export class EdgeSource {
  #address;
  #key;
  #fetch;
  #timeoutMs;
  #later;

  /**
   * @param {Edge} edge
   * @param {string} environment
   * @param {{ platform: Pick<import("../../platform/index.js").Platform, "fetch" | "later">, timeoutMs: number }} how
   */
  constructor({ url, key }, environment, { platform, timeoutMs }) {
    this.name = `the node at ${url}`;
    this.#address = `${url.replace(/\/+$/, "")}/sdk/v1/snapshot?environment=${encodeURIComponent(environment)}`;
    this.#key = key;
    this.#fetch = platform.fetch;
    this.#later = platform.later;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Have *known* take what is new. Throws `SourceFailed`, and whatever `fetch` throws.
   * @param {Known} known
   */
  async ask(known) {
    const { position } = known;
    const since = position === null ? "" : `&since=${positionText(position)}`;
    const first = await this.#answer(this.#address + since, known.kept);
    if (!isDelta(first.read.document)) return known.takeSnapshot(first.read, first.said, { mustMatch: false });
    if (await known.takeDelta(first.read.document, first.said)) return;
    const whole = await this.#answer(this.#address, known.kept);
    await known.takeSnapshot(whole.read, whole.said, { mustMatch: false });
  }

  /** @param {string} address @param {import("./reading.js").Keep} keep */
  async #answer(address, keep) {
    const headers = { Authorization: `Bearer ${this.#key}`, Accept: "application/json" };
    const answer = await this.#fetch(address, { headers, redirect: "manual", signal: AbortSignal.timeout(this.#timeoutMs) });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw refused(answer);
    }
    const ageS = Number(answer.headers.get("x-pennon-age") ?? NaN);
    const said = { ageS: ageS >= 0 ? ageS : null, flagsVersion: answer.headers.get("x-pennon-flags-version") };
    return { read: await this.#read(answer, keep), said };
  }

  /** @param {Response} answer @param {import("./reading.js").Keep} keep */
  async #read(answer, keep) {
    const kind = answer.headers.get("content-type") ?? "of no type";
    try {
      return await readDocument(/** @type {ReadableStream} */ (answer.body ?? new Blob().stream()), this.#later, keep);
    } catch (error) {
      const why = error instanceof SyntaxError ? `is no JSON but ${kind}; is this the address of a node?` : `was cut off: ${error}`;
      throw new SourceFailed(`what came ${why}`);
    }
  }
}

/** @param {unknown} document */
function isDelta(document) {
  return typeof document === "object" && document !== null && "from" in document;
}

/** @param {Response} answer */
function refused(answer) {
  const { status } = answer;
  if (status in REFUSALS) return new SourceFailed(REFUSALS[status], { retryAfterMs: REFUSED_MS });
  const wishMs = 1000 * (Number(answer.headers.get("retry-after")) || 0);
  return new SourceFailed(`it answers ${status}`, { retryAfterMs: Math.min(Math.max(wishMs, 0), LONGEST_WISH_MS) });
}
