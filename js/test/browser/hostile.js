/** What a page survives: strings that are meant to break it, a machine that keeps nothing, a clock that is wrong, servers that are none. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { shows, stage, status } from "./stage.js";

const { test } = stage;
const SCRIPT = `</script><script>window.pwned = true</script>`;
const HOSTILE = [SCRIPT, `<!--<script>`, `]]></style><img src=x onerror="pwned=1">`, "\u2028\u2029\u0001\ufffe", `"};pwned=1;//`, "\\u003c/script\\u003e", "{{7*7}}${pwned=1}"];
const warnings = (/** @type {import("./chromium.js").Profile} */ profile) => profile.said.filter((line) => line.startsWith("warning: "));
const events = (/** @type {string} */ kind) => `heard.filter((each) => each.kind === ${JSON.stringify(kind)}).length`;

/** Put a string flag that serves *value*, under *key*, which may be one that only an import could bring. */
async function putText(/** @type {import("../serving.js").Environment} */ place, /** @type {string} */ key, /** @type {unknown} */ value) {
  const kind = typeof value === "string" ? "string" : "object";
  const definition = { key, kind, clientSide: true, variations: [{ key: SCRIPT, value }] };
  const configuration = { on: true, fallthrough: { variation: SCRIPT }, offVariation: SCRIPT, compat: { vendor: "flagd", dialect: "v3" } };
  await stage.server.api("POST", `${place.path}/imports`, { from: "elsewhere", why: SCRIPT, edits: [{ do: "putFlag", definition, configuration }] });
}

/** Return the script element with what a server would put into the HTML for *context*. */
async function bootstrap(/** @type {import("../serving.js").Environment} */ place, /** @type {object} */ context) {
  const headers = { Authorization: `Bearer ${place.serverKey}`, "Content-Type": "application/json" };
  const answer = await fetch(`${place.url}/client/v1/bootstrap`, { method: "POST", headers, body: JSON.stringify({ context }) });
  return `<script type="application/json" id="pennon-bootstrap">${await answer.text()}</script>`;
}

test("no string in a flag runs as a script, from the bootstrap, the network or the cache", async (profile) => {
  const place = await stage.place();
  // One after the other: a server that is busy refuses imports beyond those that it has room for.
  for (const [at, value] of HOSTILE.entries()) await putText(place, `hostile-${at}`, value);
  await putText(place, SCRIPT, { __proto__: null, "</script>": [SCRIPT] });
  const script = `
    window.read = () => [${HOSTILE.map((_, at) => `flags.string("hostile-${at}", "none")`)}, JSON.stringify(flags.object(${JSON.stringify(SCRIPT).replaceAll("<", "\\u003c")}, {}))];
    window.first = [flags.status().source, read()];
  `;
  const values = [...HOSTILE, JSON.stringify({ "</script>": [SCRIPT] })];
  const page = await stage.open(profile, place, { head: await bootstrap(place, { targetingKey: "u1" }), script });
  const [source, first] = /** @type {any} */ (await page.evaluate("first"));
  assert.equal(source, "bootstrap");
  assert.deepEqual(first, values);
  await until(() => page.evaluate(`flags.status().source === "network"`));
  assert.deepEqual(await page.evaluate("read()"), values);
  await page.route(`${place.url}/**`, (route) => route.abort());
  await page.goto(stage.page(place, { path: "/again", script }));
  const [again, cached] = /** @type {any} */ (await page.evaluate("first"));
  assert.deepEqual([again, cached], ["cache", values]);
  assert.equal(await page.evaluate("typeof pwned"), "undefined");
});

test("keys that every object has are flags like any other, and nobody's prototype", async (profile) => {
  const place = await stage.place();
  for (const key of ["__proto__", "constructor", "toString"]) await putText(place, key, `value of ${key}`);
  await putText(place, "nested", JSON.parse(`{"__proto__": {"polluted": true}}`));
  const script = `window.read = () => ["__proto__", "constructor", "toString", "hasOwnProperty"].map((key) => flags.string(key, "none"));`;
  const page = await stage.open(profile, place, { head: await bootstrap(place, { targetingKey: "u1" }), script });
  const wanted = ["value of __proto__", "value of constructor", "value of toString", "none"];
  assert.deepEqual(await page.evaluate("read()"), wanted);
  await until(() => page.evaluate(`flags.status().source === "network"`));
  assert.deepEqual(await page.evaluate("read()"), wanted);
  assert.equal(await page.evaluate(`flags.object("nested", {}), ({}).polluted`), undefined);
  assert.equal(await page.evaluate(`flags.seen().constructor`), SCRIPT);
  await page.evaluate(`flags.identify("__proto__", JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'))`);
  assert.equal(await page.evaluate("({}).polluted"), undefined);
});

test("a page without any storage, and of no origin, has its flags", async (profile) => {
  const place = await stage.place();
  // A sandbox without an origin: localStorage, locks and cookies throw.
  const page = await stage.open(profile, place, { headers: { "Content-Security-Policy": "sandbox allow-scripts" } });
  await shows(page, true);
  assert.equal(await page.evaluate("origin"), "null");
  await page.waitForFunction("flags.status().level === 0");
  await place.turnOff("new-checkout");
  await shows(page, false);
  assert.deepEqual(profile.said, []);
});

test("a page whose storage is full has its flags, and says so once", async (profile) => {
  const place = await stage.place();
  const page = await profile.newPage();
  await page.goto(stage.pages.put("/fill", "<!doctype html><title>full</title>"));
  await page.evaluate(`for (let size = 2 ** 22, at = 0; size >= 1; at++) try { localStorage.setItem("x" + at, "y".repeat(size)); } catch { size /= 2; }`);
  await page.goto(stage.page(place));
  await shows(page, true);
  await page.waitForFunction("flags.status().level === 0");
  await place.turnOff("new-checkout");
  await shows(page, false);
  assert.equal(warnings(profile).length, 1);
  assert.match(warnings(profile)[0], /room|storage/);
  assert.equal(await page.evaluate(events("warning")), 1);
});

for (const [name, years] of /** @type {const} */ ([["years ahead", 10], ["years behind", -10]])) {
  test(`a page whose clock is ${name} has its flags, from the page, the network and the cache`, async (profile) => {
    await profile.addInitScript(`{ const real = Date.now; Date.now = () => real() + ${years} * 31_536_000_000; }`);
    const place = await stage.place();
    const page = await stage.open(profile, place, { head: await bootstrap(place, { targetingKey: "u1" }), script: `window.first = flags.boolean("new-checkout", false);` });
    assert.equal(await page.evaluate("first"), true);
    await page.waitForFunction("flags.status().level === 0");
    await place.turnOff("new-checkout");
    await shows(page, false);
    const { source, ageS } = await status(page);
    assert.equal(source, "network");
    assert(ageS >= 0 && ageS < 600, `${ageS}`);
    await page.route(`${place.url}/**`, (route) => route.abort());
    await page.goto(stage.page(place, { path: "/again", script: "window.first = [flags.status().source, flags.status().ageS];" }));
    assert.equal(await page.textContent("#shown"), "false");
    const [cached, age] = /** @type {any} */ (await page.evaluate("first"));
    assert.equal(cached, "cache");
    assert(age >= 0 && age < 600, `${age}`);
  });
}

test("a clock that is set back under a page does not stop it", async (profile) => {
  const place = await stage.place();
  const page = await stage.open(profile, place);
  await page.waitForFunction("flags.status().level === 0");
  await page.evaluate(`{ const real = Date.now; Date.now = () => real() - 86_400_000; }`);
  await place.turnOff("new-checkout");
  await shows(page, false);
  assert((await status(page)).ageS >= 0);
});

test("a strict content security policy is kept to", async (profile) => {
  const place = await stage.place();
  const policy = `default-src 'none'; script-src 'nonce-n0' ${stage.pages.url}; connect-src ${place.url}; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
  const html = stage.page(place, { path: "/csp", head: await bootstrap(place, { targetingKey: "u1" }) });
  const answer = await (await fetch(html)).text();
  stage.pages.put("/csp", { html: answer.replace(`<script type="module">`, `<script type="module" nonce="n0">`), headers: { "Content-Security-Policy": policy } });
  const page = await profile.newPage();
  await page.goto(html);
  await shows(page, true);
  // A function: to wait for an expression would need `unsafe-eval`.
  await page.waitForFunction(() => /** @type {any} */ (window).flags.status().level === 0);
  await place.turnOff("new-checkout");
  await shows(page, false);
  assert.deepEqual(profile.said, []);
});
