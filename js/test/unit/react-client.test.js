/** The hooks over the browser's own client, of whose wire the test holds the far end. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Window } from "happy-dom";
import { Client } from "pennon/browser";

import { until } from "../serving.js";
import { bootstrapOf, Far, Store } from "./ofrep-far-end.js";

const window = new Window();
for (const [name, value] of Object.entries({ window, document: window.document, navigator: window.navigator, IS_REACT_ACT_ENVIRONMENT: true })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
const { act, createElement: h, Suspense } = await import("react");
const { createRoot, hydrateRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
const { PennonProvider, useClient, useEvaluation, useFlag, useFlags } = await import("pennon/react");

let container;
let root;
let client;
const timers = [];
/** A bound that only the test ends. */
const BOUND_MS = 60_000;
let bound = () => {};
beforeEach(() => {
  container = document.body.appendChild(document.createElement("div"));
});
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  client?.close();
  timers.splice(0).forEach(clearTimeout);
  document.body.innerHTML = "";
});

/** @param {Far} far @param {object} [options] */
function clientOf(far, options = {}) {
  const later = (ms, run) => {
    if (ms === BOUND_MS) bound = run;
    const timer = setTimeout(run, ms);
    timers.push(timer);
    return () => clearTimeout(timer);
  };
  const platform = { fetch: far.fetch, storage: new Store(), later, beacon: () => false, document: undefined, window: undefined };
  client = new Client("http://127.0.0.1:1", { key: "pennon_client_x", start: true, context: { targetingKey: "ada" }, platform, ...options });
  return client;
}
const Greeting = () => h("p", { id: "greeting" }, useFlag("greeting", "nobody"));
const shown = () => document.getElementById("greeting")?.textContent;
async function mount(element) {
  root = createRoot(container);
  await act(async () => root.render(element));
}

test("a change, and another user, are shown when they are in", async () => {
  const far = new Far();
  let found;
  function Whose() {
    found = useClient();
    return null;
  }
  await mount(h(PennonProvider, { client: clientOf(far) }, h(Greeting), h(Whose)));
  assert.equal(shown(), "hello ada");
  const release = far.hold();
  const turning = found.identify("grace");
  await act(async () => {
    release();
    await turning;
  });
  assert.equal(shown(), "hello grace");
  far.flags = () => ({ greeting: { value: "closed", variant: "two", reason: "DISABLED" } });
  far.revision = 2;
  await act(async () => found.refresh());
  assert.equal(shown(), "closed");
});

test("what many components show is counted once for each change of it, and what none shows not at all", async () => {
  const far = new Far();
  const Many = () => h("p", null, useFlag("greeting", ""), String(useFlags({ plain: false }).plain), useEvaluation("limit", 0).value);
  await mount(h(PennonProvider, { client: clientOf(far) }, ...Array.from({ length: 20 }, (_, index) => h(Many, { key: index }))));
  await act(async () => client.flush());
  const counts = () => far.events.flatMap(({ counters }) => counters).filter(({ reason }) => reason !== "ERROR").map(({ flag, count }) => `${flag} ${count}`);
  assert.deepEqual(counts().sort(), ["greeting 1", "limit 1", "plain 1"]);
  assert.deepEqual(client.seen(), { greeting: "one", limit: "one", plain: "on" });
  const { flags } = far;
  far.flags = (context) => ({ ...flags(context), plain: { value: false, variant: "off", reason: "DISABLED" } });
  far.revision = 2;
  await act(async () => client.refresh());
  await act(async () => client.flush());
  assert.equal(counts().filter((line) => line.startsWith("plain")).length, 2);
});

for (const isIn of [true, false]) {
  test(`a component that waits shows ${isIn ? "the first values" : "the fallback when its time is up, and the values later"}`, async () => {
    const far = new Far();
    const release = far.hold();
    const waiting = h(Suspense, { fallback: h("i", { id: "waits" }) }, h(Greeting));
    await mount(h(PennonProvider, { client: clientOf(far), suspend: BOUND_MS }, waiting));
    assert(document.getElementById("waits"));
    if (!isIn) {
      await act(async () => bound());
      await until(async () => (await act(async () => shown())) === "nobody");
    }
    release();
    await until(async () => (await act(async () => shown())) === "hello ada");
    assert.equal(document.getElementById("waits"), null);
  });
}

test("the server's HTML is taken over as it is, and then follows the network", async () => {
  const far = new Far();
  const release = far.hold();
  const bootstrap = bootstrapOf({ greeting: { value: "hello from the server", variation: "one", reason: "SPLIT", flagVersion: 1 } });
  container.innerHTML = renderToString(h(PennonProvider, { bootstrap: JSON.stringify(bootstrap) }, h(Greeting)));
  const before = document.getElementById("greeting");
  const complaints = [];
  const { error } = console;
  console.error = (...words) => void complaints.push(words.join(" "));
  try {
    const tree = h(PennonProvider, { client: clientOf(far, { bootstrap }), bootstrap, suspend: true }, h(Greeting));
    await act(async () => {
      root = hydrateRoot(container, tree, { onRecoverableError: (cause) => void complaints.push(String(cause)) });
    });
    assert.deepEqual([shown(), document.getElementById("greeting") === before], ["hello from the server", true]);
    await act(async () => {
      release();
      await client.whenReady();
      await client.refresh();
    });
    assert.equal(shown(), "hello ada");
    assert.deepEqual(complaints, []);
  } finally {
    console.error = error;
  }
});
