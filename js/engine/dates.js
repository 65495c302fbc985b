/**
 * Dates: RFC 3339 with a zone, or epoch milliseconds. spec/evaluation.md has the words.
 * @module
 */

import { integer } from "./values.js";

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
