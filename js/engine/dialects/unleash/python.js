/**
 * Unleash's Rust core, as its Python SDK asks it: constraints become a text of rules, which is compiled.
 *
 * So what the grammar of those rules does not take switches the whole flag off, and what it takes otherwise than it was
 * meant (a version given to a number's operator) means that. All context values are texts first, as Python writes them.
 * @module
 */

import { Refused } from "../../refused.js";
import { pythonText } from "../python.js";
import { compareRanks, isObject, ORDERS } from "../values.js";
import { contains, rustAddress, rustNetwork } from "./addresses.js";
import { isoFormat, momentAt, momentOf, numberOf, trimmed } from "./chrono.js";
import { LYINGS } from "./constraints.js";
import { BUILT_IN, compareNumbers, DEFAULT, given, listed, never, nobody, propertyOf, RANDOM, tested, texts } from "./fields.js";
import { rustSearch } from "./patterns.js";
import { versionOf } from "./versions.js";

/** @typedef {import("./constraints.js").Constraint} Constraint */
/** @typedef {import("./fields.js").Context} Context */
/** @typedef {import("./fields.js").Reader} Reader */
/** @typedef {import("./fields.js").Test} Test */
/** @typedef {(order: number) => boolean} Order */

const BY_TIME = { AFTER: ORDERS.GT, BEFORE: ORDERS.LT };
const EPSILON = 2 ** -52;
const LARGEST = "18446744073709551615";
const VERSION = "[0-9]+\\.[0-9]+\\.[0-9]+(?:-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?";
/** What the grammar of the rules takes: a date, a version, a number; the first of them that it is. */
const TAKEN = [
  "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{3})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
  VERSION,
  "[+-]?[0-9]+(?:\\.[0-9]*)?(?:[eE][+-]?[0-9]+)?",
];
const [DATE, SEMVER, NUMBER] = TAKEN.map((each) => new RegExp(`^(?:${each})$`));
const STARTING = TAKEN.map((each) => new RegExp(`^(?:${each})`));
const GOES_ON = /^[ \t]*(?:and|or|\))/;

/** @param {string} name @returns {Reader} */
export function field(name) {
  checkQuoted(name);
  if (name === "userId") return user;
  if (name === "currentTime") return currentTime;
  return BUILT_IN.has(name) ? builtIn(name) : (context) => written(propertyOf(context, name));
}

/** @param {unknown} found undefined: there is nothing */
function written(found) {
  return found === undefined ? null : pythonText(found);
}

/** @type {Reader} */
function user(context) {
  const found = given(context, "userId") ?? given(context, "targetingKey") ?? null;
  return found === null ? inner(context, "userId") : pythonText(found);
}

/** @type {Reader} */
function currentTime(context, now) {
  const found = given(context, "currentTime");
  if (found !== undefined) return pythonText(found);
  return now === null ? null : isoFormat(now);
}

/** @param {string} name @returns {Reader} */
function builtIn(name) {
  return (context) => {
    const found = given(context, name);
    return found === undefined ? inner(context, name) : pythonText(found);
  };
}

/** @param {Context} context @param {string} name */
function inner(context, name) {
  const properties = given(context, "properties");
  return isObject(properties) ? written(given(properties, name)) : null;
}

const session = builtIn("sessionId");

/** Read the id that a rollout hashes: by default the user's, else the session's. @param {string} by @returns {Reader} */
export function rolloutUnit(by) {
  if (by === RANDOM) return nobody;
  return by === DEFAULT ? (context, now) => user(context, now) ?? session(context, now) : field(by);
}

export const variantUnit = rolloutUnit;

/**
 * Prepare `remoteAddress`, and `applicationHostname`, which this SDK never finds to hold.
 * @param {string} name
 * @param {ReadonlyMap<string, string>} parameters
 * @returns {Test}
 */
export function strategy(name, parameters) {
  if (name === "applicationHostname") return never;
  if (name !== "remoteAddress") throw new Refused(`the strategy '${name}' is not known here`);
  const list = parameters.get("IPs");
  if (list === undefined) return never;
  const parts = list.split(",").map(trimmed);
  for (const part of parts) checkQuoted(part);
  return tested(field("remoteAddress"), within(parts), false);
}

/** Prepare a constraint. Throws `Refused` where the rules' grammar does not take it. @param {Constraint} constraint @returns {Test} */
export function constraint(constraint) {
  const { field: name, operator, inverted } = constraint;
  checkQuoted(name);
  const [kind] = operator.split("_", 1);
  if (["NUM", "DATE", "SEMVER"].includes(kind)) return ordinal(constraint);
  const read = field(name);
  if (operator === "IN" || operator === "NOT_IN") return listed(read, quoted(constraint), (operator === "IN") !== inverted);
  if (operator === "REGEX") return tested(read, found(constraint), inverted);
  const lying = LYINGS.get(operator);
  if (lying !== undefined) return tested(read, texts(some(constraint), lying, constraint.ignoresCase), inverted);
  if (operator === "IN_CIDR") return tested(read, within(some(constraint)), inverted);
  throw new Refused(`the operator '${operator}' is not Unleash's`);
}

/** Refuse what would end the quotes that the SDK puts around it, unescaped. @param {string} text */
function checkQuoted(text) {
  if (text.includes('"') || text.endsWith("\\")) {
    throw new Refused(`the SDK reads '${text.slice(0, 100)}', with its quotes or last backslash, as a part of its rules`);
  }
}

/** @param {Constraint} constraint */
function quoted({ values }) {
  const broken = values?.find((value) => value.endsWith("\\"));
  if (broken !== undefined) throw new Refused(`the SDK reads '${broken.slice(0, 100)}', with its last backslash, as a part of its rules`);
  return values ?? [];
}

/** @param {Constraint} constraint */
function some(constraint) {
  const values = quoted(constraint);
  if (values.length === 0) throw new Refused(`${constraint.operator} has no values`);
  return values;
}

/** @param {readonly string[]} list @returns {(text: string) => boolean} */
function within(list) {
  const networks = list.map(rustNetwork).filter((network) => network !== null);
  return (text) => {
    const address = rustAddress(text);
    return address !== null && networks.some((network) => contains(network, address));
  };
}

/** @param {Constraint} constraint @returns {(text: string) => boolean} */
function found({ value, ignoresCase }) {
  const pattern = value ?? "";
  if (pattern.endsWith("\\"))
    throw new Refused(`the SDK reads '${pattern.slice(0, 100)}', with its last backslash, as a part of its rules`);
  return rustSearch(pattern, ignoresCase) ?? never;
}

/**
 * Prepare a comparison. What the value looks like, not the operator, says what is compared.
 * @param {Constraint} constraint
 * @returns {Test}
 */
function ordinal(constraint) {
  const { operator, value, inverted } = constraint;
  const name = operator.slice(operator.lastIndexOf("_") + 1);
  const orders = { ...ORDERS, ...BY_TIME };
  if (!Object.hasOwn(orders, name)) throw new Refused(`the operator '${operator}' is not Unleash's`);
  const order = /** @type {Record<string, Order>} */ (orders)[name];
  if (value === null) throw new Refused(`${operator} has no value`);
  if (operator.startsWith("SEMVER") && value.startsWith("v")) return never;
  const limit = value.replace(/^[ \t]+|[ \t]+$/g, "");
  if (DATE.test(limit)) return dated(constraint, order, limit);
  if (SEMVER.test(limit)) return tested(field(constraint.field), versioned(order, limit), inverted);
  if (NUMBER.test(limit)) return tested(field(constraint.field), numbered(order, Number(limit)), inverted);
  for (const start of STARTING) {
    const match = start.exec(limit);
    if (match !== null && GOES_ON.test(limit.slice(match[0].length))) {
      throw new Refused(`the SDK reads '${value.slice(0, 100)}' as a part of its rules, not as a value`);
    }
  }
  throw new Refused(`${operator} cannot compare with '${value.slice(0, 100)}'`);
}

/** @param {Order} order @param {number} limit @returns {(text: string) => boolean} */
function numbered(order, limit) {
  return (text) => {
    const found = numberOf(text);
    if (found === null) return false;
    return order === ORDERS.EQ ? Math.abs(found - limit) < EPSILON : order(compareNumbers(found, limit));
  };
}

/** @param {Order} order @param {string} written @returns {(text: string) => boolean} */
function versioned(order, written) {
  const limit = versionOf(written, LARGEST);
  if (limit === null) throw new Refused(`'${written.slice(0, 100)}' is no version`);
  return (text) => {
    const found = versionOf(text, LARGEST);
    return found !== null && order(compareRanks(found, limit));
  };
}

/** @param {Constraint} constraint @param {Order} order @param {string} written @returns {Test} */
function dated(constraint, order, written) {
  const limit = momentOf(written);
  const { inverted } = constraint;
  if (limit === null) throw new Refused(`'${written}' is no date`);
  /** @param {string} text */
  const matches = (text) => {
    const found = momentOf(text);
    return found !== null && order(compareRanks(found, limit));
  };
  if (constraint.field !== "currentTime") return tested(field(constraint.field), matches, inverted);
  return (context, now) => {
    const found = given(context, "currentTime");
    if (found !== undefined) return matches(pythonText(found)) !== inverted;
    return now !== null && order(compareRanks(momentAt(now), limit)) !== inverted;
  };
}
