/**
 * What cannot be compiled.
 * @module
 */

/** A part of a flag that cannot be compiled. The message says what and why. */
export class Refused extends Error {
  name = "Refused";
}

/** @param {string} why @returns {never} */
export function refuse(why) {
  throw new Refused(why);
}
