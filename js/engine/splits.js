/**
 * Splits: the unit, its place in a layer, its bucket, the slice that serves.
 * @module
 */

import { BUCKETS, bucketAfter, bucketPrefix } from "../bucketing/index.js";
import { reader } from "./conditions.js";
import { Refused } from "./operators.js";
import { integer, unit } from "./values.js";

/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("../model/index.js").Layer} Layer */
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
export function bounds(split) {
  if (split.hash !== "sha256") throw new Refused(`the hash '${split.hash}' is not known here; update the SDK`);
  let total = 0;
  const found = split.weights.map(({ weight }) => {
    if (integer(weight) === undefined || weight < 0) throw new Refused(`${weight} is not an integer from 0 on`);
    total += weight;
    return total;
  });
  if (total !== BUCKETS) throw new Refused(`the weights sum to ${total}; make them sum to ${BUCKETS}`);
  return found;
}

/**
 * Return the places [from, to) of *layer* that *experiment* owns. Throws `Refused`.
 * @param {Layer} layer
 * @param {string} experiment
 * @returns {{ from: number, to: number }[]}
 */
export function ownedPlaces(layer, experiment) {
  const slots = [...layer.slots].sort((one, other) => one.from - other.from);
  let taken = 0;
  for (const slot of slots) {
    if (!(taken <= slot.from && slot.from <= slot.to && slot.to <= BUCKETS)) {
      throw new Refused(`the slots of the layer '${layer.key}' overlap, or leave 0 to ${BUCKETS}`);
    }
    taken = slot.to;
  }
  return slots.filter((slot) => slot.experiment === experiment);
}
