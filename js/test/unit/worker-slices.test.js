/** A document read item by item is the document read whole, wherever it is cut, and what is no JSON is none. */

import assert from "node:assert/strict";
import test from "node:test";

import { readDocument } from "../../client/worker/reading.js";
import { Slices } from "../../client/worker/slices.js";
import { digestText } from "../../protocol/digest.js";
import { ruled, snapshot } from "../worker/documents.js";

const NAMES = ["flags", "segments"];
const HOSTILE = {
  environment: 'a "quoted" \\ name, with {brackets} and [more',
  flags: {
    plain: { value: [1, { deep: ["}", "]", '"', "\\", '\\"'] }] },
    '"': null,
    "\\": {},
    "a,b:{}": [[], {}, ""],
    "": "an empty name",
    __proto__2: 1,
    "ünïcode \u{1f600}": "\ud83d\ude00 \u2028",
  },
  heads: [{ flags: { no: "item" } }],
  other: { flags: { none: 1 } },
  segments: {},
};
const TEXTS = [
  JSON.stringify(HOSTILE),
  JSON.stringify(HOSTILE, null, 2),
  ` \n{ "flags" :\t{ "__proto__" : { "a" : 1 } , "b":2 } , "revision" : 7 } \r\n`,
  '{"flags":{}}',
  '{"flags":[1,{"a":2}],"segments":null}',
  "{}",
  "[]",
  " 7 ",
  '"text"',
  "null",
];

/** @param {string} text @param {number[]} cuts where a piece ends */
function sliced(text, cuts) {
  /** @type {[string, string, any][]} */
  const told = [];
  const slices = new Slices(NAMES, (...member) => {
    told.push(member);
    return member[2];
  });
  let from = 0;
  for (const to of [...cuts, text.length]) slices.put(text.slice(from, (from = to)));
  return { document: slices.end(), told };
}

/** @param {() => unknown} read */
function outcome(read) {
  try {
    return JSON.stringify(read());
  } catch (error) {
    assert(error instanceof SyntaxError, `${error}`);
    return "no JSON";
  }
}

for (const text of TEXTS) {
  test(`it is what JSON.parse makes of it, however it is cut: ${text.slice(0, 40).trim()}`, () => {
    const whole = JSON.parse(text);
    const one = Array.from({ length: text.length - 1 }, (_, at) => [at + 1]);
    const every = Array.from({ length: text.length - 1 }, (_, at) => at + 1);
    for (const cuts of [[], every, ...one]) assert.deepEqual(sliced(text, cuts).document, whole, `cut at ${cuts}`);
  });
}

test("each member of an inner object is told, and nothing else is", () => {
  const { told } = sliced(TEXTS[0], [30, 60]);
  assert.deepEqual(told, Object.entries(HOSTILE.flags).map(([name, value]) => ["flags", name, value]));
});

test("a text that lost, doubled or changed a character is JSON where JSON.parse says so", () => {
  const text = '{"a":[1,{"b":"\\""}],"flags":{"x":{"y":[2]},"z":"}"},"segments":{},"c":true}';
  let refused = 0;
  for (let at = 0; at < text.length; at++) {
    for (const put of ["", text[at] + text[at], ..."{}[]\",:\\ 0x"]) {
      const spoiled = text.slice(0, at) + put + text.slice(at + 1);
      const expected = outcome(() => JSON.parse(spoiled));
      assert.equal(outcome(() => sliced(spoiled, [at]).document), expected, spoiled);
      refused += Number(expected === "no JSON");
    }
  }
  assert(refused > 100, `${refused}`);
});

test("a text that ends early is no JSON", () => {
  for (const text of TEXTS.slice(0, 6)) {
    const end = text.trimEnd().length;
    for (let at = 0; at < end; at++) assert.throws(() => sliced(text.slice(0, at), []), SyntaxError, text.slice(0, at));
  }
});

test("a large document is put down again and again while it is read, and its sum is that of its items", async () => {
  const text = snapshot(7, Array.from({ length: 1000 }, (_, number) => ruled(number)));
  let pauses = 0;
  const later = (/** @type {number} */ ms, /** @type {() => void} */ run) => {
    assert.equal(ms, 0);
    pauses++;
    const timer = setImmediate(run);
    return () => clearImmediate(timer);
  };
  const { document, sum } = await readDocument(new Blob([text]).stream(), later, (_, key, item) => (key === "flag-00007" ? "kept" : item));
  const whole = JSON.parse(text);
  whole.flags["flag-00007"] = "kept";
  assert.deepEqual(document, whole);
  assert.equal(digestText(sum), document.digest);
  assert(pauses >= Math.floor(text.length / 2 ** 17), `${pauses} for ${text.length} bytes`);
});
