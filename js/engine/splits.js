/**
 * Splits: the unit, its bucket, the slice that serves.
 * @module
 */

import { BUCKETS, bucketAfter, bucketPrefix } from "../bucketing/index.js";
import { reader } from "./attributes.js";
import { checkHash } from "./operators.js";
import { refuse } from "./refused.js";
import { integer, unit } from "./values.js";

/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("../model/index.js").Split} Split */

/**
 * Return a function from a context to the bucket of its unit; -1 where it has none. Throws `Refused`.
 * @param {string} by
 * @param {string} salt
 * @param {string} key
 * @returns {(context: Context) => number}
 */
export function bucketOf(by, salt, key) {
  const read = reader(by);
  const prefix = bucketPrefix(salt, key);
  return (context) => {
    const found = unit(read(context));
    return found === undefined ? -1 : bucketAfter(prefix, found);
  };
}

/**
 * Return the bounds of a split's slices: a bucket below the first is in the first. Throws `Refused`.
 * @param {Split} split
 * @returns {number[]}
 */
export function bounds({ hash, weights }) {
  checkHash(hash);
  let total = 0;
  // One that is no weight makes a sum that is none.
  const found = weights.map(({ weight }) => (total += /** @type {number} */ (integer(weight)) >= 0 ? weight : NaN));
  if (total !== BUCKETS) refuse(`the weights sum to ${total}; make them integers that sum to ${BUCKETS}`);
  return found;
}
