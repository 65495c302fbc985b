/** OpenFeature's own OFREP provider for the web, unchanged, in a browser: told by server-sent events, from another origin. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

import { servePages } from "../pages.js";
import { serve, until } from "../serving.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = !existsSync(CHROMIUM) && !process.env.CI && `there is no ${CHROMIUM}`;

const PAGE = `
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";

const { baseUrl, key } = JSON.parse(document.getElementById("settings").textContent);
const flags = OpenFeature.getClient();
window.flags = flags;
window.OpenFeature = OpenFeature;
window.changed = [];
flags.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) => window.changed.push(...flagsChanged));
const provider = new OFREPWebProvider({ baseUrl, headers: [["Authorization", "Bearer " + key]] });
await OpenFeature.setProviderAndWait(provider, { targetingKey: "u1" });
window.ready = true;
`;

/** @type {import("../serving.js").Serving} */
let server;
/** @type {import("../pages.js").Pages} */
let pages;
/** @type {import("playwright-core").Browser} */
let browser;
let script = "";

before(async () => {
  if (skip) return;
  const contents = { contents: PAGE, resolveDir: fileURLToPath(new URL("../..", import.meta.url)) };
  const built = await build({ stdin: contents, bundle: true, format: "esm", write: false });
  script = built.outputFiles[0].text;
  [server, pages, browser] = await Promise.all([serve(), servePages(), chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] })]);
  pages.put("/page.js", (_, response) => void response.writeHead(200, { "Content-Type": "text/javascript" }).end(script));
});
after(async () => {
  await Promise.all([browser?.close(), pages?.close()]);
  await server?.close();
});

/** Open a page whose flags come from *place* by its client key. */
async function open(place, context) {
  const settings = JSON.stringify({ baseUrl: place.url, key: place.clientKey });
  const html = `<!doctype html><script type="application/json" id="settings">${settings}</script><script type="module" src="/page.js"></script>`;
  const page = await (context ?? (await browser.newContext())).newPage();
  const asked = [];
  page.on("request", (request) => void asked.push(request.url()));
  await page.goto(pages.put(`/${place.name}`, html));
  await page.waitForFunction("window.ready");
  const on = (flag) => page.evaluate((key) => ((found) => found.errorCode ?? found.value)(window.flags.getBooleanDetails(key, false)), flag);
  return { page, asked, on };
}

test("a flipped flag reaches the page by a notice, without polling", { skip }, async () => {
  const place = await server.environment("noticed");
  await place.put({ key: "checkout", critical: true });
  const { page, asked, on } = await open(place);
  assert.equal(await on("checkout"), true);
  await until(() => asked.some((url) => url.includes("/ofrep/v1/stream?")));
  await until(async () => (await server.metric("pennon_streams", { projection: "notify" })) >= 1);
  await place.turnOff("checkout");
  await until(async () => (await on("checkout")) === false);
  assert((await page.evaluate("window.changed")).includes("checkout"));
  // What it was told travels with the question (ADR-0008), and is no harm.
  assert(asked.some((url) => url.includes("flagConfigEtag=v")), asked.join());
  await page.close();
});

test("another context has its own values, over the same stream", { skip }, async () => {
  const place = await server.environment("contexts");
  const germans = { id: "de", conditions: [{ attribute: "country", op: "in", values: ["DE"] }], serve: { variation: "off" } };
  await place.put({ key: "checkout", critical: true, rules: [germans] });
  const { page, on } = await open(place);
  assert.equal(await on("checkout"), true);
  await page.evaluate(() => window.OpenFeature.setContext({ targetingKey: "u1", country: "DE" }));
  assert.equal(await on("checkout"), false);
  await place.put({ key: "checkout", critical: true });
  await until(async () => (await on("checkout")) === true);
  await page.close();
});

test("a server that dies and comes back is heard again, and a reload shows what was cached", { skip }, async () => {
  const own = await serve();
  try {
    await own.put({ key: "checkout", critical: true });
    const context = await browser.newContext();
    const { page, on } = await open(own, context);
    await until(async () => (await own.metric("pennon_streams", { projection: "notify" })) === 1);
    await own.kill();
    await until(() => page.evaluate("window.flags.providerStatus === 'STALE'"));
    assert.equal(await on("checkout"), true);
    await page.reload();
    await page.waitForFunction("window.ready");
    assert.equal(await page.evaluate("window.flags.getBooleanDetails('checkout', false).reason"), "CACHED");
    await own.start();
    await own.turnOff("checkout");
    // The browser connects by itself, and is sent a notice on connecting.
    await until(async () => (await on("checkout")) === false);
  } finally {
    await own.close();
  }
});
