/**
 * Where an environment stands: the epoch, raised by each restore, then the revision, raised by each change.
 * @module
 */

/** @typedef {Readonly<{ epoch: number, revision: number }>} Position */

/**
 * Return a position as it is written: `epoch.revision`.
 * @param {Position} position
 * @returns {string}
 */
export function positionText({ epoch, revision }) {
  return `${epoch}.${revision}`;
}

/**
 * Return the position that *text* says; null for any other text.
 * @param {string} text
 * @returns {Position | null}
 */
export function parsePosition(text) {
  const found = /^(\d{1,16})\.(\d{1,16})$/.exec(text);
  if (found === null) return null;
  const position = { epoch: Number(found[1]), revision: Number(found[2]) };
  return Number.isSafeInteger(position.epoch) && Number.isSafeInteger(position.revision) ? position : null;
}

/**
 * Return a number below zero, zero, or above, as *one* comes before *other*, is the same, or comes after.
 * @param {Position} one
 * @param {Position} other
 * @returns {number}
 */
export function comparePositions(one, other) {
  return one.epoch - other.epoch || one.revision - other.revision;
}
