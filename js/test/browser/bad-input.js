/** Answers that are none: the page goes on with what it has, says once what to mend, and tells the app. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { shows, stage, status } from "./stage.js";

const { test } = stage;
const BOOTSTRAP = {
  environment: "default/production",
  revision: "1.1",
  flagsVersion: "v1_00000000",
  ttl: 300,
  flags: { "new-checkout": { variation: "on", reason: "FALLTHROUGH", value: true, flagVersion: 1 } },
  age: 0,
};
const warnings = (/** @type {import("./chromium.js").Profile} */ profile) => profile.said.filter((line) => line.startsWith("warning: "));

/** A page that has values from its HTML, and a server at *url* that answers as it should not. */
async function troubled(/** @type {import("./chromium.js").Profile} */ profile, /** @type {import("./stage.js").Parts} */ parts) {
  const head = `<script type="application/json" id="pennon-bootstrap">${JSON.stringify({ ...BOOTSTRAP, at: Date.now() - 3_600_000 })}</script>`;
  const page = await stage.open(profile, stage.server, { head, ...parts });
  // The same page with another server.
  await page.evaluate(`window.meet = (url, key) => {
    flags.close();
    heard.length = 0;
    window.flags = new Client(url, { key, context: { targetingKey: "u1" } });
    flags.on("warning", (event) => heard.push({ kind: "warning", event }));
  }`);
  return page;
}

/** Have *page* use another server and key. */
async function meet(/** @type {import("playwright-core").Page} */ page, /** @type {import("./chromium.js").Profile} */ profile, /** @type {string[]} */ ...[url, key]) {
  profile.said.length = 0;
  await page.evaluate(`meet(${JSON.stringify(url)}, ${JSON.stringify(key)})`);
}

/** Check that the page has its values, and that there was one warning, which matches *mend*, however often it asks. */
async function goesOn(/** @type {import("playwright-core").Page} */ page, /** @type {import("./chromium.js").Profile} */ profile, /** @type {RegExp} */ mend) {
  await until(() => warnings(profile).length > 0);
  for (let again = 0; again < 3; again++) await page.evaluate(`flags.refresh({ reason: "again" }).catch(() => {})`);
  assert.equal(await page.textContent("#shown"), "true");
  assert.equal(await page.evaluate(`flags.boolean("new-checkout", false)`), true);
  assert.equal(warnings(profile).length, 1, JSON.stringify(warnings(profile)));
  assert.match(warnings(profile)[0], mend);
  assert.equal(await page.evaluate(`heard.filter(({ kind }) => kind === "warning").length`), 1);
  assert.deepEqual(profile.said.filter((line) => line.startsWith("uncaught")), []);
  assert((await status(page)).problem, "the status names no problem");
}

const ANSWERS = /** @type {const} */ ({
  "an HTML page": ["text/html", "<!doctype html><title>Sign in</title>", /JSON/],
  "half a JSON": ["application/json", `{"flags": [{"key": "new-checkout", "val`, /JSON/],
  "JSON of another shape": ["application/json", `{"flags": 5}`, /./],
  "a JSON that is no object": ["application/json", "null", /./],
  "nothing at all": ["application/json", "", /JSON/],
});
test("servers that answer, with 200, what is no answer", async (profile) => {
  const asked = /** @type {Record<string, number>} */ ({});
  for (const [what, [type, body]] of Object.entries(ANSWERS)) {
    stage.pages.put(`/${what}/ofrep/v1/evaluate/flags`, (request, response) => {
      asked[what] = (asked[what] ?? 0) + 1;
      response.writeHead(200, { "Content-Type": type, "Access-Control-Allow-Headers": "*", ETag: '"1"' }).end(body);
    });
  }
  const url = (/** @type {string} */ what) => `${stage.pages.url}/${encodeURIComponent(what)}`;
  const page = await troubled(profile, { url: url("an HTML page") });
  for (const [what, [, , mend]] of Object.entries(ANSWERS)) {
    if (what !== "an HTML page") await meet(page, profile, url(what), "any");
    await goesOn(page, profile, mend);
    assert(asked[what] >= 4, what);
  }
});

test("keys that do not work in this page, and an address where nobody answers", async (profile) => {
  const { url, serverKey } = stage.server;
  const elsewhere = await stage.server.key("client", { origins: ["https://shop.example"] });
  const page = await troubled(profile, { url, key: elsewhere });
  await goesOn(page, profile, /origin/);
  await meet(page, profile, url, "pennon_client_unknown");
  await goesOn(page, profile, /key/);
  await meet(page, profile, url, serverKey);
  await goesOn(page, profile, /secret .*leaked.* client key/);
  await meet(page, profile, "http://127.0.0.1:9", "any");
  await goesOn(page, profile, /unreachable/);
});

test("rules of a newer protocol than the page knows", async (profile) => {
  const snapshot = { spec: 2, environment: "default/production", epoch: 1, revision: 5, flags: { "new-checkout": { brave: "new" } }, ttl: 300 };
  const answer = (/** @type {any} */ request, /** @type {any} */ response) =>
    response.writeHead(200, { "Content-Type": "application/json", "Access-Control-Allow-Headers": "*" }).end(request.method === "OPTIONS" ? "" : JSON.stringify(snapshot));
  stage.pages.put("/newer/client/v1/rules/key", answer);
  const parts = { url: `${stage.pages.url}/newer`, key: "key", imports: `import { localRules } from "/client/browser/local.js";`, options: "rules: localRules()" };
  await goesOn(await troubled(profile, parts), profile, /spec|protocol|newer/);
});

test("a page whose server was wrong for a while is well as soon as the server is", async (profile) => {
  let isWell = false;
  const bulk = { flags: [{ key: "new-checkout", value: false, variant: "off", reason: "DISABLED", metadata: { flagVersion: 2, revision: "1.2" } }], metadata: { revision: "1.2", flagsVersion: "v2_0", ttl: 300 } };
  stage.pages.put("/ill/ofrep/v1/evaluate/flags", (_, response) => {
    response.writeHead(200, { "Content-Type": "application/json", "Access-Control-Allow-Headers": "*" }).end(isWell ? JSON.stringify(bulk) : "<html>");
  });
  const page = await troubled(profile, { url: `${stage.pages.url}/ill` });
  await until(() => warnings(profile).length === 1);
  isWell = true;
  await page.evaluate(`flags.refresh({ reason: "again" })`);
  await shows(page, false);
  assert.equal((await status(page)).problem, null);
});
