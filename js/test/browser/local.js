/** Pages that evaluate by themselves: rules come, contexts stay. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { relayTo } from "./relay.js";
import { shows, stage } from "./stage.js";

const { test } = stage;
const LOCAL = { imports: `import { localRules } from "/client/browser/local.js";`, options: `rules: localRules(), privateAttributes: ["email"],` };
const RULES = [
  { id: "r1", conditions: [{ attribute: "email", op: "endsWith", values: ["@shop.example"] }], serve: { variation: "on" } },
  { id: "r2", conditions: [{ op: "inSegment", values: ["testers"] }], serve: { variation: "on" } },
];

/** An environment whose rules browsers may have, with a segment that lists `u9` by name. */
async function place(fields = { clientRules: true }) {
  const made = await stage.place({ fallthrough: { variation: "off" } }, fields);
  await made.change({ do: "putSegment", segment: { key: "testers", included: ["u9"] } });
  await made.put({ key: "new-checkout", critical: true, rules: RULES, fallthrough: { variation: "off" } });
  return made;
}

test("a page evaluates rules by itself, and what is private never leaves it", async (profile) => {
  const shop = await place();
  const { url, sent, close } = await relayTo(shop.url);
  try {
    const page = await stage.open(profile, shop, { ...LOCAL, url, context: { targetingKey: "u1", email: "ada@shop.example" } });
    await shows(page, true);
    await until(() => page.evaluate("flags.status().level === 0"));
    const before = sent.length;
    await page.evaluate(`flags.updateContext({ email: "ada@elsewhere.example" })`);
    assert.equal(await page.evaluate(`flags.boolean("new-checkout", true)`), false);
    assert.deepEqual(sent.slice(before).filter(({ head }) => /rules|evaluate/.test(head)), [], "another context is no reason to ask");
    await shop.change({ do: "setFallthrough", flag: "new-checkout", serve: { variation: "on" } });
    await shows(page, true);
    assert.equal(await page.evaluate("flags.flush()"), true);
    assert.match(JSON.stringify(sent), /new-checkout/);
    assert.doesNotMatch(JSON.stringify(sent), /ada@/);
    assert.doesNotMatch(String(await page.evaluate("JSON.stringify(localStorage)")), /ada@/);
  } finally {
    close();
  }
});

test("a list in a segment is matched without being in the page", async (profile) => {
  const shop = await place();
  const page = await stage.open(profile, shop, { ...LOCAL, context: { targetingKey: "u9" } });
  await shows(page, true);
  const rules = await (await fetch(`${shop.url}/client/v1/rules/${shop.clientKey}`)).text();
  assert.match(rules, /testers/);
  assert.doesNotMatch(rules, /"u9"/);
  await page.evaluate(`flags.identify("u8")`);
  await shows(page, false);
});

test("where rules are not offered the page goes on with what it has, and says so once", async (profile) => {
  const shop = await place({ clientRules: false });
  const page = await stage.open(profile, shop, { ...LOCAL, options: `${LOCAL.options} defaults: { "new-checkout": true },` });
  await until(() => profile.said.some((line) => line.startsWith("warning: ")));
  await page.evaluate(`flags.refresh({ reason: "again" })`);
  assert.equal(profile.said.filter((line) => line.startsWith("warning: ")).length, 1);
  assert.equal(await page.evaluate(`flags.boolean("new-checkout", false)`), true);
});
