import assert from "node:assert/strict";
import test from "node:test";

import { comparePositions, Decoder, FrameTooLarge, parsePosition, readSnapshot, Replica } from "../../protocol/index.js";
import { memberTexts } from "../../protocol/texts.js";

const kindsOf = (actions) => actions.map((action) => action.kind ?? action.do);

test("the texts of members are as they came, whatever stands between and within them", () => {
  const text = ` {"a" : 1.50 ,"b":{"x":"}\\"{","y":[1,{"z":"]"}]}\n,"c":"\\\\","\\u0064":null,"e" :[ ] , "b": true }`;
  assert.deepEqual(
    [...memberTexts(text)],
    [
      ["a", "1.50"],
      ["b", "true"],
      ["c", '"\\\\"'],
      ["d", "null"],
      ["e", "[ ]"],
    ],
  );
  assert.deepEqual([...memberTexts("{}")], []);
  assert.deepEqual([...memberTexts(' { "a":-1e400}')], [["a", "-1e400"]]);
});

test("a snapshot of a newer protocol is refused with what to do about it, and what is known is kept", () => {
  const replica = new Replica();
  replica.receiveDocument('{"spec":1,"revision":4,"flags":{}}', { age: 0, now: 0 });
  const [report, ...rest] = replica.receiveDocument('{"spec":2,"revision":5,"flags":"something new"}', { age: 0, now: 1 });
  assert.deepEqual([report.kind, rest], ["malformed", []]);
  assert.match(report.problem, /spec 2 is newer .* update the SDK/);
  assert.equal(replica.position.revision, 4);
});

test("an HTML page, half a JSON and other things are reported with how they begin, and change nothing", () => {
  const replica = new Replica();
  const documents = [
    "<!doctype html><title>Sign in</title>",
    '{"spec":1,"flags":{"a":',
    "",
    "[]",
    "null",
    '{"flags":[]}',
    '{"revision":-1}',
    '{"revision":1.5}',
    '{"heads":[{}]}',
  ];
  for (const text of documents) assert.deepEqual(kindsOf(replica.receiveDocument(text, { age: 0, now: 0 })), ["malformed"], text);
  assert.match(replica.receiveDocument(documents[0], { age: 0, now: 0 })[0].problem, /doctype html/);
  assert.equal(replica.snapshot, null);
  for (const age of [-1, NaN, Infinity]) assert.deepEqual(kindsOf(replica.receiveDocument("{}", { age, now: 0 })), ["malformed"]);
});

test("the engine reads a snapshot's items by key, and names that every object inherits are none", () => {
  const { flags } = readSnapshot('{"flags":{"a":{"key":"a","on":true},"__proto__":{"key":"__proto__"},"gone":null}}');
  assert.deepEqual(Object.keys(flags), ["a", "__proto__"]);
  assert.deepEqual(flags.a, { key: "a", on: true });
  assert.deepEqual(
    [Object.hasOwn(flags, "a"), Object.hasOwn(flags, "gone"), Object.hasOwn(flags, "constructor"), "toString" in flags],
    [true, false, false, false],
  );
  assert.equal(flags.constructor, undefined);
  assert.throws(() => (flags.a = 1), TypeError);
});

test("an event larger than the limit ends the decoder, in one piece or in many", () => {
  assert.throws(() => new Decoder({ limit: 100 }).feed(`data: ${"x".repeat(200)}`), FrameTooLarge);
  const decoder = new Decoder({ limit: 100 });
  assert.throws(() => {
    for (let i = 0; i < 30; i++) decoder.feed("data: xxxx\n");
  }, FrameTooLarge);
  const patient = new Decoder({ limit: 100 });
  for (let i = 0; i < 30; i++) assert.equal(patient.feed("data: xxxx\n\n").length, 1);
});

test("a letter that the network cuts in two is one", () => {
  const bytes = new TextEncoder().encode("data: 🚀\n\n");
  const decoder = new Decoder();
  const frames = Array.from(bytes, (byte) => decoder.feed(Uint8Array.of(byte))).flat();
  assert.equal(frames[0].data, "🚀");
});

test("positions are compared as pairs, and other texts are none", () => {
  assert.ok(comparePositions({ epoch: 1, revision: 9 }, { epoch: 2, revision: 0 }) < 0);
  assert.deepEqual(parsePosition("1.42"), { epoch: 1, revision: 42 });
  for (const text of ["", "1", "1.", "-1.2", "1.2.3", "1.9999999999999999", "1.٣"]) assert.equal(parsePosition(text), null, text);
});
