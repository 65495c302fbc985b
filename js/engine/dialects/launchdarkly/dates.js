/**
 * How each of LaunchDarkly's SDKs reads dates: what it takes, to the letter. A date is a rank of its milliseconds.
 * @module
 */

import { daysSince1970 } from "../calendar.js";
import { fromIsoFormat } from "./isoformat.js";

/** @typedef {import("../values.js").Rank} Rank */

const DAY_MS = 86_400_000;
const LONG = 2 ** 63;
const NODE_DATE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:Z|([-+])([0-9]{2}):?([0-9]{2}))$/;
const GO_DATE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz].*|([-+])([0-9]{2}):([0-9]{2}))$/s;

/**
 * Read a date as the Python SDK does, by `datetime.fromisoformat`: no `T` is needed, a zone is.
 * @param {unknown} value
 * @returns {Rank | null}
 */
export function pythonDate(value) {
  if (typeof value === "number") return [value];
  if (typeof value !== "string") return null;
  const seconds = fromIsoFormat(value.replace(/[Zz]$/, "+00:00"));
  return seconds === null ? null : [seconds * 1000];
}

/**
 * Read a date as the Node SDK does: what its pattern and `Date.parse` both take. 30 February is 2 March.
 * @param {unknown} value
 * @returns {Rank | null}
 */
export function nodeDate(value) {
  if (typeof value === "number") return [value];
  const match = typeof value === "string" ? NODE_DATE.exec(value) : null;
  if (match === null) return null;
  const parts = match.slice(1, 7).map(Number);
  const [, month, day, hour, minute, second] = parts;
  const millisecond = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const isMidnight = hour === 24 && minute + second + millisecond === 0;
  const isTime = minute <= 59 && second <= 59 && (hour <= 23 || isMidnight);
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31 && isTime)) return null;
  if (match[8] !== undefined && (Number(match[9]) > 23 || Number(match[10]) > 59)) return null;
  return [milliseconds(parts, offsetMin(match)) + millisecond];
}

/**
 * Read a date as the Go SDK does, to the nanosecond: an hour of one digit, any offset, anything after the `Z`.
 * @param {unknown} value
 * @returns {Rank | null}
 */
export function goDate(value) {
  if (typeof value === "number") return Math.abs(value) < LONG ? [Math.trunc(value), 0] : null;
  const match = typeof value === "string" ? GO_DATE.exec(value) : null;
  if (match === null) return null;
  const parts = match.slice(1, 7).map(Number);
  const [, month, day, hour, minute, second] = parts;
  const isTime = hour <= 23 && minute <= 59 && second <= 60;
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31 && isTime && Number(match[10] ?? 0) <= 59)) return null;
  const nanoseconds = Number((match[7] ?? "").padEnd(9, "0"));
  return [milliseconds(parts, offsetMin(match)) + Math.floor(nanoseconds / 1_000_000), nanoseconds % 1_000_000];
}

/** @param {RegExpExecArray} match */
function offsetMin(match) {
  if (match[8] === undefined) return 0;
  return (Number(match[9]) * 60 + Number(match[10])) * (match[8] === "-" ? -1 : 1);
}

/** @param {number[]} parts @param {number} offset in minutes */
function milliseconds([year, month, day, hour, minute, second], offset) {
  return daysSince1970(year, month, day) * DAY_MS + ((hour * 60 + minute - offset) * 60 + second) * 1000;
}
