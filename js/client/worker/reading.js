/**
 * Reading documents from KV and from nodes without holding the isolate: it does other requests' work between two slices.
 * @module
 */

import { Slices } from "./slices.js";
import { emptySum, MEMBERS, toggle } from "./sums.js";

/** @typedef {import("../../platform/index.js").Platform} Platform */
/** @typedef {import("./sums.js").Member} Member */
/** A document as `JSON.parse` would give it, and the sum of its items. @typedef {{ document: any, sum: import("./sums.js").Sum }} Read */
/** Returns the item to keep: the one that came, or one that is the same. @typedef {(member: Member, key: string, item: any) => any} Keep */

/** So much is read at a time: a millisecond or two. The clock would be no measure: in an isolate it stands still while that computes. */
const SLICE_BYTES = 64 * 1024;

/**
 * Read *bytes*, the UTF-8 of a document. Throws `SyntaxError` for what is no JSON, and whatever *bytes* throw.
 * @param {ReadableStream<Uint8Array>} bytes
 * @param {Platform["later"]} later
 * @param {Keep} keep
 * @returns {Promise<Read>}
 */
export async function readDocument(bytes, later, keep) {
  const sum = emptySum();
  const slices = new Slices(MEMBERS, (of, key, item) => {
    const member = /** @type {Member} */ (of);
    if (item !== null) toggle(sum, member, key, item);
    return keep(member, key, item);
  });
  const decoder = new TextDecoder();
  let left = SLICE_BYTES;
  for await (const piece of /** @type {AsyncIterable<Uint8Array>} */ (/** @type {unknown} */ (bytes))) {
    for (let at = 0; at < piece.length; at += SLICE_BYTES) {
      const part = piece.subarray(at, at + SLICE_BYTES);
      slices.put(decoder.decode(part, { stream: true }));
      left -= part.length;
      if (left > 0) continue;
      await new Promise((resolve) => later(0, () => resolve(undefined)));
      left = SLICE_BYTES;
    }
  }
  slices.put(decoder.decode());
  return { document: slices.end(), sum };
}
