/**
 * Reading JSON leniently: unknown fields are left aside, and what is known must be of its type.
 * @module
 */

/** An item that cannot be read. The message has the path to the field. */
export class InvalidItem extends Error {
  name = "InvalidItem";
}

/**
 * Reads a value, or throws `InvalidItem` with the *path* to what is wrong.
 * @template T
 * @typedef {(value: unknown, path: string) => T} Reader
 */

/** @param {string} expected @param {unknown} value @param {string} path @returns {never} */
function refuse(expected, value, path) {
  const found = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  throw new InvalidItem(`${path || "/"}: expected ${expected}, got ${found}`);
}

/** @type {Reader<string>} */
export const string = (value, path) => (typeof value === "string" ? value : refuse("a string", value, path));

/** @type {Reader<boolean>} */
export const boolean = (value, path) => (typeof value === "boolean" ? value : refuse("true or false", value, path));

/** @type {Reader<number>} */
export const number = (value, path) => (typeof value === "number" ? value : refuse("a number", value, path));

/** @type {Reader<number>} */
export const integer = (value, path) => (Number.isInteger(value) ? /** @type {number} */ (value) : refuse("an integer", value, path));

/** @type {Reader<any>} */
export const anything = (value) => value;

/**
 * @template {string} T
 * @param {...T} words
 * @returns {Reader<T>}
 */
export function oneOf(...words) {
  return (value, path) => (words.includes(/** @type {T} */ (value)) ? /** @type {T} */ (value) : refuse(`one of ${words.join(", ")}`, value, path));
}

/**
 * @template T
 * @param {Reader<T>} read
 * @returns {Reader<T | null>}
 */
export function orNull(read) {
  return (value, path) => (value === null ? null : read(value, path));
}

/**
 * @template T
 * @param {Reader<T>} read
 * @returns {Reader<T[]>}
 */
export function list(read) {
  return (value, path) => (Array.isArray(value) ? value.map((each, index) => read(each, `${path}/${index}`)) : refuse("an array", value, path));
}

/**
 * Return the reader of an object. A field of two has a default: the reader, and what stands where it is not given.
 * @template T
 * @param {Record<string, Reader<any> | readonly [Reader<any>, any]>} fields
 * @returns {Reader<T>}
 */
export function struct(fields) {
  const known = Object.entries(fields).map(([name, field]) => /** @type {[string, Reader<any>, any]} */ ([name, ...[field].flat()]));
  return (value, path) => {
    if (Object(value) !== value || Array.isArray(value)) refuse("an object", value, path);
    const given = /** @type {Record<string, unknown>} */ (value);
    /** @type {Record<string, any>} */
    const found = {};
    for (const [name, read, without] of known) {
      if (Object.hasOwn(given, name)) found[name] = read(given[name], `${path}/${name}`);
      else found[name] = without === undefined ? refuse(name, undefined, path) : without;
    }
    return /** @type {T} */ (found);
  };
}
