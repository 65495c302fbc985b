/**
 * Numbers and dates as Unleash's Rust core reads them: what its rules' grammar takes, and what their texts may be.
 * @module
 */

import { daysIn, daysSince1970 } from "../calendar.js";

/** Seconds since 1970, and nanoseconds, which a leap second takes past a billion. @typedef {[number, number]} Moment */

/** What Rust trims: Unicode's white space. */
const SPACE = "\\t\\n\\x0b\\x0c\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const NUMBER = /^[+-]?(?:inf(?:inity)?|nan|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?)$/i;
const S = `[${SPACE}]*`;
const MOMENT = new RegExp(
  `^${S}(?<year>[+-][0-9]{1,7}|[0-9]{1,4})${S}-${S}(?<month>[0-9]{1,2})${S}-${S}(?<day>[0-9]{1,2})` +
    `[ Tt]${S}(?<hour>[0-9]{1,2})${S}:${S}(?<minute>[0-9]{1,2})${S}:${S}(?<second>[0-9]{1,2})` +
    `(?:\\.(?<fraction>[0-9]+))?${S}` +
    `(?:[Uu][Tt][Cc]|[Zz]|(?<sign>[+\\-\\u2212])(?<hours>[0-9]{2})[:${SPACE}]*(?<minutes>[0-5][0-9]))${S}$`,
);
const ENDS = new RegExp(`^${S}|${S}$`, "g");
const YEARS = 262_142;
const DAY_S = 86_400;

/** Return *text* without the space around it. @param {string} text */
export function trimmed(text) {
  return text.replace(ENDS, "");
}

/**
 * Read a 64 bit float as Rust does; null where it is none.
 * @param {string} text
 * @returns {number | null}
 */
export function numberOf(text) {
  if (!NUMBER.test(text)) return null;
  const low = text.toLowerCase();
  if (low.includes("nan")) return NaN;
  return low.includes("inf") ? (low.startsWith("-") ? -Infinity : Infinity) : Number(low);
}

/**
 * Read a date with a time and a zone, chrono's relaxed RFC 3339; null where it is none.
 * @param {string} text
 * @returns {Moment | null}
 */
export function momentOf(text) {
  const parts = MOMENT.exec(text)?.groups;
  if (parts === undefined) return null;
  const [year, month, day, hour, minute, second] = ["year", "month", "day", "hour", "minute", "second"].map((name) => Number(parts[name]));
  const offset = Number(parts.hours ?? 0) * 3600 + Number(parts.minutes ?? 0) * 60;
  const isDate = Math.abs(year) <= YEARS && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!isDate || offset >= DAY_S || hour > 23 || minute > 59 || second > 60) return null;
  const isLeap = second === 60;
  const fraction = Number((parts.fraction ?? "0").padEnd(9, "0").slice(0, 9)) + (isLeap ? 1_000_000_000 : 0);
  const seconds = daysSince1970(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - Number(isLeap);
  return [seconds - (parts.sign === "+" ? offset : -offset), fraction];
}

/**
 * Return the moment of *now*, in epoch seconds, to the microsecond, half to even.
 * @param {number} now
 * @returns {Moment}
 */
export function momentAt(now) {
  const exact = now * 1_000_000;
  const down = Math.floor(exact);
  const isUp = exact - down > 0.5 || (exact - down === 0.5 && down % 2 !== 0);
  const micros = down + Number(isUp);
  const seconds = Math.floor(micros / 1_000_000);
  return [seconds, (micros - seconds * 1_000_000) * 1000];
}

/**
 * Return *now*, in epoch seconds, as Python's `isoformat` writes it in UTC. Throws where the year has not four digits.
 * @param {number} now
 * @returns {string}
 */
export function isoFormat(now) {
  const [seconds, nanoseconds] = momentAt(now);
  const written = new Date(seconds * 1000).toISOString();
  if (written.length !== 24 || written.startsWith("0000")) throw new RangeError("the year is out of range");
  const micros = nanoseconds === 0 ? "" : `.${String(nanoseconds / 1000).padStart(6, "0")}`;
  return `${written.slice(0, 19)}${micros}+00:00`;
}
