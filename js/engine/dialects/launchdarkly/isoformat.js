/**
 * Python's `datetime.fromisoformat`, since 3.11: ISO 8601 but for fractions of hours and minutes, with any character
 * between date and time. Its slips are kept: what stands between the sixth digit of a fraction and the zone, say.
 * @module
 */

import { daysIn, daysSince1970, isLeap } from "../calendar.js";

const DIGIT = /^[0-9]$/;
const DAY_S = 86_400;

/** What is read, character by character; `at` is the next one. Throws `Unreadable`. */
class Unreadable extends Error {}

/**
 * Return the seconds since 1970 of a date with a zone, as the double nearest to its microseconds; null of what is none.
 * @param {string} text
 * @returns {number | null}
 */
export function fromIsoFormat(text) {
  try {
    return secondsOf(Array.from(text));
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

/** @param {string[]} text */
function secondsOf(text) {
  if (text.length < 7) return null;
  const at = separatorAt(text);
  const days = daysOf(text.slice(0, at));
  const { clock, zone } = timeOf(text.slice(at + 1));
  const [hour, minute, second, micros] = clock;
  if (zone === null || hour > 23 || minute > 59 || second > 59) return null;
  const seconds = days * DAY_S + hour * 3600 + minute * 60 + second - zone.seconds;
  return nearest(seconds, micros - zone.micros);
}

/**
 * Return the double nearest to seconds and microseconds: there is one rounding, where a sum would have two.
 * @param {number} seconds
 * @param {number} micros
 */
function nearest(seconds, micros) {
  const whole = seconds + Math.floor(micros / 1_000_000);
  const rest = micros - Math.floor(micros / 1_000_000) * 1_000_000;
  if (rest === 0) return whole;
  const [units, fraction] = whole >= 0 ? [whole, rest] : [-whole - 1, 1_000_000 - rest];
  const found = Number(`${units}.${String(fraction).padStart(6, "0")}`);
  return whole >= 0 ? found : -found;
}

/** @param {string[]} text */
function separatorAt(text) {
  if (text.length === 7) return 7;
  if (text[4] === "-") {
    if (text[5] !== "W") return 10;
    if (text.length === 8 || text[8] !== "-") return 8;
    if (text.length === 9) throw new Unreadable();
    return text.length > 10 && DIGIT.test(text[10]) ? 8 : 10;
  }
  if (text[4] !== "W") return 8;
  let end = 7;
  while (end < text.length && DIGIT.test(text[end])) end++;
  if (end < 9) return end;
  return end % 2 === 0 ? 7 : 8;
}

/** @param {string[]} text @param {number} at @param {number} count @returns {number} */
function digits(text, at, count) {
  const found = text.slice(at, at + count);
  if (found.length < count || !found.every((digit) => DIGIT.test(digit))) throw new Unreadable();
  return Number(found.join(""));
}

/** @param {string[]} text */
function daysOf(text) {
  const year = digits(text, 0, 4);
  const isSplit = text[4] === "-";
  const at = isSplit ? 5 : 4;
  if (text[at] === "W") return daysOfWeek(text, at + 1, { year, isSplit });
  const month = digits(text, at, 2);
  if (isSplit && text[at + 2] !== "-") throw new Unreadable();
  const day = digits(text, at + (isSplit ? 3 : 2), 2);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) throw new Unreadable();
  return daysSince1970(year, month, day);
}

/** @param {string[]} text @param {number} at @param {{ year: number, isSplit: boolean }} of */
function daysOfWeek(text, at, { year, isSplit }) {
  const week = digits(text, at, 2);
  let day = 1;
  if (at + 2 < text.length) {
    if (isSplit && text[at + 2] !== "-") throw new Unreadable();
    day = digits(text, at + (isSplit ? 3 : 2), 1);
  }
  const first = daysSince1970(year, 1, 1);
  const weekday = (((first + 3) % 7) + 7) % 7; // of 1 January, Monday being 0
  const isLong = weekday === 3 || (weekday === 2 && isLeap(year));
  if (year < 1 || week < 1 || week > (isLong ? 53 : 52) || day < 1 || day > 7) throw new Unreadable();
  const monday = first - weekday + (weekday > 3 ? 7 : 0);
  const found = monday + (week - 1) * 7 + day - 1;
  if (found < daysSince1970(1, 1, 1) || found > daysSince1970(9999, 12, 31)) throw new Unreadable();
  return found;
}

/** @param {string[]} text @returns {{ clock: number[], zone: { seconds: number, micros: number } | null }} */
function timeOf(text) {
  if (text.length === 0) return { clock: [0, 0, 0, 0], zone: null };
  const at = text.findIndex((character) => character === "+" || character === "-" || character === "Z");
  const { clock, hasRest } = clockOf(text, at < 0 ? text.length : at);
  if (at < 0) {
    if (hasRest) throw new Unreadable();
    return { clock, zone: null };
  }
  if (text[at] === "Z") {
    if (at + 1 < text.length) throw new Unreadable();
    return { clock, zone: { seconds: 0, micros: 0 } };
  }
  return { clock, zone: zoneOf(text.slice(at + 1), text[at] === "-" ? -1 : 1) };
}

/** @param {string[]} text @param {number} sign */
function zoneOf(text, sign) {
  const { clock, hasRest } = clockOf(text, text.length);
  const [hours, minutes, seconds, micros] = clock;
  const offset = hours * 3600 + minutes * 60 + seconds;
  if (hasRest || offset >= DAY_S) throw new Unreadable();
  return { seconds: sign * offset, micros: sign * micros };
}

/**
 * Read `HH[:MM[:SS[.ffffff]]]`, colons or none, up to *end*; `hasRest`: something is left there.
 * @param {string[]} text
 * @param {number} end
 * @returns {{ clock: number[], hasRest: boolean }}
 */
function clockOf(text, end) {
  const clock = [0, 0, 0, 0];
  let isSplit = true;
  let at = 0;
  for (let part = 0; part < 3; part++) {
    clock[part] = digits(text, at, 2);
    const next = text[at + 2];
    at += 3;
    if (part === 0) isSplit = next === ":";
    if (at >= end) return { clock, hasRest: next !== undefined };
    if (isSplit && next === ":") continue;
    if (next === "." || next === ",") break;
    if (isSplit) throw new Unreadable();
    at--;
  }
  const most = Math.min(end - at, 6);
  clock[3] = digits(text, at, most) * 10 ** (6 - most);
  at += most;
  while (at < text.length && DIGIT.test(text[at])) at++;
  return { clock, hasRest: at < text.length };
}
