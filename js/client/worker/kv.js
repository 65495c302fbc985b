/**
 * The document that an edge node's publisher writes to Workers KV: read whole or not at all, and only where it is newer.
 * @module
 */

import { SourceFailed } from "./failures.js";
import { readDocument } from "./reading.js";

/** @typedef {import("./known.js").Known} Known */
/**
 * What is used of a binding to Workers KV.
 * @typedef {{ getWithMetadata(name: string, options: any): Promise<{ value: any, metadata: unknown }> }} KvNamespace
 */
/**
 * What a publisher says of its document; `knownAt`: when that was current at the origin, in milliseconds since 1970.
 * @typedef {{ position: string, digest: string, flagsVersion: string | null, knownAt: number | null }} Metadata
 */

const FORMAT = 1;

/** Reads what is published of one environment. */
export class KvSource {
  name = "KV";
  #kv;
  #key;
  #options;
  #now;
  #later;

  /**
   * @param {KvNamespace} kv
   * @param {string} environment `project/environment`
   * @param {{ cacheTtlS: number | undefined, platform: Pick<import("../../platform/index.js").Platform, "now" | "later"> }} how for how
   *   long the location may answer from its cache, undefined for KV's own default
   */
  constructor(kv, environment, { cacheTtlS, platform }) {
    this.#kv = kv;
    this.#key = `pennon:${FORMAT}:${environment}:server`;
    this.#options = { type: "stream", ...(cacheTtlS === undefined ? {} : { cacheTtl: cacheTtlS }) };
    this.#now = platform.now;
    this.#later = platform.later;
  }

  /**
   * Have *known* take what is there, if it is later. Throws `SourceFailed`, and whatever the binding throws.
   * @param {Known} known
   */
  async ask(known) {
    const { value, metadata } = await this.#kv.getWithMetadata(this.#key, this.#options);
    if (!value) throw new SourceFailed(`there is no '${this.#key}'; have an edge node publish to this namespace (--publish)`);
    let isRead = false;
    try {
      const { position, digest, flagsVersion, knownAt } = this.#checked(metadata);
      const ageS = knownAt === null ? null : Math.max(0, this.#now() - knownAt) / 1000;
      if (known.isAt(position, digest)) return known.confirm(ageS);
      if (known.isPast(position)) return;
      isRead = true;
      await known.takeSnapshot(await this.#document(value, digest, known.kept), { ageS, flagsVersion }, { mustMatch: true });
    } finally {
      if (!isRead) await value.cancel();
    }
  }

  /** @param {unknown} metadata @returns {Metadata} */
  #checked(metadata) {
    const said = /** @type {Record<string, unknown>} */ (metadata ?? {});
    const { format, position, digest, flagsVersion, knownAt } = said;
    if (typeof position !== "string" || typeof digest !== "string") {
      throw new SourceFailed(`'${this.#key}' was not written by Pennon; let nobody else write it`);
    }
    if (format !== FORMAT) {
      throw new SourceFailed(`'${this.#key}' has the format ${format}, this reads ${FORMAT}; update the package pennon`);
    }
    return {
      position,
      digest,
      flagsVersion: typeof flagsVersion === "string" ? flagsVersion : null,
      knownAt: typeof knownAt === "number" ? knownAt : null,
    };
  }

  /** @param {ReadableStream} value @param {string} digest @param {import("./reading.js").Keep} keep */
  async #document(value, digest, keep) {
    let read;
    try {
      read = await readDocument(value.pipeThrough(new DecompressionStream("gzip")), this.#later, keep);
    } catch (error) {
      throw new SourceFailed(`'${this.#key}' is damaged or cut off (${error instanceof Error ? error.message : error}); it is not used`);
    }
    if (read.document?.digest !== digest) throw new SourceFailed(`'${this.#key}' is not what its metadata says; it is not used`);
    return read;
  }
}
