/**
 * SHA-256 (FIPS 180-4), synchronous, and quick on short strings: the platform's is asynchronous.
 * @module
 */

/**
 * Return the first 32 bits behind the point of a root of each of the first 64 primes, as the standard has them.
 * @param {number} power
 */
function fractions(power) {
  const found = [];
  for (let number = 2; found.length < 64; number++) {
    let divisor = 2;
    while (number % divisor > 0) divisor++;
    if (divisor === number) found.push(number ** power * 2 ** 32);
  }
  return Int32Array.from(found);
}

// Computed, for they would be a twentieth of what a page loads. None is nearer to another integer than a thousand times what engines differ.
const K = fractions(1 / 3);
const START = fractions(1 / 2).slice(0, 8);
/** The message schedule; its first sixteen words are the block. */
const W = new Int32Array(64);
const H = new Int32Array(8);

/** Mix the block in `W` into the state. */
function compress() {
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15];
    const y = W[i - 2];
    W[i] =
      (W[i - 16] +
        (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
        W[i - 7] +
        (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) |
      0;
  }
  let a = H[0];
  let b = H[1];
  let c = H[2];
  let d = H[3];
  let e = H[4];
  let f = H[5];
  let g = H[6];
  let h = H[7];
  // Eight rounds at a time: each word stays where it is, and takes the next part.
  for (let i = 0; i < 64; i += 8) {
    h = (h + high(e) + (g ^ (e & (f ^ g))) + K[i] + W[i]) | 0;
    d = (d + h) | 0;
    h = (h + low(a) + ((a & b) | (c & (a | b)))) | 0;
    g = (g + high(d) + (f ^ (d & (e ^ f))) + K[i + 1] + W[i + 1]) | 0;
    c = (c + g) | 0;
    g = (g + low(h) + ((h & a) | (b & (h | a)))) | 0;
    f = (f + high(c) + (e ^ (c & (d ^ e))) + K[i + 2] + W[i + 2]) | 0;
    b = (b + f) | 0;
    f = (f + low(g) + ((g & h) | (a & (g | h)))) | 0;
    e = (e + high(b) + (d ^ (b & (c ^ d))) + K[i + 3] + W[i + 3]) | 0;
    a = (a + e) | 0;
    e = (e + low(f) + ((f & g) | (h & (f | g)))) | 0;
    d = (d + high(a) + (c ^ (a & (b ^ c))) + K[i + 4] + W[i + 4]) | 0;
    h = (h + d) | 0;
    d = (d + low(e) + ((e & f) | (g & (e | f)))) | 0;
    c = (c + high(h) + (b ^ (h & (a ^ b))) + K[i + 5] + W[i + 5]) | 0;
    g = (g + c) | 0;
    c = (c + low(d) + ((d & e) | (f & (d | e)))) | 0;
    b = (b + high(g) + (a ^ (g & (h ^ a))) + K[i + 6] + W[i + 6]) | 0;
    f = (f + b) | 0;
    b = (b + low(c) + ((c & d) | (e & (c | d)))) | 0;
    a = (a + high(f) + (h ^ (f & (g ^ h))) + K[i + 7] + W[i + 7]) | 0;
    e = (e + a) | 0;
    a = (a + low(b) + ((b & c) | (d & (b | c)))) | 0;
  }
  H[0] += a;
  H[1] += b;
  H[2] += c;
  H[3] += d;
  H[4] += e;
  H[5] += f;
  H[6] += g;
  H[7] += h;
}

/** @param {number} word */
function high(word) {
  return ((word >>> 6) | (word << 26)) ^ ((word >>> 11) | (word << 21)) ^ ((word >>> 25) | (word << 7));
}

/** @param {number} word */
function low(word) {
  return ((word >>> 2) | (word << 30)) ^ ((word >>> 13) | (word << 19)) ^ ((word >>> 22) | (word << 10));
}

/** So many bytes fit into one block. */
const SHORT = 55;

/**
 * Put a message of one block into `W`: nearly all are, and go without the detour over bytes. False where it is not ASCII.
 * @param {Uint8Array} prefix
 * @param {string} text
 */
function putShort(prefix, text) {
  W.fill(0, 0, 16);
  let at = 0;
  for (; at < prefix.length; at++) W[at >> 2] |= prefix[at] << (24 - ((at & 3) << 3));
  for (let i = 0; i < text.length; i++, at++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    W[at >> 2] |= unit << (24 - ((at & 3) << 3));
  }
  W[at >> 2] |= 0x80 << (24 - ((at & 3) << 3));
  W[15] = at << 3;
  return true;
}

/**
 * Hash *prefix* and the UTF-8 of *text* into `H`.
 * @param {Uint8Array} prefix
 * @param {string} text well formed
 */
function hash(prefix, text) {
  H.set(START);
  if (prefix.length + text.length <= SHORT && putShort(prefix, text)) return compress();
  const body = ENCODER.encode(text);
  const length = prefix.length + body.length;
  const bytes = new Uint8Array((length + 72) & ~63);
  bytes.set(prefix);
  bytes.set(body, prefix.length);
  bytes[length] = 0x80;
  const words = new DataView(bytes.buffer);
  words.setUint32(bytes.length - 8, length / 0x20000000);
  words.setUint32(bytes.length - 4, length << 3);
  for (let block = 0; block < bytes.length; block += 64) {
    for (let i = 0; i < 16; i++) W[i] = words.getInt32(block + 4 * i);
    compress();
  }
}

const ENCODER = new TextEncoder();
const NOTHING = new Uint8Array(0);

/**
 * Return the SHA-256 of a text's UTF-8 as 64 hex digits.
 * @param {string} text well formed
 * @returns {string}
 */
export function sha256Hex(text) {
  hash(NOTHING, text);
  return Array.from(H, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/**
 * Return the SHA-256 of a text's UTF-8 as eight words: hex digits take longer than the hash of a short text.
 * @param {string} text well formed
 * @returns {Int32Array}
 */
export function sha256Words(text) {
  hash(NOTHING, text);
  return H.slice();
}

/**
 * Return the first eight bytes of the SHA-256 of *prefix* and *text*, as one big-endian integer, modulo *modulus*.
 * @param {Uint8Array} prefix
 * @param {string} text well formed
 * @param {number} modulus at most 2^21, so that no product leaves the integers that doubles hold
 * @returns {number}
 */
export function sha256Modulo(prefix, text, modulus) {
  hash(prefix, text);
  return (((H[0] >>> 0) % modulus) * (0x100000000 % modulus) + (H[1] >>> 0)) % modulus;
}
