/**
 * Semantic versions, strictly: three integers, pre-release and build as semver.org has them. Build is not compared.
 * @module
 */

import { compareRanks, digitsRank } from "../values.js";

/** @typedef {import("../values.js").Rank} Rank */

const NUMBER = "(0|[1-9][0-9]*)";
const NAME = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)";
const STRICT = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${NAME}(?:\\.${NAME})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`);
const DIGITS = /^[0-9]+$/;

/**
 * Read *text*, whose three integers may be up to *largest*, in digits; null where it is no version.
 * @param {string} text
 * @param {string} largest
 * @returns {Rank | null}
 */
export function versionOf(text, largest) {
  const match = STRICT.exec(text);
  const core = match === null ? [] : match.slice(1, 4).map(digitsRank);
  if (match === null || core.some((part) => compareRanks(part, digitsRank(largest)) > 0)) return null;
  if (match[4] === undefined) return [...core, 1];
  return [...core, 0, match[4].split(".").map((name) => (DIGITS.test(name) ? [0, ...digitsRank(name)] : [1, 0, name]))];
}
