/**
 * Times as `new Date` reads them, by ECMAScript's ISO 8601 alone: what else an engine may take, and a time without a zone,
 * which goes by the machine's, would differ from machine to machine.
 * @module
 */

import { daysSince1970 } from "../calendar.js";

const TIME = new RegExp(
  "^(?<year>[0-9]{4}|[+-][0-9]{6})(?:-(?<month>[0-9]{2})(?:-(?<day>[0-9]{2}))?)?" +
    "(?:T(?<hour>[0-9]{2}):(?<minute>[0-9]{2})(?::(?<second>[0-9]{2})(?:\\.(?<fraction>[0-9]+))?)?" +
    "(?:Z|(?<sign>[+-])(?<hours>[0-9]{2}):(?<minutes>[0-9]{2}))?)?$",
);
const LATEST_MS = 8.64e15;

/**
 * Return `Number(new Date(value))`, times without a zone as UTC; NaN for the rest.
 * @param {unknown} value
 * @returns {number}
 */
export function milliseconds(value) {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number") return Math.abs(value) <= LATEST_MS ? Math.trunc(value) : NaN;
  const parts = TIME.exec(String(value))?.groups;
  if (parts === undefined || parts.year === "-000000") return NaN;
  const [month, day] = [Number(parts.month ?? 1), Number(parts.day ?? 1)];
  const [hour, minute, second, hours, minutes] = ["hour", "minute", "second", "hours", "minutes"].map((name) => Number(parts[name] ?? 0));
  const fraction = Number((parts.fraction ?? "0").padEnd(3, "0").slice(0, 3));
  const isEnd = hour === 24 && minute + second + fraction === 0;
  if (month < 1 || month > 12 || day < 1 || day > 31) return NaN;
  if ((hour > 23 && !isEnd) || minute > 59 || second > 59 || hours > 23 || minutes > 59) return NaN;
  const offset = (hours * 60 + minutes) * (parts.sign === "-" ? -1 : 1);
  // A 31st of April is the 1st of May.
  const total = daysSince1970(Number(parts.year), month, day) * 1440 + hour * 60 + minute - offset;
  const found = total * 60_000 + second * 1000 + fraction;
  return Math.abs(found) <= LATEST_MS ? found : NaN;
}
