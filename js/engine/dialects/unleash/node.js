/**
 * Unleash's Node SDK: JavaScript throughout. What it cannot read is false, and true where inverted.
 * @module
 */

import { Refused } from "../../refused.js";
import { compareRanks, isObject, ORDERS } from "../values.js";
import { contains, node4, node6 } from "./addresses.js";
import { rolloutPlace } from "./buckets.js";
import { LYINGS } from "./constraints.js";
import { BUILT_IN, compareNumbers, DEFAULT, given, listed, never, nobody, propertyOf, RANDOM, tested, texts } from "./fields.js";
import { nodeSearch } from "./patterns.js";
import { milliseconds } from "./times.js";
import { versionOf } from "./versions.js";

/** @typedef {import("./constraints.js").Constraint} Constraint */
/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").Reader} Reader */
/** @typedef {import("./fields.js").Test} Test */
/** @typedef {(order: number) => boolean} Order */
/** @typedef {(parameters: ReadonlyMap<string, string>) => Test} Prepare */

/** Fields that JavaScript finds in every context. */
const INHERITED = new Set([...Object.getOwnPropertyNames(Object.prototype), "properties"]);
const LARGEST = String(Number.MAX_SAFE_INTEGER);
const LONGEST_VERSION = 256;
const COMMA = /\s*,\s*/;

/** Return a built-in field as the SDK is given it. @param {Context} context @param {string} name */
function top(context, name) {
  const found = given(context, name) ?? null;
  return found === null && name === "userId" ? (given(context, "targetingKey") ?? null) : found;
}

/** @param {unknown} value @returns {string} */
function text(value) {
  if (Array.isArray(value)) return value.map((each) => (each === null ? "" : text(each))).join(",");
  return isObject(value) ? "[object Object]" : String(value);
}

/**
 * Read a field: a built-in one where it is neither missing nor null, else the property of that name.
 * @param {string} name
 * @returns {Reader}
 */
export function field(name) {
  if (INHERITED.has(name)) throw new Refused(`JavaScript finds '${name}' in every context, given or not`);
  return (context) => {
    const found = (BUILT_IN.has(name) ? top(context, name) : null) ?? propertyOf(context, name) ?? null;
    return found === null ? null : text(found);
  };
}

/**
 * Read the id that a rollout hashes: by default the user's, else the session's; an empty one is none.
 * @param {string} by
 * @returns {Reader}
 */
export function rolloutUnit(by) {
  if (by === RANDOM) return nobody;
  return by === DEFAULT ? (context) => idOf(context, "userId") ?? idOf(context, "sessionId") : filled(field(by));
}

/**
 * Read the id that a choice of variants hashes: by default also the address; and then only texts are ids.
 * @param {string} by
 * @returns {Reader}
 */
export function variantUnit(by) {
  if (by !== DEFAULT) return filled(field(by));
  return (context) => {
    const found = ["userId", "sessionId", "remoteAddress"].map((name) => top(context, name));
    return /** @type {string | undefined} */ (found.find((each) => typeof each === "string" && each !== "")) ?? null;
  };
}

/** @param {Reader} read @returns {Reader} */
function filled(read) {
  return (context, now) => read(context, now) || null;
}

/** @param {Context} context @param {string} name */
function idOf(context, name) {
  const found = top(context, name);
  return found ? text(found) : null;
}

/**
 * Prepare a strategy that reads the context in a way of its own.
 * @param {string} name
 * @param {ReadonlyMap<string, string>} parameters
 * @returns {Test}
 */
export function strategy(name, parameters) {
  const prepare = STRATEGIES.get(name);
  if (prepare === undefined) throw new Refused(`the strategy '${name}' is not known here`);
  return prepare(parameters);
}

/** @param {string | undefined} list */
function parted(list) {
  return list ? list.split(COMMA) : [];
}

/** @type {Prepare} */
function userWithId(parameters) {
  const ids = new Set(parted(parameters.get("userIds")));
  return (context) => {
    const found = top(context, "userId");
    return typeof found === "string" && ids.has(found);
  };
}

/** @param {string} name @returns {Prepare} */
function gradual(name) {
  return (parameters) => {
    const most = Number(parameters.get("percentage"));
    const place = rolloutPlace("murmur3-utf16lo", parameters.get("groupId") ?? "");
    return (context) => {
      const found = idOf(context, name);
      return found !== null && place(found) + 1 <= most;
    };
  };
}

/** @type {Prepare} */
function remoteAddress(parameters) {
  const ranges = parted(parameters.get("IPs"));
  const networks = ranges.map(node4).filter((network) => network !== null);
  const known = new Set(ranges);
  return (context) => {
    const found = top(context, "remoteAddress");
    if (typeof found !== "string") return false;
    const address = node4(found);
    return known.has(found) || (address !== null && networks.some((network) => isIn(address, network)));
  };
}

/** @param {import("../../addresses.js").Network} address @param {import("../../addresses.js").Network} network */
function isIn(address, network) {
  return address.length >= network.length && contains(network, address);
}

/** Read the attribute `hostname`: rules know contexts, and not the machine that they run on. @type {Prepare} */
function hostname(parameters) {
  const names = new Set(parted(parameters.get("hostNames")?.toLowerCase()));
  return (context) => {
    const found = propertyOf(context, "hostname");
    return typeof found === "string" && names.has(found.toLowerCase());
  };
}

/** @type {ReadonlyMap<string, Prepare>} */
const STRATEGIES = new Map([
  ["userWithId", userWithId],
  ["gradualRolloutUserId", gradual("userId")],
  ["gradualRolloutSessionId", gradual("sessionId")],
  ["remoteAddress", remoteAddress],
  ["applicationHostname", hostname],
]);

/**
 * Prepare a constraint; one with an operator that is not Unleash's never holds, inverted or not.
 * @param {Constraint} constraint
 * @returns {Test}
 */
export function constraint(constraint) {
  const { operator, inverted, value } = constraint;
  if (operator === "DATE_AFTER") return dated(value, ORDERS.GT, inverted);
  if (operator === "DATE_BEFORE") return dated(value, ORDERS.LT, inverted);
  const read = field(constraint.field);
  if (operator === "IN" || operator === "NOT_IN") return listed(read, clean(constraint), (operator === "IN") !== inverted);
  const order = orderOf(operator);
  if (operator.split("_", 1)[0] === "NUM" && order !== undefined) {
    const limit = Number(value ?? undefined);
    // NaN, on either side, is neither less nor more than anything, nor itself.
    return (context, now) => order(compareNumbers(Number(read(context, now) ?? undefined), limit)) !== inverted;
  }
  const matches = matcher(constraint, order);
  return matches === null ? never : tested(read, matches, inverted);
}

/** @param {string} operator @returns {Order | undefined} */
function orderOf(operator) {
  const name = operator.slice(operator.lastIndexOf("_") + 1);
  if (name === "AFTER" || name === "BEFORE") return name === "AFTER" ? ORDERS.GT : ORDERS.LT;
  return Object.hasOwn(ORDERS, name) ? ORDERS[name] : undefined;
}

/** @param {Constraint} constraint @param {Order | undefined} order @returns {((text: string) => boolean) | null} */
function matcher(constraint, order) {
  const { operator, value, ignoresCase } = constraint;
  if (operator === "REGEX") return value === null ? never : (nodeSearch(value, ignoresCase) ?? never);
  if (operator === "IN_CIDR") return within(clean(constraint));
  const lying = LYINGS.get(operator);
  if (lying !== undefined) return texts(clean(constraint), lying, ignoresCase);
  return operator.startsWith("SEMVER_") && order !== undefined ? versioned(value, order) : null;
}

/** @param {Constraint} constraint */
function clean({ operator, values }) {
  if (values === null) throw new Refused(`the SDK fails where ${operator} has no values`);
  return values.filter((value) => value !== "").map((value) => value.trim());
}

/** @param {string | null} value @param {Order} order @returns {(text: string) => boolean} */
function versioned(value, order) {
  const limit = value === null ? null : version(value);
  return (text) => {
    const found = text.startsWith("v") ? null : version(text);
    return found !== null && limit !== null && order(compareRanks(found, limit));
  };
}

/** Read a version as npm's semver does, which trims, and takes a `v`. @param {string} text */
function version(text) {
  return text.length > LONGEST_VERSION ? null : versionOf(text.trim().replace(/^v/, ""), LARGEST);
}

/** @param {readonly string[]} list @returns {(text: string) => boolean} */
function within(list) {
  const networks4 = list.map(node4).filter((network) => network !== null);
  const networks6 = list.map(node6).filter((network) => network !== null);
  return (text) => {
    const as4 = node4(text);
    const address = as4 ?? node6(text);
    if (address === null) return false;
    const networks = as4 === null ? networks6 : networks4;
    return networks.some((network) => String(network.groups) === String(address.groups) || isIn(address, network));
  };
}

/**
 * Compare the current time, whatever the field.
 * @param {string | null} value
 * @param {Order} order
 * @param {boolean} inverted
 * @returns {Test}
 */
function dated(value, order, inverted) {
  const limit = value === null ? NaN : milliseconds(value);
  return (context, now) => {
    const found = given(context, "currentTime");
    if (found) return order(compareNumbers(milliseconds(found), limit)) !== inverted;
    return now !== null && order(compareNumbers(Math.trunc(now * 1000), limit)) !== inverted;
  };
}
