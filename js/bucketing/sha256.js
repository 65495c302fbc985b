/**
 * SHA-256 (FIPS 180-4), synchronous, and quick on short strings: the platform's is asynchronous.
 * @module
 */

const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);
const START = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);
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

/** Where long messages are put together, grown when one needs more. */
let room = new Uint8Array(1024);

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
  const most = prefix.length + text.length * 3 + 72;
  if (room.length < most) room = new Uint8Array(most * 2);
  const bytes = room;
  bytes.set(prefix);
  let at = putText(bytes, prefix.length, text);
  const length = at;
  bytes[at++] = 0x80;
  while (at % 64 !== 56) bytes[at++] = 0;
  for (let block = 0; block <= at; block += 64) {
    const words = block + 64 > at ? 14 : 16;
    for (let i = 0, from = block; i < words; i++, from += 4) {
      W[i] = (bytes[from] << 24) | (bytes[from + 1] << 16) | (bytes[from + 2] << 8) | bytes[from + 3];
    }
    if (words === 14) {
      W[14] = Math.floor(length / 0x20000000);
      W[15] = length << 3;
    }
    compress();
  }
}

/**
 * Put a string's UTF-8 into *bytes* from *at* on, and return where it ends.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {string} text
 * @returns {number}
 */
function putText(bytes, at, text) {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 63);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 63);
      bytes[at++] = 0x80 | (unit & 63);
    } else {
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff);
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 63);
      bytes[at++] = 0x80 | ((point >> 6) & 63);
      bytes[at++] = 0x80 | (point & 63);
    }
  }
  return at;
}

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
