/**
 * flagd's `fractional` as a split: which of its weights serves.
 *
 * The text that is hashed is the salt and the unit, one after the other (in the third generation the CBOR of both). The
 * last weight of a split is the share of nobody: where it is 0 it serves those to whom the operator gives nothing.
 * @module
 */

import { Refused } from "../../refused.js";
import { fractional } from "./fractions.js";
import { Run, text } from "./values.js";
import { Variants } from "./variants.js";

/** @typedef {import("../seam.js").Choice} Choice */
/** @typedef {import("../seam.js").Flag} Flag */
/** @typedef {import("../seam.js").Split} Split */
/** @typedef {import("./fractions.js").Generation} Generation */
/** @typedef {import("./nodes.js").Logic} Logic */

/**
 * Return the choice that *split* is. *read* reads its unit.
 *
 * A salt of null is the flag's, and the unit must be text that is not empty. Another one is put before whatever text the
 * unit makes, null included. An empty one hashes the unit as it is. Throws `Refused` for a weight that is no integer.
 * @param {Generation} generation
 * @param {Split} split
 * @param {Flag} owner
 * @param {Logic} read
 * @returns {Choice}
 */
export function choosing(generation, split, owner, read) {
  const weights = split.weights.map(({ weight }) => weight);
  const fraction = weights.find((weight) => !Number.isSafeInteger(weight));
  if (fraction !== undefined) throw new Refused(`the weight ${fraction} is no integer`);
  if (weights.length === 0) throw new Refused("a split has weights");
  const otherwise = weights[weights.length - 1] === 0 ? weights.length - 1 : null;
  if (split.salt === "") return explicit(generation, split, owner, { read, otherwise });
  const index = generation.picker(otherwise === null ? weights : weights.slice(0, -1));
  return (context, now) => {
    const run = new Run(context, now, owner.key);
    const unit = read(context, run);
    const data =
      split.salt === null ? generation.implied(owner.salt, unit) : generation.explicit(run, run.spent(split.salt + text(run, unit)));
    return (data === null ? null : index(data)) ?? otherwise;
  };
}

/**
 * Return a split by a value as it is. One that is no bucketing value is a fraction to the SDK, and may name a variant.
 * @param {Generation} generation
 * @param {Split} split
 * @param {Flag} owner
 * @param {{ read: Logic, otherwise: number | null }} given
 * @returns {Choice}
 */
function explicit(generation, { weights }, owner, { read, otherwise }) {
  const index = generation.picker(weights.map(({ weight }) => weight));
  const fractions = weights.map(({ variation, weight }) => [variation, weight]);
  const variants = new Variants(owner);
  return (context, now) => {
    const run = new Run(context, now, owner.key);
    const value = read(context, run);
    if (generation.takesExplicit(value)) {
      const data = generation.explicit(run, value);
      return (data === null ? null : index(data)) ?? otherwise;
    }
    const name = variants.named(run, fractional(generation, run.whole(), run, [value, ...fractions]));
    return name === null ? otherwise : weights.findIndex(({ variation }) => variation === name);
  };
}
