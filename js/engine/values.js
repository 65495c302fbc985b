/**
 * The values that conditions speak of: texts, numbers, units, versions, dates, addresses.
 *
 * Each reader takes anything that a program may have put into a context and returns undefined where it is not one of
 * them. Every language must agree on every answer; spec/evaluation.md has the words, spec/vectors the cases.
 * @module
 */

import { wellFormed } from "../bucketing/text.js";

/**
 * Return *value* as well-formed text if it is a string.
 * @param {unknown} value
 * @returns {string | undefined}
 */
export function text(value) {
  return typeof value === "string" ? wellFormed(value) : undefined;
}

/**
 * Return *value* if it is a finite number. A bigint becomes the double nearest to it, as large integers do in JSON.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function number(value) {
  const found = typeof value === "bigint" ? Number(value) : value;
  return typeof found === "number" && Number.isFinite(found) ? found : undefined;
}

/**
 * Return *value* as an integer if it is a number without fraction, up to 2^53 − 1 either way.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function integer(value) {
  const found = number(value);
  return Number.isSafeInteger(found) ? /** @type {number} */ (found) : undefined;
}

/**
 * Return what is hashed for *value*: a string as it is, an integer in decimal.
 * @param {unknown} value
 * @returns {string | undefined}
 */
export function unit(value) {
  if (typeof value === "string") return wellFormed(value);
  const whole = integer(value);
  return whole === undefined ? undefined : String(whole);
}

/**
 * A version: its dotted numbers without leading zeros, none of them trailing zeros; and its pre-release, if it has one.
 * @typedef {{ numbers: string[], names: string[] | null }} Version
 */

const NAMES = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const VERSION = new RegExp(`^v?([0-9]+(?:\\.[0-9]+)*)(?:-(${NAMES}))?(?:\\+${NAMES})?$`);
const DECIMAL = /^[0-9]+$/;

/** The versions that were read last: there are few, and reading one takes longer than all else. @type {Map<string, Version | undefined>} */
const known = new Map();
const KNOWN = 1000;
const LONGEST = 64;

/**
 * Read a version: dotted integers of any length, SemVer's pre-releases, build metadata left out.
 * @param {unknown} value
 * @returns {Version | undefined}
 */
export function version(value) {
  if (typeof value !== "string") return undefined;
  let found = known.get(value);
  if (found === undefined && !known.has(value)) {
    found = readVersion(value);
    if (known.size >= KNOWN) known.clear();
    if (value.length <= LONGEST) known.set(value, found);
  }
  return found;
}

/** @param {string} value @returns {Version | undefined} */
function readVersion(value) {
  const match = VERSION.exec(value);
  if (match === null) return undefined;
  const numbers = match[1].split(".").map(withoutZeros);
  while (numbers.length > 0 && numbers[numbers.length - 1] === "") numbers.pop();
  return { numbers, names: match[2] === undefined ? null : match[2].split(".") };
}

/**
 * Compare two versions: below zero where the first comes first. No part is read as a number, at any length.
 * @param {Version} one
 * @param {Version} other
 * @returns {number}
 */
export function compareVersions(one, other) {
  const longest = Math.max(one.numbers.length, other.numbers.length);
  for (let i = 0; i < longest; i++) {
    const order = compareDigits(one.numbers[i] ?? "", other.numbers[i] ?? "");
    if (order !== 0) return order;
  }
  if (one.names === null || other.names === null) return Number(one.names === null) - Number(other.names === null);
  for (let i = 0; i < Math.min(one.names.length, other.names.length); i++) {
    const order = compareNames(one.names[i], other.names[i]);
    if (order !== 0) return order;
  }
  return one.names.length - other.names.length;
}

/** @param {string} digits */
function withoutZeros(digits) {
  let start = 0;
  while (digits.charCodeAt(start) === 48) start++;
  return digits.slice(start);
}

/** @param {string} one @param {string} other */
function compareDigits(one, other) {
  return one.length - other.length || compareText(one, other);
}

/** @param {string} one @param {string} other */
function compareNames(one, other) {
  const [isNumber, isOther] = [DECIMAL.test(one), DECIMAL.test(other)];
  if (isNumber && isOther) return compareDigits(withoutZeros(one), withoutZeros(other));
  return isNumber === isOther ? compareText(one, other) : isNumber ? -1 : 1;
}

/** @param {string} one @param {string} other */
function compareText(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}

/**
 * An instant: seconds since 1970, and nanoseconds beyond them.
 * @typedef {{ seconds: number, nanoseconds: number }} Instant
 */

const DATE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))$/;
const MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAY_S = 86_400;

/**
 * Read an RFC 3339 date with a zone, or epoch milliseconds.
 * @param {unknown} value
 * @returns {Instant | undefined}
 */
export function instant(value) {
  if (typeof value === "string") return dateInstant(value);
  const whole = integer(value);
  if (whole === undefined) return undefined;
  const seconds = Math.floor(whole / 1000);
  return { seconds, nanoseconds: (whole - seconds * 1000) * 1_000_000 };
}

/**
 * Compare two instants: below zero where the first is earlier.
 * @param {Instant} one
 * @param {Instant} other
 * @returns {number}
 */
export function compareInstants(one, other) {
  return one.seconds - other.seconds || one.nanoseconds - other.nanoseconds;
}

/**
 * @param {string} written
 * @returns {Instant | undefined}
 */
function dateInstant(written) {
  const match = DATE.exec(written);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const days = daysSince1970(year, month, day);
  const offset = offsetOf(match);
  if (days === undefined || offset === undefined || hour > 23 || minute > 59 || second > 60) return undefined;
  const seconds = days * DAY_S + hour * 3600 + minute * 60 + second - offset;
  if (second === 60 && seconds % DAY_S !== 0) return undefined; // a leap second is the last of a day in UTC
  return { seconds, nanoseconds: Number((match[7] ?? "").slice(0, 9).padEnd(9, "0")) };
}

/** @param {RegExpExecArray} match */
function offsetOf(match) {
  if (match[8] === undefined) return 0;
  const [hours, minutes] = [Number(match[9]), Number(match[10])];
  if (hours > 23 || minutes > 59) return undefined;
  return (hours * 3600 + minutes * 60) * (match[8] === "-" ? -1 : 1);
}

/**
 * Return days since 1970 in the Gregorian calendar (Hinnant's days_from_civil). `Date.UTC` reads years below 100 as others.
 * @param {number} year
 * @param {number} month
 * @param {number} day
 * @returns {number | undefined}
 */
function daysSince1970(year, month, day) {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month < 1 || month > 12 || day < 1 || day > MONTHS[month - 1] || (month === 2 && day === 29 && !isLeap)) return undefined;
  const shifted = year - (month <= 2 ? 1 : 0);
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

/**
 * An IP address: 32 or 128 bits, as groups of 16.
 * @typedef {{ bits: 32 | 128, groups: number[] }} Address
 * @typedef {Address & { length: number }} Network its first `length` bits count
 */

const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9A-Fa-f]{1,4}$/;
const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/;

/**
 * Read an IP address. A zone (`%eth0`) makes it none; IPv4 within IPv6 is IPv4.
 * @param {unknown} value
 * @returns {Address | undefined}
 */
export function address(value) {
  const found = typeof value === "string" ? plainAddress(value) : undefined;
  return found !== undefined && isMapped(found) ? { bits: 32, groups: found.groups.slice(6) } : found;
}

/**
 * Read a network: an address, or one with `/` and a prefix length.
 * @param {unknown} value
 * @returns {Network | undefined}
 */
export function network(value) {
  if (typeof value !== "string") return undefined;
  const slash = value.indexOf("/");
  const found = plainAddress(slash < 0 ? value : value.slice(0, slash));
  if (found === undefined) return undefined;
  const written = slash < 0 ? String(found.bits) : value.slice(slash + 1);
  const length = PREFIX.test(written) ? Number(written) : found.bits + 1;
  if (length > found.bits) return undefined;
  if (length >= 96 && isMapped(found)) return { bits: 32, groups: found.groups.slice(6), length: length - 96 };
  return { ...found, length };
}

/**
 * Whether *found* lies in *within*.
 * @param {Address} found
 * @param {Network} within
 * @returns {boolean}
 */
export function isWithin(found, within) {
  if (found.bits !== within.bits) return false;
  for (let i = 0, left = within.length; left > 0; i++, left -= 16) {
    const shift = left >= 16 ? 0 : 16 - left;
    if (found.groups[i] >> shift !== within.groups[i] >> shift) return false;
  }
  return true;
}

/** @param {Address} found */
function isMapped(found) {
  return found.bits === 128 && found.groups[5] === 0xffff && found.groups.slice(0, 5).every((group) => group === 0);
}

/**
 * Read an IP address as it is written, IPv4 within IPv6 too.
 * @param {string} written
 * @returns {Address | undefined}
 */
export function plainAddress(written) {
  if (written.length > 45) return undefined;
  if (!written.includes(":")) {
    const groups = groupsOfIpv4(written);
    return groups && { bits: 32, groups };
  }
  const groups = groupsOfIpv6(written);
  return groups && { bits: 128, groups };
}

/** @param {string} written */
function groupsOfIpv4(written) {
  const octets = written.split(".");
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) < 256)) return undefined;
  const [a, b, c, d] = octets.map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** @param {string} written */
function groupsOfIpv6(written) {
  const halves = written.split("::");
  if (halves.length > 2) return undefined;
  const parts = halves.map((half, index) => groupsOfHalf(half, index === halves.length - 1));
  if (parts.some((part) => part === undefined)) return undefined;
  const [before, after] = /** @type {number[][]} */ (parts);
  if (after === undefined) return before.length === 8 ? before : undefined;
  const missing = 8 - before.length - after.length;
  return missing < 1 ? undefined : [...before, ...new Array(missing).fill(0), ...after];
}

/** @param {string} half @param {boolean} isLast */
function groupsOfHalf(half, isLast) {
  if (half === "") return [];
  const parts = half.split(":");
  const groups = [];
  for (const [index, part] of parts.entries()) {
    const isEnd = isLast && index === parts.length - 1;
    const found = isEnd && part.includes(".") ? groupsOfIpv4(part) : GROUP.test(part) ? [Number.parseInt(part, 16)] : undefined;
    if (found === undefined) return undefined;
    groups.push(...found);
  }
  return groups;
}
