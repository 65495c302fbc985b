/** OpenFeature's own OFREP provider for the web, unchanged: told by server-sent events, from another origin. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { until } from "../serving.js";
import { stage } from "./stage.js";

const PAGE = `
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";

const { baseUrl, key } = JSON.parse(document.getElementById("settings").textContent);
const flags = OpenFeature.getClient();
Object.assign(window, { flags, OpenFeature, changed: [] });
flags.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) => window.changed.push(...flagsChanged));
const provider = new OFREPWebProvider({ baseUrl, headers: [["Authorization", "Bearer " + key]] });
await OpenFeature.setProviderAndWait(provider, { targetingKey: "u1" });
window.ready = true;
`;

/** @type {Promise<string> | null} */
let script = null;
/** The page's program with both packages in it, made once. */
async function bundled() {
  const contents = { contents: PAGE, resolveDir: fileURLToPath(new URL("../..", import.meta.url)) };
  const { outputFiles } = await build({ stdin: contents, bundle: true, format: "esm", write: false });
  return outputFiles[0].text;
}

/**
 * Open a page whose flags come from *place*.
 * @param {import("./chromium.js").Profile} profile
 * @param {import("../serving.js").Environment} place
 */
async function open(profile, place) {
  const text = await (script ??= bundled());
  stage.pages.put("/ofrep.js", (_, response) => void response.writeHead(200, { "Content-Type": "text/javascript" }).end(text));
  const settings = JSON.stringify({ baseUrl: place.url, key: place.clientKey });
  const page = await profile.newPage();
  const asked = /** @type {string[]} */ ([]);
  page.on("request", (request) => void asked.push(request.url()));
  const head = `<!doctype html><script type="application/json" id="settings">${settings}</script>`;
  await page.goto(stage.pages.put(`/ofrep-${place.name}`, `${head}<script type="module" src="/ofrep.js"></script>`));
  await page.waitForFunction("window.ready");
  const on = () => page.evaluate("((found) => found.errorCode ?? found.value)(flags.getBooleanDetails('new-checkout', false))");
  return { page, asked, on };
}

stage.test("OFREP: a flipped flag reaches the page by a notice, without polling", async (profile) => {
  const place = await stage.place();
  const { page, asked, on } = await open(profile, place);
  assert.equal(await on(), true);
  await until(async () => (await stage.server.metric("pennon_streams", { projection: "notify" })) >= 1);
  await place.turnOff("new-checkout");
  await until(async () => (await on()) === false);
  assert(/** @type {string[]} */ (await page.evaluate("changed")).includes("new-checkout"));
  assert(asked.some((url) => url.includes("/ofrep/v1/stream?")), asked.join());
  // What it was told travels with the question (ADR-0008), and is no harm.
  assert(asked.some((url) => url.includes("flagConfigEtag=v")), asked.join());
});

stage.test("OFREP: another context has its own values, over the same stream", async (profile) => {
  const germans = { id: "de", conditions: [{ attribute: "country", op: "in", values: ["DE"] }], serve: { variation: "off" } };
  const place = await stage.place({ rules: [germans] });
  const { page, on } = await open(profile, place);
  assert.equal(await on(), true);
  await page.evaluate("OpenFeature.setContext({ targetingKey: 'u1', country: 'DE' })");
  // It caches by the targeting key alone, and so begins with the values of the context before.
  await until(async () => (await on()) === false);
  await place.put({ key: "new-checkout", critical: true });
  await until(async () => (await on()) === true);
});

stage.test("OFREP: a server that dies and comes back is heard again, and a reload shows what was cached", async (profile) => {
  const { server } = stage;
  const place = await stage.place();
  const { page, on } = await open(profile, place);
  await until(async () => (await server.metric("pennon_streams", { projection: "notify" })) >= 1);
  await server.kill();
  try {
    await until(() => page.evaluate("flags.providerStatus === 'STALE'"));
    assert.equal(await on(), true);
    await page.reload();
    await page.waitForFunction("window.ready");
    assert.equal(await page.evaluate("flags.getBooleanDetails('new-checkout', false).reason"), "CACHED");
  } finally {
    await server.start();
  }
  await place.turnOff("new-checkout");
  // The browser connects by itself, and is sent a notice on connecting.
  await until(async () => (await on()) === false);
});
