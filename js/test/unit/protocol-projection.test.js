import assert from "node:assert/strict";
import test from "node:test";

import { nodeSha256 } from "../../platform/node.js";
import { readSnapshot } from "../../protocol/index.js";
import { ClientProjection } from "../../protocol/projection.js";
import { flag, snapshot } from "./server-documents.js";

const inSegment = (...values) => [{ id: "r", conditions: [{ op: "inSegment", values }], serve: { variation: "on" } }];

/** @param {Parameters<typeof snapshot>[0]} state */
function shown(state) {
  const { items, keys } = new ClientProjection(nodeSha256).of(readSnapshot(snapshot(state)).items);
  return { flags: [...items.flag.keys()].sort(), segments: [...items.segment.keys()].sort(), layers: [...items.layer.keys()], keys, items };
}

test("what client-side flags need is shown, however deep, and nothing else", () => {
  const flags = [
    flag("page", { clientSide: true, prerequisites: [{ flag: "deep", variations: ["on"] }], rules: inSegment("staff") }),
    flag("deep", {
      prerequisites: [
        { flag: "deeper", variations: ["on"] },
        { flag: "gone", variations: ["on"] },
      ],
    }),
    flag("deeper", { rules: inSegment("beta") }),
    flag("secret", { rules: inSegment("board") }),
    flag("not", { clientSide: false, description: '"clientSide": true' }),
    flag("foreign", {
      clientSide: true,
      compat: { vendor: "v", dialect: "d" },
      rules: [{ id: "r", conditions: [{ op: "serves", attribute: "asked" }], serve: { variation: "on" } }],
    }),
    flag("asked"),
  ];
  const segments = ["staff", "inner", "beta", "board"].map((key) => ({
    key,
    version: 1,
    changedAt: 1,
    salt: "s",
    rules: key === "staff" ? inSegment("inner") : [],
  }));
  const { items, ...found } = shown({ flags, segments });
  assert.deepEqual(found, {
    flags: ["asked", "deep", "deeper", "foreign", "page"],
    segments: ["beta", "inner", "staff"],
    layers: [],
    keys: ["page", "foreign"],
  });
});

test("a segment's lists are hashed, all else is as it was, and one that is hashed already is shown as it is", () => {
  const flags = [flag("page", { clientSide: true, rules: inSegment("staff", "hashed") })];
  const segments = [
    { key: "staff", version: 3, changedAt: 1, salt: "s", included: ["u1"], excluded: [], future: { kept: 1.5 } },
    { key: "hashed", version: 1, changedAt: 1, salt: "s", included: ["aa"], hashed: true },
  ];
  const { items } = shown({ flags, segments });
  const staff = /** @type {any} */ (items.segment.get("staff"));
  const { hash, ...rest } = staff.value;
  assert.deepEqual(rest, {
    key: "staff",
    version: 3,
    changedAt: 1,
    salt: "s",
    included: [nodeSha256("s.u1")],
    excluded: [],
    future: { kept: 1.5 },
    hashed: true,
  });
  assert.equal(staff.soundHash(nodeSha256), hash);
  assert.deepEqual(/** @type {any} */ (items.segment.get("hashed")).value.included, ["aa"]);
});

test("a segment that cannot be read is not shown, for it might name people; a flag that cannot be read is, and needs nothing", () => {
  const flags = [flag("page", { clientSide: true, rules: inSegment("odd") }), flag("broken", { clientSide: true, rules: 7 })];
  const { items, ...found } = shown({ flags, segments: [{ key: "odd", version: 1, included: "u1" }] });
  assert.deepEqual([found.flags, found.segments], [["broken", "page"], []]);
});
