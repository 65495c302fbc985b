/** `flags.fetch` of the browser's client: a far end by hand plays Pennon, and the shop whose endpoint is guarded. */

import assert from "node:assert/strict";
import test from "node:test";

import { Client } from "pennon/browser";

const PENNON = "http://pennon.test";
const PAY = "http://shop.test/api/pay";

/** A client that has its first answer, and its far end: `flags` is what Pennon answers, `shop` what the shop does, `paid` what it heard. */
async function started(t, { warn = assert.fail, ...options } = {}) {
  const far = { revision: 1, flags: { gateway: "on" }, shop: [], paid: [] };
  const fetch = async (url, init) => {
    if (String(url).startsWith(PENNON)) return values(far);
    far.paid.push(Object.fromEntries([...init.headers].filter(([name]) => name.startsWith("x-flags"))));
    return far.shop.shift()();
  };
  const platform = { fetch, later: () => () => {}, storage: null, warn };
  const own = { origins: ["http://shop.test"], critical: ["/api/pay"], context: { targetingKey: "u1" }, events: false, start: true };
  const flags = new Client(PENNON, { key: "pennon_client_a", platform, ...own, ...options });
  t.after(() => flags.close());
  assert.ok(await flags.whenReady());
  return { flags, far };
}

function values({ revision, flags }) {
  const entries = Object.entries(flags).map(([key, variant]) =>
    variant === null ? { key, reason: "DISABLED" } : { key, reason: "DEFAULT", variant, value: variant === "on" },
  );
  return Response.json({ flags: entries, metadata: { revision: `1.${revision}`, flagsVersion: `v${revision}_00000000`, ttl: 300 } });
}

const refused = () => Response.json({ error: "flags_outdated", flagsVersion: "v2_00000000", flags: ["gateway"] }, { status: 409 });

test("a refused request heals the client before the application hears of it, and the retry says so", async (t) => {
  const { flags, far } = await started(t, { onOutdated: "retry" });
  assert.equal(flags.boolean("gateway", false), true);
  Object.assign(far, { revision: 2, flags: { gateway: "off" }, shop: [refused, () => new Response("paid")] });
  const heard = [];
  flags.on("change", ({ keys }) => heard.push(["change", ...keys]));
  flags.on("outdated", (event) => heard.push(["outdated", ...event.flags, flags.boolean("gateway", true)]));
  assert.equal(await (await flags.fetch(PAY, { method: "POST" })).text(), "paid");
  assert.deepEqual(heard, [["change", "gateway"], ["outdated", "gateway", false]]);
  const first = { "x-flags-seen": "gateway=on", "x-flags-version": "v1_00000000" };
  assert.deepEqual(far.paid, [first, { "x-flags-version": "v2_00000000" }]);
  far.shop.push(() => new Response("paid"));
  await flags.fetch(PAY, { method: "POST" });
  assert.deepEqual(far.paid[2], { "x-flags-seen": "gateway=off", "x-flags-version": "v2_00000000" });
});

test("a flag that shows the caller's default now is not said to be seen otherwise", async (t) => {
  const { flags, far } = await started(t);
  flags.boolean("gateway", false);
  Object.assign(far, { revision: 2, flags: { gateway: null } });
  await flags.refresh({ reason: "a test" });
  assert.deepEqual(flags.seen(), { gateway: "on" }, "it was not read anew: the page shows what it did");
  flags.boolean("gateway", false);
  assert.deepEqual(flags.seen(), {});
});

test("a refused request is told of where Pennon is gone, too", async (t) => {
  const warned = [];
  const { flags, far } = await started(t, { warn: (message) => warned.push(message) });
  flags.boolean("gateway", false);
  far.shop.push(refused);
  const heard = [];
  flags.on("outdated", ({ flags: keys }) => heard.push(keys));
  Object.defineProperty(far, "flags", { get: () => assert.fail("Pennon is gone") });
  assert.equal((await flags.fetch(PAY, { method: "POST" })).status, 409);
  assert.deepEqual(heard, [["gateway"]]);
  assert.equal(warned.length, 1);
});
