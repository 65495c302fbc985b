/** The hashes that are our own, since platforms have none that answer at once: beside Node's, and beside values that are known. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { cbor } from "../../bucketing/cbor.js";
import { percentage, share } from "../../bucketing/flagd.js";
import { fnv1a } from "../../bucketing/fnv.js";
import { bucket, sha256Hex } from "../../bucketing/index.js";
import { murmur3 } from "../../bucketing/murmur3.js";
import { boundsF32, placeF32, placeF64, sha160 } from "../../bucketing/sha1.js";

const ENCODER = new TextEncoder();
const ALPHABET = ["a", "7", ".", "É", "語", "😀"];

/** Texts of all lengths that end near the end of a block, and some beyond; the same ones each time. */
function* texts() {
  let state = 1;
  for (let length = 0; length < 260; length++) {
    let text = "";
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      text += ALPHABET[length % 2 === 0 ? 0 : state % ALPHABET.length];
    }
    yield text;
  }
}

test("SHA-256 is what Node says, of every length", () => {
  for (const text of texts()) assert.equal(sha256Hex(text), createHash("sha256").update(text).digest("hex"));
});

test("a bucket is the first eight bytes of it, whatever the lengths of salt and unit", () => {
  for (const unit of texts()) {
    const salt = Array.from(unit).slice(0, 20).join("");
    const digest = createHash("sha256").update(`${salt}.flag.${unit}`).digest();
    assert.equal(bucket(salt, "flag", unit), Number(digest.readBigUInt64BE() % 100_000n));
  }
});

test("SHA-1's first sixty bits are what Node says, of every length", () => {
  for (const text of texts()) {
    const { high, low } = sha160(ENCODER.encode(text));
    const expected = createHash("sha1").update(text).digest().readBigUInt64BE() >> 4n;
    assert.equal((BigInt(high) << 28n) | BigInt(low), expected);
  }
});

test("a place in single precision is rounded once, from the integer, half to even", () => {
  const half = 1n << 35n;
  const places = [0n, 1n, 2n ** 24n + 1n, 2n ** 53n + 1n, 2n ** 59n + half, 2n ** 59n + half + 1n, 2n ** 59n + 3n * half, 2n ** 60n - 1n];
  for (const text of texts()) places.push(createHash("sha1").update(text).digest().readBigUInt64BE() >> 4n);
  for (const place of places) {
    const found = placeF32({ high: Number(place >> 28n), low: Number(place & 0xfffffffn) });
    assert.equal(found * 2 ** 60, roundedToSingle(place), String(place));
  }
});

/** Round by integers: 24 bits, half to even. @param {bigint} whole */
function roundedToSingle(whole) {
  const spare = BigInt(Math.max(whole.toString(2).length - 24, 0));
  if (spare === 0n) return Number(whole);
  const half = 1n << (spare - 1n);
  const rest = whole & ((1n << spare) - 1n);
  const kept = whole >> spare;
  return Number((kept + (rest > half || (rest === half && (kept & 1n) === 1n) ? 1n : 0n)) << spare);
}

test("what vendors publish comes out", () => {
  assert.equal(placeF64(sha160(ENCODER.encode("hashKey.saltyA.userKeyA"))), 0.4215758743392494);
  assert.equal(murmur3(ENCODER.encode("checkout:1")), 2874413057);
  assert.equal(fnv1a("1exp1"), 4259145390);
  assert.equal(Buffer.from(cbor(["frac", "bob"])).toString("hex"), "82646672616363626f62");
  assert.deepEqual(boundsF32([30_000, 30_000, 40_000]), [Math.fround(0.3), Math.fround(0.6), 1]);
});

test("CBOR takes the shortest form that keeps a number", () => {
  const written = (value) => Buffer.from(cbor(value)).toString("hex");
  /** RFC 8949, appendix A. */
  const known = [
    [23, "17"],
    [24, "1818"],
    [1000, "1903e8"],
    [1_000_000, "1a000f4240"],
    [1_000_000_000_000, "1b000000e8d4a51000"],
    [-1, "20"],
    [-100, "3863"],
    [-1000, "3903e7"],
    [1.5, "f93e00"],
    [5.960464477539063e-8, "f90001"],
    [0.00006103515625, "f90400"],
    [3.4028234663852886e38, "fa7f7fffff"],
    [1.1, "fb3ff199999999999a"],
    [1.0e300, "fb7e37e43c8800759c"],
    [{ b: [2, 3], a: 1 }, "a26161016162820203"],
    [{ aa: 1, b: 2 }, "a261620262616101"],
    [[false, true, null, ""], "84f4f5f660"],
  ];
  for (const [value, hex] of known) assert.equal(written(value), hex, JSON.stringify(value));
  assert.throws(() => cbor("\ud800"), TypeError);
});

test("flagd's places are those of exact arithmetic", () => {
  for (const text of texts()) {
    const data = ENCODER.encode(text);
    const hash = murmur3(data);
    for (const total of [1, 100, 65_537, 2 ** 31 - 1]) assert.equal(share(data, total), Number((BigInt(hash) * BigInt(total)) >> 32n));
    assert.ok(percentage(data) >= 0 && percentage(data) <= 100.000001);
  }
});
