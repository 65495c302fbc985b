/**
 * FNV-1a of 32 bits over UTF-16 code units, as GrowthBook's SDKs hash. A unit of 16 bits is XORed whole, so this is not
 * FNV-1a of any bytes. See spec/dialects/growthbook.md.
 * @module
 */

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * Return the hash of *text*, unsigned.
 * @param {string} text
 * @param {number} [after] the hash of the text before it, if there is any
 * @returns {number}
 */
export function fnv1a(text, after = OFFSET) {
  let hash = after;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash >>> 0;
}
