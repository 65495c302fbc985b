/** What a page is told, held to the vectors that Python is held to. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { bootstrapElement, bootstrapJson, embeddable } from "../../protocol/bootstrap.js";

const VECTORS = fileURLToPath(new URL("../../../spec/vectors/bootstrap/", import.meta.url));
const STATE = { environment: "shop/production", revision: "1.7", flagsVersion: "v7_1a2b3c4d", ageS: 0.25, atMs: 1772366400000.9 };
const SERVED = { value: true, variation: "on", reason: "SPLIT", ruleId: "r1", flagVersion: 5, errorCode: null };

const { cases } = JSON.parse(readFileSync(`${VECTORS}embedding.json`, "utf8"));
assert(cases.length > 0, "vectors were found");
for (const { name, embed, expect } of cases) {
  test(`embedding: ${name}`, () => {
    assert.equal(embeddable(JSON.stringify(embed)), expect.text);
    assert.deepEqual(JSON.parse(expect.text), embed);
  });
}

test("the document says what the server's does, member by member", () => {
  const flags = [
    ["new-home", SERVED],
    ["off", { ...SERVED, value: false, variation: null, reason: "OFF", ruleId: null }],
    ["open", { ...SERVED, value: null, variation: null, reason: "OFF", ruleId: null }],
    ["broken", { ...SERVED, value: false, variation: null, reason: "ERROR", ruleId: null, flagVersion: 3, errorCode: "PARSE_ERROR" }],
  ];
  assert.equal(
    bootstrapJson(flags, STATE),
    '{"environment":"shop/production","revision":"1.7","flagsVersion":"v7_1a2b3c4d","ttl":300,"flags":{' +
      '"new-home":{"variation":"on","reason":"SPLIT","value":true,"ruleId":"r1","flagVersion":5},' +
      '"off":{"variation":null,"reason":"OFF","value":false,"flagVersion":5},' +
      '"open":{"variation":null,"reason":"OFF","flagVersion":5},' +
      '"broken":{"variation":null,"reason":"ERROR","errorCode":"PARSE_ERROR","flagVersion":3}},"age":0.250,"at":1772366400000}',
  );
});

test("a value that is no JSON harms no other flag", () => {
  const ring = {};
  ring.self = ring;
  const { flags } = JSON.parse(bootstrapJson([["ring", { ...SERVED, value: ring }], ["new-home", SERVED]], STATE));
  assert.deepEqual(flags.ring, { variation: null, reason: "ERROR", errorCode: "GENERAL" });
  assert.equal(flags["new-home"].value, true);
});

test("no key, value or nonce ends the element that it stands in", () => {
  const hostile = '</script><script>alert("1")</script>';
  const html = bootstrapElement(bootstrapJson([[hostile, { ...SERVED, value: hostile }]], STATE), '"><script>');
  assert.equal(html.match(/<\/?script/g)?.length, 2);
  assert(html.startsWith('<script type="application/json" id="pennon-bootstrap" nonce="&quot;&gt;&lt;script&gt;">{"environment":'));
});
