/** A sample of contexts, from the client of `pennon/server` to what a preview of a running server says. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "pennon/server";

import { serve, until } from "../serving.js";

const OFF = { edits: [{ do: "setFallthrough", flag: "checkout", serve: { variation: "off" } }] };
const RULE = { id: "r", conditions: [{ op: "in", attribute: "country", values: ["FR"] }], serve: { variation: "off" } };

test("a preview counts the users that a client evaluated flags for, and knows nothing that is private", async (t) => {
  const server = await serve();
  t.after(() => server.close());
  await server.put({ key: "checkout", rules: [RULE] });
  const preview = async (edits = OFF) => (await server.api("POST", `${server.path}/changes/preview`, edits)).moves;
  assert.equal(await preview(), null);

  const client = new Client(server.url, { key: server.serverKey, sampleContexts: true, privateAttributes: ["email"] });
  t.after(() => client.close({ timeoutMs: 200 }));
  assert.equal(await client.ready({ timeoutMs: 30_000 }), true);
  for (let number = 0; number < 60; number++) {
    const context = { targetingKey: `somebody-${number}`, country: ["DE", "FR", "AT"][number % 3], email: `${number}@mail.example` };
    client.boolean("checkout", context);
  }
  assert.equal(await client.flush(), true);
  await client.close();

  const found = await until(async () => {
    const moves = await preview();
    return moves?.contexts === 60 && moves;
  });
  assert.equal(found.flags.length, 1);
  const [{ flag, share }] = found.flags;
  assert.deepEqual([flag, share], ["checkout", 0.666667]);
  const byMail = { ...RULE, id: "m", conditions: [{ op: "endsWith", attribute: "email", values: ["@mail.example"] }] };
  const asked = await preview({ edits: [{ do: "addRule", flag: "checkout", rule: byMail }] });
  assert.deepEqual(asked.unseen, ["email"]);
});
