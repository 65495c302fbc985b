/**
 * Records whose keys come from outside.
 * @module
 */

/**
 * Return what is under *key* itself, not what every object inherits.
 * @template T
 * @param {Readonly<Record<string, T>> | undefined} items
 * @param {string} key
 * @returns {T | undefined}
 */
export function own(items, key) {
  return items !== undefined && Object.hasOwn(items, key) ? items[key] : undefined;
}
