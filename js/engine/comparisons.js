/**
 * Operators on dates, versions and addresses.
 * @module
 */

import { address, isWithin, network } from "./addresses.js";
import { compareInstants, instant } from "./dates.js";
import { compareVersions, version } from "./versions.js";

/** @typedef {import("./dates.js").Instant} Instant */
/** @typedef {import("./operators.js").Operator} Operator */
/** @typedef {import("./versions.js").Version} Version */

/** @param {(order: number) => boolean} holds @returns {Operator} */
const ofDates = (holds) => ({
  read: instant,
  what: "a date with a zone, nor epoch milliseconds",
  holds: (/** @type {Instant} */ one, /** @type {Instant} */ other) => holds(compareInstants(one, other)),
});
/** @param {(order: number) => boolean} holds @returns {Operator} */
const ofVersions = (holds) => ({
  read: version,
  what: "a version",
  holds: (/** @type {Version} */ one, /** @type {Version} */ other) => holds(compareVersions(one, other)),
});

/** @type {import("./operators.js").Operators} */
export const COMPARISONS = {
  before: ofDates((order) => order < 0),
  after: ofDates((order) => order > 0),
  versionEqual: ofVersions((order) => order === 0),
  versionLess: ofVersions((order) => order < 0),
  versionLessOrEqual: ofVersions((order) => order <= 0),
  versionGreater: ofVersions((order) => order > 0),
  versionGreaterOrEqual: ofVersions((order) => order >= 0),
  inCidr: { read: address, what: "a network", holds: isWithin, literal: network },
};
