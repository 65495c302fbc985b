import assert from "node:assert/strict";
import test from "node:test";

import { ClientSide } from "../../client/server/bootstrap.js";
import { Client } from "../../client/server/index.js";
import { readSnapshot } from "../../protocol/index.js";
import { flag, snapshot } from "./server-documents.js";
import { json, Machine } from "./server-far-end.js";

test("a page is told of its client-side flags, those that it may not see are not named, nor what hashed segments hold", async (t) => {
  const secret = { key: "staff", version: 1, changedAt: 1, salt: "s", included: ["u1"] };
  const flags = [
    flag("b", {
      clientSide: true,
      rules: [{ id: "r", conditions: [{ op: "inSegment", values: ["staff"] }], serve: { variation: "off" } }],
    }),
    flag("a</script>", { clientSide: true, offVariation: null, on: false }),
    flag("hidden"),
    flag("broken", { clientSide: true, offVariation: "nowhere" }),
  ];
  const far = new Machine()
    .on("/sdk/v1/snapshot", () => json(snapshot({ flags, segments: [secret] }), { headers: { "X-Pennon-Age": "1.25" } }))
    .streamAt()
    .on("/sdk/v1/events", () => json({}, { status: 202 }));
  const client = new Client("http://flags.test", { key: "k", platform: far.platform });
  t.after(() => client.close());
  assert.equal(await client.ready(), true);
  const text = client.bootstrap({ targetingKey: "u1" }, { ttlS: 60 });
  assert.ok(!/[<>&]/.test(text));
  const { flagsVersion, ...told } = JSON.parse(text);
  assert.deepEqual(told, {
    environment: "shop/production",
    revision: "1.1",
    ttl: 60,
    flags: {
      "a</script>": { variation: null, reason: "OFF", flagVersion: 1 },
      b: { variation: "off", reason: "RULE_MATCH", value: false, ruleId: "r", flagVersion: 1 },
      broken: { variation: null, reason: "ERROR", errorCode: "PARSE_ERROR", flagVersion: 1 },
    },
    age: 1.25,
    at: far.platform.now(),
  });
  assert.equal(flagsVersion, client.status().flagsVersion);
  assert.match(flagsVersion, /^v1_[0-9a-f]{8}$/);
  assert.equal(
    client.bootstrapScript({ targetingKey: "u1" }, { ttlS: 60, nonce: 'a"b' }),
    `<script type="application/json" id="pennon-bootstrap" nonce="a&quot;b">${text}</script>`,
  );
});

test("the flags version is that of what a page may see: a change elsewhere does not alter its digest", () => {
  const side = new ClientSide();
  const version = (document) => side.of(readSnapshot(document)).flagsVersion.split("_")[1];
  const visible = flag("a", { clientSide: true, prerequisites: [{ flag: "needed", variations: ["on"] }] });
  const first = version(snapshot({ flags: [visible, flag("needed"), flag("other")] }));
  assert.equal(version(snapshot({ flags: [visible, flag("needed")] })), first);
  assert.notEqual(version(snapshot({ flags: [visible, flag("needed", { version: 2 })] })), first);
});
