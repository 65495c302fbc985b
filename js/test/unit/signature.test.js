/** Signatures of targeting keys: the same as those of the Python SDK, and what the browser's client does with them. */

import assert from "node:assert/strict";
import test from "node:test";

import { Client } from "pennon/browser";
import { targetingKeySignature } from "pennon/server";

test("a signature is the HMAC that every language has", () => {
  const known = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
  assert.equal(targetingKeySignature("key", "The quick brown fox jumps over the lazy dog"), known);
  assert.equal(targetingKeySignature("key", "a\ud800"), targetingKeySignature("key", "a\ufffd"));
});

/** Start a client with this signature, and return what it asked with, once it has its answer. */
async function asked(signature, act = async (_flags) => {}) {
  const came = [];
  const fetch = async (_url, { headers, body }) => {
    came.push([JSON.parse(body).context.targetingKey, headers["X-Pennon-Signature"]]);
    return Response.json({ flags: [], metadata: { revision: "1.1", flagsVersion: "v1_00000000", ttl: 300 } });
  };
  const platform = { fetch, later: () => () => {}, storage: null, warn: assert.fail };
  const context = { targetingKey: "u1" };
  const flags = new Client("http://pennon.test", { key: "pennon_client_a", context, signature, start: true, platform });
  try {
    assert.ok(await flags.whenReady());
    await act(flags);
  } finally {
    flags.close();
  }
  return came;
}

test("the browser's client sends the signature that it was given", async () => {
  assert.deepEqual(await asked("abc"), [["u1", "abc"]]);
  assert.deepEqual(await asked(undefined), [["u1", undefined]]);
});

test("a function is asked for the signature of whoever it is now", async () => {
  const sign = async (/** @type {string} */ targetingKey) => targetingKeySignature("secret", targetingKey);
  const came = await asked(sign, (flags) => flags.identify("u2"));
  assert.deepEqual(came, ["u1", "u2"].map((key) => [key, targetingKeySignature("secret", key)]));
});
