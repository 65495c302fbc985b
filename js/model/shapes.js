/**
 * Reading JSON leniently: unknown fields are left aside, and what is known must be of its type.
 * @module
 */

/** An item that cannot be read. The message has the path to the field. */
export class InvalidItem extends Error {
  name = "InvalidItem";
}

/**
 * Reads a value, or throws `InvalidItem`.
 * @template T
 * @typedef {(value: unknown) => T} Reader
 */

/** @param {string} expected @param {unknown} value @returns {never} */
function refuse(expected, value) {
  const found = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  throw new InvalidItem(`expected ${expected}, got ${found}`);
}

/**
 * Read what is at *name*. The path is put together only where something is wrong: nearly nothing is, and there are many fields.
 * @template T
 * @param {Reader<T>} read
 * @param {unknown} value
 * @param {string | number} name
 */
function inside(read, value, name) {
  try {
    return read(value);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new InvalidItem(`/${name}${message[0] === "/" ? "" : ": "}${message}`);
  }
}

/** @type {Reader<string>} */
export const string = (value) => (typeof value === "string" ? value : refuse("a string", value));

/** @type {Reader<boolean>} */
export const boolean = (value) => (typeof value === "boolean" ? value : refuse("true or false", value));

/** @type {Reader<number>} */
export const number = (value) => (typeof value === "number" ? value : refuse("a number", value));

/** @type {Reader<number>} */
export const integer = (value) => (Number.isInteger(value) ? /** @type {number} */ (value) : refuse("an integer", value));

/** @type {Reader<any>} */
export const anything = (value) => value;

/**
 * @template {string} T
 * @param {...T} words
 * @returns {Reader<T>}
 */
export function oneOf(...words) {
  return (value) => (words.includes(/** @type {T} */ (value)) ? /** @type {T} */ (value) : refuse(`one of ${words.join(", ")}`, value));
}

/**
 * @template T
 * @param {Reader<T>} read
 * @returns {Reader<T | null>}
 */
export function orNull(read) {
  return (value) => (value === null ? null : read(value));
}

/**
 * @template T
 * @param {Reader<T>} read
 * @returns {Reader<T[]>}
 */
export function list(read) {
  return (value) => (Array.isArray(value) ? value.map((each, index) => inside(read, each, index)) : refuse("an array", value));
}

/**
 * Return the reader of an object. A field of two has a default: the reader, and what stands where it is not given.
 * @template T
 * @param {Record<string, Reader<any> | readonly [Reader<any>, any]>} fields
 * @returns {Reader<T>}
 */
export function struct(fields) {
  const known = Object.entries(fields).map(([name, field]) => /** @type {[string, Reader<any>, any]} */ ([name, ...[field].flat()]));
  // A copy has its fields at once, where one made field by field grows, and leaves garbage.
  const defaults = Object.fromEntries(known.map(([name, , without]) => [name, without]));
  return (value) => {
    if (Object(value) !== value || Array.isArray(value)) refuse("an object", value);
    const given = /** @type {Record<string, unknown>} */ (value);
    const found = { ...defaults };
    for (const [name, read, without] of known) {
      if (Object.hasOwn(given, name)) found[name] = inside(read, given[name], name);
      else if (without === undefined) refuse(name, without);
    }
    return /** @type {T} */ (found);
  };
}
