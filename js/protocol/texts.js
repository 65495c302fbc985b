/**
 * Finds the texts of a JSON object's members, letter for letter as they came: hashes are taken of them, and a number written anew may be
 * another text.
 * @module
 */

/**
 * What `JSON.parse` takes, in parts: by name, the text of a value; of two with one name, the later.
 * @typedef {Map<string, string>} Texts
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * Return the texts of the members of a JSON object.
 * @param {string} text an object that `JSON.parse` takes
 * @returns {Texts}
 */
export function memberTexts(text) {
  return members(text, afterSpace(text, 0)).found;
}

/**
 * Return, of those members of a JSON object that have one of *names*, the texts of their own members.
 * @param {string} text an object that `JSON.parse` takes, with objects by these names
 * @param {ReadonlySet<string>} names
 * @returns {Map<string, Texts>}
 */
export function innerTexts(text, names) {
  return members(text, afterSpace(text, 0), names).inner;
}

/**
 * @param {string} text
 * @param {number} at where an object begins
 * @param {ReadonlySet<string>} [inside] names of members of which the members are wanted
 */
function members(text, at, inside) {
  /** @type {Texts} */
  const found = new Map();
  /** @type {Map<string, Texts>} */
  const inner = new Map();
  let i = afterSpace(text, at + 1);
  while (text.charCodeAt(i) === QUOTE) {
    const nameEnd = stringEnd(text, i);
    const name = JSON.parse(text.slice(i, nameEnd));
    const from = afterSpace(text, afterSpace(text, nameEnd) + 1);
    let end;
    if (inside?.has(name)) {
      const within = members(text, from);
      inner.set(name, within.found);
      end = within.end;
    } else {
      end = valueEnd(text, from);
      if (inside === undefined) found.set(name, text.slice(from, end));
    }
    i = afterSpace(text, end);
    if (text.charCodeAt(i) === COMMA) i = afterSpace(text, i + 1);
  }
  return { found, inner, end: i + 1 };
}

/** @param {string} text @param {number} at */
function afterSpace(text, at) {
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** @param {string} text @param {number} at where a string begins @returns {number} where it ends, its quote within */
function stringEnd(text, at) {
  for (;;) {
    at = text.indexOf('"', at + 1);
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

/** @param {string} text @param {number} at where a value begins @returns {number} where it ends */
function valueEnd(text, at) {
  for (let depth = 0; ;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
      if (depth === 0) return at;
    } else if (code === 0x7b || code === 0x5b) {
      depth++;
      at++;
    } else if (code === 0x7d || code === 0x5d) {
      if (depth === 0) return at;
      at++;
      if (--depth === 0) return at;
    } else if (depth === 0 && (code === COMMA || isSpace(code))) return at;
    else at++;
  }
}

/** @param {number} code */
function isSpace(code) {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
