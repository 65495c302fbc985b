/** The life of a page with flags: cold, slow, offline, cut off, and with another user. In Chromium, against a running Pennon. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { shows, stage, status } from "./stage.js";

const { test } = stage;
const WORKER = `
  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener("fetch", (event) => {
    if (new URL(event.request.url).origin !== self.origin) return;
    event.respondWith(caches.open("app").then((cache) => fetch(event.request).then((answer) => {
      cache.put(event.request, answer.clone());
      return answer;
    }, () => cache.match(event.request))));
  });
`;
const GREETING = {
  key: "greeting",
  kind: "string",
  variations: [
    { key: "anybody", value: "hello" },
    { key: "one", value: "hello u1" },
    { key: "two", value: "hello u2" },
  ],
  targets: [
    { attribute: "targetingKey", values: ["u1"], variation: "one" },
    { attribute: "targetingKey", values: ["u2"], variation: "two" },
  ],
};

test("a cold page answers from its defaults, and then with what the server says, by one request", async (profile) => {
  const place = await stage.place();
  const page = await profile.newPage();
  const asked = /** @type {string[]} */ ([]);
  page.on("request", (request) => request.url().startsWith(place.url) && request.method() !== "OPTIONS" && asked.push(new URL(request.url()).pathname));
  await page.goto(stage.page(place, { script: `window.first = [flags.boolean("new-checkout", false), flags.status().source];` }));
  await shows(page, true);
  assert.deepEqual(await page.evaluate("first"), [false, "defaults"]);
  assert.equal(await page.evaluate("flags.whenReady({ timeoutMs: 60000 })"), true);
  assert.equal((await status(page)).source, "network");
  assert.deepEqual(await page.evaluate(`heard.filter(({ kind }) => kind === "change").map(({ event }) => event.keys)`), [["new-checkout"]]);
  await until(() => asked.includes("/ofrep/v1/stream"));
  assert.deepEqual(asked.filter((path) => path.includes("evaluate")), ["/ofrep/v1/evaluate/flags"]);
  assert.deepEqual(profile.said, []);
});

test("a page that is loaded again without a network shows what it knew, and heals when it is online", async (profile) => {
  const place = await stage.place();
  stage.pages.put("/sw.js", (_, response) => response.writeHead(200, { "Content-Type": "text/javascript" }).end(WORKER));
  const page = await stage.open(profile, place, { script: `await navigator.serviceWorker.register("/sw.js");` });
  await shows(page, true);
  await page.waitForFunction("navigator.serviceWorker.controller !== null");
  await page.reload(); // which fills the worker's cache
  await shows(page, true);
  await until(() => page.evaluate(`flags.status().source === "network"`));
  await profile.setOffline(true);
  await page.reload();
  assert.equal(await page.textContent("#shown"), "true");
  assert.equal((await status(page)).source, "cache");
  assert.equal(await page.evaluate("flags.whenReady({ timeoutMs: 50 })"), false);
  await place.turnOff("new-checkout");
  await profile.setOffline(false);
  await shows(page, false);
  assert.equal((await status(page)).source, "network");
});

test("a page outlives its server, and hears it when it is back", async (profile) => {
  const place = await stage.place();
  const page = await stage.open(profile, place);
  await shows(page, true);
  await until(async () => (await status(page)).level === 0);
  await stage.server.kill();
  await until(async () => (await status(page)).level > 0);
  assert.equal(await page.evaluate(`flags.boolean("new-checkout", false)`), true);
  await page.reload();
  await shows(page, true);
  assert.equal((await status(page)).source, "cache");
  await stage.server.start();
  await place.turnOff("new-checkout");
  await page.evaluate(`dispatchEvent(new Event("online"))`); // or the next try, within half a minute
  await shows(page, false);
  await until(async () => (await status(page)).level === 0);
});

test("on a slow network a page is shown within its bound, and the right values come when they come", async (profile) => {
  const place = await stage.place();
  const page = await profile.newPage();
  const wire = await profile.newCDPSession(page);
  let release = () => {};
  const held = new Promise((resolve) => (release = () => resolve(undefined)));
  await page.route(`${place.url}/ofrep/v1/evaluate/**`, (route) => void held.then(() => route.continue()));
  await wire.send("Network.enable");
  await wire.send("Network.emulateNetworkConditions", { offline: false, latency: 100, downloadThroughput: 250_000, uploadThroughput: 30_000 });
  const script = `window.painted = flags.firstPaint({ withinMs: 100 });`;
  await page.goto(stage.page(place, { script }));
  assert.equal((await page.evaluate("painted")).source, "defaults");
  assert.equal(await page.textContent("#shown"), "false");
  release();
  await shows(page, true);
  await page.reload();
  assert.equal((await page.evaluate("painted")).source, "cache");
  assert.equal(await page.textContent("#shown"), "true");
});

test("nobody ever sees another user's values", async (profile) => {
  const place = await stage.place();
  await place.put(GREETING);
  const page = await profile.newPage();
  // What is read in each moment, and whose it should be. It is read very often, and on every event.
  const script = `
    window.user = "u1";
    window.wrong = [];
    const look = () => {
      const seen = flags.string("greeting", "nothing");
      if (!["nothing", "hello", "hello " + window.user].includes(seen)) window.wrong.push([window.user, seen]);
    };
    for (const kind of ["change", "context", "status"]) flags.on(kind, look);
    window.be = (user) => { window.user = user; const done = user ? flags.identify(user) : flags.logout(); look(); return done.then(look); };
    setInterval(look, 1);
  `;
  await page.goto(stage.page(place, { script }));
  await page.waitForFunction(`flags.string("greeting", "") === "hello u1"`);
  // Answers come late, and in another order than they were asked for.
  let late = 200;
  await page.route(`${place.url}/ofrep/v1/evaluate/**`, (route) => void setTimeout(() => route.continue().catch(() => {}), (late -= 60)));
  await page.evaluate(`Promise.all([be("u2"), be("u1"), be("u2")].map((each) => each.catch(() => {})))`);
  await page.waitForFunction(`flags.string("greeting", "") === "hello u2"`);
  await page.unrouteAll({ behavior: "wait" });
  await page.evaluate(`be("")`);
  await page.waitForFunction(`flags.string("greeting", "") === "hello"`);
  assert.deepEqual(await page.evaluate("wrong"), []);
  const kept = await page.evaluate("JSON.stringify(localStorage)");
  assert.doesNotMatch(kept, /hello u2/);
  assert.doesNotMatch(kept, /"u[12]"/);
});

test("the next user of a machine starts from nothing of the last one's", async (profile) => {
  const place = await stage.place();
  await place.put(GREETING);
  const page = await stage.open(profile, place);
  await page.waitForFunction(`flags.string("greeting", "") === "hello u1"`);
  await page.route(`${place.url}/**`, (route) => route.abort());
  await page.goto(stage.page(place, { context: { targetingKey: "u2" }, script: `window.first = flags.string("greeting", "nothing");` }));
  assert.equal(await page.evaluate("first"), "nothing");
  await page.goto(stage.page(place, { context: { targetingKey: "u1" }, script: `window.first = flags.string("greeting", "nothing");` }));
  assert.equal(await page.evaluate("first"), "hello u1");
});

test("a page that comes back from the back/forward cache hears of changes", async (profile) => {
  const place = await stage.place();
  const page = await stage.open(profile, place);
  await shows(page, true);
  await until(async () => (await status(page)).level === 0);
  await page.goto(stage.pages.put("/elsewhere", "<!doctype html><title>elsewhere</title>"));
  await place.turnOff("new-checkout");
  await page.evaluate("history.back()"); // `goBack` waits for a load, and there may be none
  await page.waitForURL(`${stage.pages.url}/`, { waitUntil: "commit" });
  await shows(page, false);
  await until(async () => (await status(page)).level === 0);
  await place.turnOn("new-checkout");
  await shows(page, true);
});

test("a key that is revoked under a page takes nothing from it, and the page is told", async (profile) => {
  const place = await stage.place();
  const page = await stage.open(profile, place);
  await shows(page, true);
  await until(async () => (await status(page)).level === 0);
  const { items } = await stage.server.api("GET", `${place.path}/keys`);
  const { key } = items.find((/** @type {{kind: string}} */ { kind }) => kind === "client");
  await stage.server.api("DELETE", `${place.path}/keys/${key}`);
  await until(() => page.evaluate(`heard.some(({ kind }) => kind === "warning")`));
  await page.evaluate(`flags.refresh({ reason: "again" })`);
  assert.equal(await page.evaluate(`flags.boolean("new-checkout", false)`), true);
  const warnings = profile.said.filter((line) => line.startsWith("warning: "));
  assert.equal(warnings.length, 1, JSON.stringify(warnings));
  assert.match(warnings[0], /key/);
});
