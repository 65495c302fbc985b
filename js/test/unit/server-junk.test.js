/** Whatever an upstream sends within the form of the protocol, a client neither throws nor stops. */

import assert from "node:assert/strict";
import test from "node:test";

import { Client } from "../../client/server/index.js";
import { nodeSha256 } from "../../platform/node.js";
import { readSnapshot, State } from "../../protocol/index.js";
import { json, Machine, rest } from "./server-far-end.js";

const WALKS = process.env.PENNON_LONG_TESTS === "1" ? 300 : 15;
const KEYS = ["a", "b", "__proto__", "constructor", "", "x".repeat(300), "\ud800", "a\nb"];
const VALUES = [
  null,
  0,
  -1,
  1.5,
  1e400,
  "",
  "on",
  "\ud800",
  true,
  [],
  {},
  [null],
  { key: "a" },
  { split: null },
  { variation: "on" },
  "x".repeat(500),
];
const FIELDS = [
  ...["key", "version", "hash", "kind", "on", "salt", "variations", "offVariation", "prerequisites", "targets", "rules", "fallthrough"],
  ...["staleness", "clientSide", "critical", "exposures", "needs", "compat", "included", "excluded", "hashed", "by", "slots"],
];
const SHAPES = {
  variations: [
    { key: "on", value: true },
    { key: "off", value: { deep: [1] } },
  ],
  fallthrough: { split: { weights: [{ variation: "on", weight: 100000 }], experiment: { key: "e", layer: "a", otherwise: "off" } } },
  rules: [
    {
      id: "r",
      conditions: [
        { op: "inSegment", values: ["a", "b"] },
        { op: "matches", attribute: "x", values: ["(a+)+$"] },
      ],
      serve: { variation: "on" },
    },
  ],
  prerequisites: [{ flag: "b", variations: ["on"] }],
  compat: { vendor: "unleash", dialect: "unleash/node" },
  staleness: { maxAgeS: 1, serve: { variation: "off" } },
  clientSide: true,
  on: true,
  exposures: "all",
};

function generator(seed) {
  let state = seed;
  return (many) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * many);
  };
}

function item(key, pick) {
  if (pick(8) === 0) return VALUES[pick(VALUES.length)];
  const fields = FIELDS.filter(() => pick(3) > 0).map((name) => [name, pick(4) > 0 ? (SHAPES[name] ?? key) : VALUES[pick(VALUES.length)]]);
  return { ...Object.fromEntries(fields), key: pick(6) === 0 ? VALUES[pick(VALUES.length)] : key };
}

function items(pick) {
  // A key such as __proto__ is a member like any other in JSON.
  const members = KEYS.filter(() => pick(2) === 0).map((key) => `${JSON.stringify(key)}:${JSON.stringify(item(key, pick))}`);
  return `{${members.join(",")}}`;
}

function document(revision, pick) {
  const members = `"flags":${items(pick)},"segments":${items(pick)},"layers":${items(pick)}`;
  const { digest } = new State(readSnapshot(`{${members}}`).items, nodeSha256);
  return `{"age":0,"spec":1,"epoch":1,"revision":${revision},"digest":"${digest}",${members}}`;
}

test("junk in flags, segments and layers harms no evaluation, no page, and no background loop", async (t) => {
  for (let seed = 1; seed <= WALKS; seed++) {
    const pick = generator(seed);
    const far = new Machine()
      .on("/sdk/v1/snapshot", () => json(document(1, pick)))
      .streamAt()
      .on("/sdk/v1/events", () => json({}, { status: 202 }));
    const client = new Client("http://flags.test", { key: "k", platform: far.platform });
    t.after(() => client.close());
    client.on("change", ({ keys }) => assert.ok(Array.isArray(keys)));
    await rest();
    for (let revision = 2; revision < 8; revision++) {
      far.stream.write(`event: snapshot\ndata: ${document(revision, pick)}\n\n`);
      await far.advance(700);
      // Dialects are read from the disk when they are first needed.
      for (let i = 0; i < 1000 && client.status().revision !== revision; i++) await rest();
      for (const key of [...KEYS, "toString", "gone"]) {
        const found = client.evaluation(key, { targetingKey: "u1", x: "a".repeat(30) }, "mine");
        assert.ok(
          found.reason === "ERROR" ? found.value === "mine" && found.errorCode !== null : found.errorCode === null,
          `${seed}: ${key}`,
        );
        client.explain(key, { targetingKey: "u1" });
        client.rules().kind(key);
      }
      assert.equal(client.status().revision, revision, `${seed}: ${far.warnings}`);
      assert.match(client.status().flagsVersion, /^v\d+_[0-9a-f]{8}$/);
      JSON.parse(client.bootstrap({ targetingKey: "u1" }));
    }
    assert.deepEqual(
      far.warnings.filter((warning) => !warning.includes("times within a minute")),
      [],
      `${seed}`,
    );
    await client.close();
  }
});
