/**
 * What the output of a flag's targeting says in flagd: the name of a variant, nothing, or what is an error.
 * @module
 */

import { pythonText } from "../python.js";
import { isTree } from "./values.js";

/** @typedef {import("./values.js").Run} Run */

/** The targeting gives what names no variant, where the SDK answers an error. */
class NoVariant extends Error {}

/** The variants of one flag that a targeting can name: all but one without a name, and one whose value is null. */
export class Variants {
  #names;
  #hasWritten;

  /** @param {import("../seam.js").Flag | import("../seam.js").Segment | null} owner */
  constructor(owner) {
    const variations = owner !== null && "variations" in owner ? owner.variations : [];
    this.#names = new Set(variations.filter(({ key, value }) => key !== "" && value !== null).map(({ key }) => key));
    this.#hasWritten = [...this.#names].some((name) => name[0] === "[" || name[0] === "{");
  }

  /**
   * Return the variant that *output* names: text itself, else what Python writes for it; null for null. Throws `NoVariant`.
   * @param {Run} run
   * @param {unknown} output
   * @returns {string | null}
   */
  named(run, output) {
    if (output === null) return null;
    const name = typeof output === "string" ? output : this.#written(run, output);
    if (!this.#names.has(name)) throw new NoVariant(`'${name.slice(0, 40)}' is no variant`);
    return name;
  }

  /** @param {Run} run @param {unknown} output */
  #written(run, output) {
    if (typeof output === "boolean") return String(output);
    if (isTree(output)) return this.#hasWritten ? pythonText(run.weigh(output)) : "an array or object";
    return pythonText(output);
  }
}
