/**
 * The Gregorian calendar, which goes back without end. `Date.UTC` reads years below 100 as others.
 * @module
 */

const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Return the days from 1970-01-01 to a date (Hinnant's days_from_civil). Days beyond the month's last carry over.
 * @param {number} year
 * @param {number} month
 * @param {number} day
 * @returns {number}
 */
export function daysSince1970(year, month, day) {
  const shifted = year - (month <= 2 ? 1 : 0);
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

/** @param {number} year @param {number} month 1 to 12 @returns {number} */
export function daysIn(year, month) {
  return month === 2 && isLeap(year) ? 29 : LENGTHS[month - 1];
}

/** @param {number} year */
export function isLeap(year) {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
