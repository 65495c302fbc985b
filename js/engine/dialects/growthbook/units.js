/**
 * Whom GrowthBook buckets, and where they land: the place of a unit, the slice of a split.
 * @module
 */

import { fnv1a } from "../../../bucketing/fnv.js";
import { Refused } from "../../refused.js";
import { unitReader } from "./attributes.js";

/**
 * Returns the text that is hashed for an attribute's value, null where it identifies nobody.
 * @typedef {(value: unknown) => string | null} Unit
 */

/** The hash schemes, and how many places each has. @type {ReadonlyMap<string | null, number>} */
const PLACES = new Map([
  ["fnv1a-v1", 1000],
  ["fnv1a-v2", 10_000],
]);

/**
 * Return what tells the place of a unit under *scheme* and *seed*. Throws `Refused`.
 * @param {string | null} scheme
 * @param {string} seed
 * @returns {(unit: string) => number}
 */
export function placing(scheme, seed) {
  const places = placesOf(scheme);
  if (scheme === "fnv1a-v1") return (unit) => fnv1a(unit + seed) % places;
  const start = fnv1a(seed);
  return (unit) => fnv1a(String(fnv1a(unit, start))) % places;
}

/** @param {string | null} scheme */
function placesOf(scheme) {
  const places = PLACES.get(scheme);
  if (places === undefined) throw new Refused(`GrowthBook has no hash '${scheme}', only ${[...PLACES.keys()].join(" and ")}`);
  return places;
}

/**
 * Return what chooses among a split's weights, which are numbers of places. Throws `Refused`.
 * @param {import("../seam.js").Split} split
 * @param {string} seed
 * @param {Unit} unit
 * @returns {import("../seam.js").Choice}
 */
export function choosing(split, seed, unit) {
  const find = placing(split.hash, seed);
  const places = placesOf(split.hash);
  let total = 0;
  const bounds = split.weights.map(({ weight }) => (total += weight));
  if (total !== places) throw new Refused(`the weights of a split by ${split.hash} sum to ${places}, not to ${total}`);
  const read = unitReader(split.by);
  return (context) => {
    const found = unit(read(context));
    if (found === null) return null;
    const place = find(found);
    return bounds.findIndex((bound) => bound > place);
  };
}
