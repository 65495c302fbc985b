/**
 * Layers: which places of one an experiment owns.
 * @module
 */

import { BUCKETS } from "../bucketing/index.js";

/** @typedef {import("../model/index.js").Layer} Layer */

/**
 * Return the places [from, to) of *layer* that *experiment* owns. Throws for slots that overlap.
 * @param {Layer} layer
 * @param {string} experiment
 * @returns {{ from: number, to: number }[]}
 */
export function ownedPlaces({ key, slots }, experiment) {
  let taken = 0;
  for (const { from, to } of [...slots].sort((one, other) => one.from - other.from)) {
    if (!(taken <= from && from <= to && to <= BUCKETS)) throw new Error(`the slots of the layer '${key}' overlap, or leave 0 to ${BUCKETS}`);
    taken = to;
  }
  return slots.filter((slot) => slot.experiment === experiment);
}
