/** A sample of contexts, from the clients of `pennon/server` and `pennon/browser` to what a preview of a running server says. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client as BrowserClient } from "pennon/browser";
import { localRules } from "pennon/browser/local";
import { sampled } from "pennon/browser/sampling";
import { Client } from "pennon/server";

import { HandStore } from "../unit/browser-page.js";
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
  assert.equal(await client.ready({ timeoutMs: 60_000 }), true);
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

test("a preview counts the visitors of pages, whoever evaluates for them, and none without consent", async (t) => {
  const server = await serve({ options: ["--sample-requests", "all-keys"] });
  t.after(() => server.close());
  await server.put({ key: "checkout", rules: [RULE] });
  await server.allowClientRules();

  /** @param {number} number @param {object} [options] */
  const visit = async (number, options) => {
    const context = { targetingKey: `visitor-${number}`, country: ["DE", "FR"][number % 2], email: `${number}@mail.example` };
    const given = { key: server.clientKey, start: true, context, privateAttributes: ["email"], storage: new HandStore(), ...options };
    const flags = new BrowserClient(server.url, given);
    assert.equal(await flags.whenReady({ timeoutMs: 60_000 }), true, String(flags.status().problem));
    assert.equal(flags.boolean("checkout", false), number % 2 === 0);
    flags.close();
  };
  for (let number = 0; number < 15; number++) await visit(number);
  for (let number = 10; number < 30; number++) await visit(number, { rules: sampled(localRules()) });
  for (let number = 30; number < 40; number++) await visit(number, { consent: false });
  for (let number = 40; number < 50; number++) await visit(number, { consent: false, rules: sampled(localRules()) });
  const found = await until(async () => {
    const moves = (await server.api("POST", `${server.path}/changes/preview`, OFF)).moves;
    return moves?.contexts >= 30 && moves;
  });
  const [{ flag, share }] = found.flags;
  assert.deepEqual([found.contexts, flag, share], [30, "checkout", 0.5]);
});
