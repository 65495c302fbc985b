/** Pages that evaluate by themselves: rules come, contexts stay. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { relayTo } from "./relay.js";
import { html, shows, stage } from "./stage.js";

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

/** Rules that need each part that local evaluation loads. */
const DEMANDING = [
  { id: "r1", conditions: [{ attribute: "email", op: "matches", values: ["@shop\\.example$"] }], serve: { variation: "on" } },
  { id: "r2", conditions: [{ attribute: "app", op: "versionGreater", values: ["1.9"] }], serve: { variation: "on" } },
  { id: "r3", conditions: [{ op: "inSegment", values: ["testers"] }], serve: { variation: "on" } },
];

/** Open a page that has all from *origin*, as servers hand it out. */
async function handedOut(/** @type {any} */ profile, /** @type {any} */ shop, /** @type {string} */ origin) {
  const page = await profile.newPage();
  const text = html({ url: shop.url, key: shop.clientKey, context: { targetingKey: "u1", app: "1.10" }, ...LOCAL });
  await page.goto(stage.pages.put("/", text.replaceAll('"/client/browser/index.js"', `"${origin}/js/v1/pennon.js"`).replace('"/client/browser/local.js"', `"${origin}/js/v1/pennon-local.js"`)));
  return page;
}

test("what servers hand out loads the parts that rules need, from where it came, and each is the one that it was made with", async (profile) => {
  const shop = await place();
  await shop.put({ key: "new-checkout", critical: true, rules: DEMANDING, fallthrough: { variation: "off" } });
  const page = await handedOut(profile, shop, shop.url);
  await shows(page, true);
  const asked = await page.evaluate(`performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => /js.v1.*-[0-9a-f]{16}/.test(name))`);
  assert.deepEqual([...new Set(asked)].map((name) => /v1.pennon-([a-z]+)-/.exec(name)?.[1]).sort(), ["comparisons", "patterns", "references"]);
  await page.evaluate(`flags.updateContext({ app: "1.1", email: "ada@shop.example" })`);
  assert.equal(await page.evaluate(`flags.evaluation("new-checkout").ruleId`), "r1");
  const other = await page.evaluate(`import(${JSON.stringify(`${shop.url}/js/v1/pennon-local.js`)}).then(({ localRules }) => {
    const more = new Client(${JSON.stringify(shop.url)}, { key: ${JSON.stringify(shop.clientKey)}, context: { targetingKey: "u9" }, rules: localRules() });
    return more.whenReady({ timeoutMs: 60000 }).then(() => more.evaluation("new-checkout").ruleId);
  })`);
  assert.equal(other, "r3", "a second client finds them loaded");
});

test("a part that is not the one that it was made with does not run, and the page goes on without these rules", async (profile) => {
  const shop = await place();
  await shop.put({ key: "new-checkout", critical: true, rules: DEMANDING, fallthrough: { variation: "off" } });
  const local = await (await fetch(`${shop.url}/js/v1/pennon-local.js`)).text();
  const kind = { "Content-Type": "text/javascript" };
  stage.pages.put("/js/v1/pennon-local.js", (_, response) => response.writeHead(200, kind).end(local));
  for (const [name] of local.matchAll(/pennon-[a-z]+-[0-9a-f]{16}\.js/g)) {
    stage.pages.put(`/js/v1/${name}`, (_, response) => response.writeHead(200, kind).end("window.pwned = true; export const PATTERNS = {};"));
  }
  stage.pages.put("/js/v1/pennon.js", async (_, response) => response.writeHead(200, kind).end(await (await fetch(`${shop.url}/js/v1/pennon.js`)).text()));
  const page = await handedOut(profile, shop, stage.pages.url);
  await until(() => profile.said.some((line) => /warning: .*a part of pennon/.test(line)));
  assert.deepEqual(await page.evaluate(`[typeof pwned, flags.status().source, flags.boolean("new-checkout", false)]`), ["undefined", "defaults", false]);
});
