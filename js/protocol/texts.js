/**
 * Finds the texts of a JSON object's members, byte for byte as they came: hashes are taken of them, and a number written anew may
 * be another text.
 * @module
 */

const STRUCTURE = /["[\]{}]/g;
const SCALAR_END = /[,\]}\s]|$/g;
const SPACE = /\s*/y;

/**
 * Return the texts of the members of the JSON object that begins at *at*, by name; of two with one name, the later.
 * @param {string} text which `JSON.parse` takes
 * @returns {Map<string, string>}
 */
export function memberTexts(text, at = 0) {
  /** @type {Map<string, string>} */
  const members = new Map();
  let i = afterSpace(text, afterSpace(text, at) + 1);
  while (text[i] === '"') {
    const nameEnd = stringEnd(text, i);
    const from = afterSpace(text, afterSpace(text, nameEnd) + 1);
    const to = valueEnd(text, from);
    members.set(JSON.parse(text.slice(i, nameEnd)), text.slice(from, to));
    i = afterSpace(text, to);
    if (text[i] === ",") i = afterSpace(text, i + 1);
  }
  return members;
}

/** @param {string} text @param {number} at */
function afterSpace(text, at) {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/** @param {string} text @param {number} at where a string begins @returns {number} where it ends, its quote within */
function stringEnd(text, at) {
  for (;;) {
    at = text.indexOf('"', at + 1);
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

/** @param {string} text @param {number} at where a value begins @returns {number} where it ends */
function valueEnd(text, at) {
  if (text[at] === '"') return stringEnd(text, at);
  if (text[at] !== "{" && text[at] !== "[") {
    SCALAR_END.lastIndex = at;
    return /** @type {RegExpExecArray} */ (SCALAR_END.exec(text)).index;
  }
  let depth = 0;
  STRUCTURE.lastIndex = at;
  for (;;) {
    const found = /** @type {RegExpExecArray} */ (STRUCTURE.exec(text));
    if (found[0] === '"') STRUCTURE.lastIndex = stringEnd(text, found.index);
    else if (found[0] === "{" || found[0] === "[") depth++;
    else if (--depth === 0) return found.index + 1;
  }
}
