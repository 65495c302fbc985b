/** The hooks in React itself: in a DOM, on a server, and where one takes over from the other. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Window } from "happy-dom";

const window = new Window();
for (const [name, value] of Object.entries({ window, document: window.document, navigator: window.navigator, IS_REACT_ACT_ENVIRONMENT: true })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
const { act, createElement: h, StrictMode, Suspense } = await import("react");
const { createRoot, hydrateRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
const { PennonProvider, useClient, useEvaluation, useFlag, useFlags, useStatus } = await import("pennon/react");

const FOUND = { variation: "one", reason: "FALLTHROUGH", ruleId: null, flagVersion: 1, errorCode: null, errorMessage: null };
const MISSING = { ...FOUND, variation: null, reason: "ERROR", flagVersion: null, errorCode: "FLAG_NOT_FOUND", errorMessage: "none" };

/** A client whose values the test sets. */
class Client {
  listeners = new Map(["change", "ready", "status"].map((event) => [event, new Set()]));
  asked = [];
  standing = { level: 0, ready: true, source: "network", revision: "1.7", flagsVersion: "v7_1", problem: null, ageS: 1 };
  painted = Promise.withResolvers?.() ?? withResolvers();
  bounds = [];

  constructor(values = {}) {
    this.values = values;
  }
  evaluation(key, fallback) {
    this.asked.push(key);
    return key in this.values ? { ...FOUND, value: this.values[key] } : { ...MISSING, value: fallback };
  }
  on(event, listener) {
    this.listeners.get(event).add(listener);
    return () => this.listeners.get(event).delete(listener);
  }
  say(event, said) {
    for (const listener of [...this.listeners.get(event)]) listener(said);
  }
  put(values) {
    this.values = { ...this.values, ...values };
    this.say("change", { keys: Object.keys(values), revision: "1.8" });
  }
  status() {
    return { ...this.standing };
  }
  firstPaint(bounds) {
    this.bounds.push(bounds);
    return this.painted.promise;
  }
}
function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

let container;
let root;
const complaints = [];
const { error } = console;
beforeEach(() => {
  container = document.body.appendChild(document.createElement("div"));
  complaints.length = 0;
  console.error = (...words) => void complaints.push(words.join(" "));
});
afterEach(async () => {
  if (root) await act(async () => root.unmount());
  root = null;
  document.body.innerHTML = "";
  console.error = error;
  assert.deepEqual(complaints, [], "React has nothing to complain of");
});

const rendered = [];
/** A component that shows one flag, and notes that it was rendered. */
function Shown({ flag, fallback = null, options }) {
  const value = useFlag(flag, fallback, options);
  rendered.push(flag);
  return h("p", { id: flag }, JSON.stringify(value));
}
const shows = (flag) => document.getElementById(flag)?.textContent;
const within = (client, ...children) => h(PennonProvider, { client }, ...children);
async function mount(element) {
  rendered.length = 0;
  root = createRoot(container);
  await act(async () => root.render(element));
}

describe("values", () => {
  test("a component shows a flag's value, and its fallback where there is none or it is of another kind", async () => {
    const shown = [
      ["a", false],
      ["gone", "fallback"],
      ["title", true],
      ["limit", 1],
      ["layout", {}],
      ["untyped", null],
    ];
    const client = new Client({ a: true, title: "text", limit: 7.5, layout: { dense: true }, untyped: "anything" });
    await mount(within(client, ...shown.map(([flag, fallback]) => h(Shown, { key: flag, flag, fallback }))));
    assert.deepEqual(
      shown.map(([flag]) => shows(flag)),
      ["true", '"fallback"', "true", "7.5", '{"dense":true}', '"anything"'],
    );
  });

  test("only who shows a flag that changed is rendered again", async () => {
    const client = new Client({ a: 1, b: 1 });
    await mount(within(client, h(Shown, { key: "a", flag: "a" }), h(Shown, { key: "b", flag: "b" })));
    rendered.length = 0;
    await act(async () => client.put({ a: 2 }));
    assert.deepEqual([shows("a"), rendered.join()], ["2", "a"]);
    await act(async () => client.put({ a: 2, b: 1 }));
    await act(async () => client.say("status"));
    await act(async () => client.say("ready"));
    assert.equal(rendered.join(), "a");
  });

  test("an object that is equal stays the same object", async () => {
    const client = new Client({ layout: { columns: [1, 2] } });
    const found = [];
    function Layout() {
      found.push(useFlag("layout", {}));
      return null;
    }
    await mount(within(client, h(Layout)));
    await act(async () => client.put({ layout: { columns: [1, 2] } }));
    assert.equal(found.length, 1);
    await act(async () => client.put({ layout: { columns: [1] } }));
    assert.deepEqual(found[1], { columns: [1] });
  });

  test("a fallback that is another object each time ends in no circle", async () => {
    const client = new Client();
    function Circle() {
      return h("p", { id: "circle" }, JSON.stringify([useFlag("gone", {}), useEvaluation("gone", []).value, useFlags({ gone: {} })]));
    }
    await mount(within(client, h(Circle)));
    assert.equal(shows("circle"), '[{},[],{"gone":{}}]');
  });

  test("a flag is read once for each change of it, however many show it", async () => {
    const client = new Client({ a: 1, b: 1 });
    const many = Array.from({ length: 20 }, (_, index) => h(Shown, { key: index, flag: "a" }));
    await mount(within(client, ...many));
    assert.deepEqual(client.asked, ["a"]);
    client.asked.length = 0;
    await act(async () => client.put({ a: 2 }));
    assert.deepEqual(client.asked, ["a"]);
    await act(async () => client.put({ b: 2 }));
    assert.deepEqual(client.asked, ["a"]);
  });

  test("what could not be answered is asked again when the client is ready", async () => {
    const client = new Client();
    await mount(within(client, h(Shown, { flag: "a" }), h(Shown, { flag: "gone" })));
    client.values = { a: 1 };
    await act(async () => client.say("ready"));
    assert.deepEqual([shows("a"), shows("gone")], ["1", "null"]);
    client.asked.length = 0;
    await act(async () => client.say("ready"));
    assert.deepEqual(client.asked, ["gone"]);
  });

  test("several flags at once, and who shows them is rendered when one of them changes", async () => {
    const client = new Client({ a: true, limit: 3, other: 1 });
    let times = 0;
    function Several() {
      times++;
      return h("p", { id: "several" }, JSON.stringify(useFlags({ a: false, limit: 1, gone: "none", other: "text" })));
    }
    await mount(within(client, h(Several)));
    assert.equal(shows("several"), '{"a":true,"limit":3,"gone":"none","other":"text"}');
    await act(async () => client.put({ unrelated: 1 }));
    assert.equal(times, 1);
    await act(async () => client.put({ limit: 4 }));
    assert.equal(shows("several"), '{"a":true,"limit":4,"gone":"none","other":"text"}');
    assert.equal(times, 2);
  });

  test("an evaluation says why", async () => {
    const client = new Client({ a: true });
    const found = {};
    function Why() {
      Object.assign(found, { a: useEvaluation("a", false), gone: useEvaluation("gone", "mine") });
      return null;
    }
    await mount(within(client, h(Why)));
    assert.deepEqual(found.a, { ...FOUND, value: true });
    assert.deepEqual(found.gone, { ...MISSING, value: "mine" });
    assert(Object.isFrozen(found.gone));
  });

  test("a flag that a component asks for next is another one", async () => {
    const client = new Client({ a: 1, b: 2 });
    await mount(within(client, h(Shown, { flag: "a" })));
    await act(async () => root.render(within(client, h(Shown, { flag: "b" }))));
    assert.equal(shows("b"), "2");
  });

  test("a client in place of another one brings its values, and the other renders nothing any more", async () => {
    const [first, second] = [new Client({ a: 1 }), new Client({ a: 2 })];
    await mount(within(first, h(Shown, { flag: "a" })));
    await act(async () => root.render(within(second, h(Shown, { flag: "a" }))));
    assert.equal(shows("a"), "2");
    rendered.length = 0;
    await act(async () => first.put({ a: 3 }));
    assert.deepEqual([shows("a"), rendered.length], ["2", 0]);
  });

  test("what changed while nobody showed it is seen by who shows it next, in strict mode too", async () => {
    const client = new Client({ a: 1 });
    await mount(h(StrictMode, null, within(client, h(Shown, { flag: "a" }))));
    await act(async () => root.render(within(client)));
    client.put({ a: 2 });
    await act(async () => root.render(h(StrictMode, null, within(client, h(Shown, { flag: "a" })))));
    assert.equal(shows("a"), "2");
  });

  test("the client and how it stands are at hand", async () => {
    const client = new Client();
    let times = 0;
    const found = {};
    function Standing() {
      times++;
      Object.assign(found, { client: useClient(), status: useStatus() });
      return null;
    }
    await mount(within(client, h(Standing)));
    assert.equal(found.client, client);
    client.standing.ageS = 99;
    await act(async () => client.say("status"));
    assert.equal(times, 1);
    Object.assign(client.standing, { level: 2, problem: "the server could not be reached" });
    await act(async () => client.say("status"));
    assert.deepEqual(found.status, { level: 2, ready: true, source: "network", revision: "1.7", flagsVersion: "v7_1", problem: "the server could not be reached" });
  });

  test("without a provider the mend is said", () => {
    assert.throws(() => renderToString(h(Shown, { flag: "a" })), /<PennonProvider>/);
  });

  test("values of a test's own need no client", async () => {
    await mount(h(PennonProvider, { bootstrap: { flags: { a: { value: true } } } }, h(Shown, { flag: "a", fallback: false })));
    assert.equal(shows("a"), "true");
  });
});

describe("waiting", () => {
  const waiting = (client, props, options) =>
    h(PennonProvider, { client, ...props }, h(Suspense, { fallback: h("i", { id: "waits" }) }, h(Shown, { flag: "a", fallback: "none", options })));
  const unknown = () => Object.assign(new Client(), { standing: { level: 3, ready: false, source: "defaults" } });

  for (const [name, props, options, withinMs] of [
    ["a provider that suspends", { suspend: true }, undefined, 1000],
    ["one that suspends for so long", { suspend: 250 }, undefined, 250],
    ["a hook that suspends", {}, { suspend: true }, 1000],
  ]) {
    test(`${name} shows what is shown while waiting, then the values`, async () => {
      const client = unknown();
      await mount(waiting(client, props, options));
      assert.notEqual(shows("waits"), undefined);
      assert.equal(shows("a"), undefined);
      client.values = { a: "new" };
      client.standing.source = "network";
      await act(async () => client.painted.resolve());
      assert.equal(shows("a"), '"new"');
      assert.deepEqual(client.bounds, [{ withinMs }]);
    });
  }

  test("it waits once: after the bound the fallback is shown, and the values when they come", async () => {
    const client = unknown();
    await mount(waiting(client, { suspend: true }));
    await act(async () => client.painted.resolve());
    assert.equal(shows("a"), '"none"');
    await act(async () => client.put({ a: "late" }));
    assert.equal(shows("a"), '"late"');
    assert.equal(client.bounds.length, 1);
  });

  test("a boundary above the provider is enough", async () => {
    const client = unknown();
    const inside = h(PennonProvider, { client, suspend: true }, h(Shown, { flag: "a", fallback: "none" }));
    await mount(h(Suspense, { fallback: h("i", { id: "waits" }) }, inside));
    assert.notEqual(shows("waits"), undefined);
    await act(async () => client.painted.resolve());
    assert.equal(shows("a"), '"none"');
    assert.equal(client.bounds.length, 1);
  });

  for (const source of ["bootstrap", "cache", "network", "rules"]) {
    test(`values from ${source} are not waited for`, async () => {
      const client = new Client({ a: "here" });
      client.standing = { level: 2, ready: false, source };
      await mount(waiting(client, { suspend: true }));
      assert.equal(shows("a"), '"here"');
      assert.deepEqual(client.bounds, []);
    });
  }

  test("a hook may decline", async () => {
    const client = unknown();
    await mount(waiting(client, { suspend: true }, { suspend: false }));
    assert.equal(shows("a"), '"none"');
  });
});

describe("on a server, and after", () => {
  const BOOTSTRAP = {
    environment: "shop/production",
    revision: "1.7",
    flagsVersion: "v7_1",
    flags: {
      a: { value: "server's", variation: "one", reason: "SPLIT", ruleId: "r1", flagVersion: 5 },
      hostile: { value: "</p><script>alert(1)</script>", variation: "one", reason: "FALLTHROUGH", flagVersion: 1 },
      silent: { variation: null, reason: "OFF", flagVersion: 2 },
      failing: { variation: null, reason: "ERROR", errorCode: "TARGETING_KEY_MISSING" },
    },
  };
  const FLAGS = ["a", "hostile", "silent", "failing", "gone", "constructor"];
  const tree = (props) => h(PennonProvider, props, ...FLAGS.map((flag) => h(Shown, { key: flag, flag, fallback: "none" })));

  for (const [name, bootstrap] of [
    ["an object", BOOTSTRAP],
    ["the text of one", JSON.stringify(BOOTSTRAP)],
  ]) {
    test(`a server renders with a bootstrap that is ${name}`, () => {
      container.innerHTML = renderToString(tree({ bootstrap }));
      assert.deepEqual(FLAGS.map(shows), ['"server\'s"', '"</p><script>alert(1)</script>"', '"none"', '"none"', '"none"', '"none"']);
      assert.equal(document.querySelector("script"), null);
    });
  }

  for (const bootstrap of [null, undefined, "", "<!doctype html>", "7", "null", '{"flags":', '{"flags":null}'])
    test(`a bootstrap that is ${JSON.stringify(bootstrap)} gives the fallbacks`, () => {
      container.innerHTML = renderToString(tree({ bootstrap, suspend: true }));
      assert.deepEqual(new Set(FLAGS.map(shows)), new Set(['"none"']));
    });

  test("what is behind a value is known there, too", () => {
    const found = {};
    function Known() {
      Object.assign(found, { why: useEvaluation("a", null), status: useStatus(), client: useClient(), all: useFlags({ a: "", gone: 1 }) });
      return null;
    }
    renderToString(h(PennonProvider, { bootstrap: BOOTSTRAP }, h(Known)));
    assert.deepEqual([found.why.reason, found.why.ruleId, found.why.flagVersion], ["SPLIT", "r1", 5]);
    assert.deepEqual(found.status, { level: 2, ready: true, source: "bootstrap", revision: "1.7", flagsVersion: "v7_1", problem: null });
    assert.deepEqual([found.client, found.all], [null, { a: "server's", gone: 1 }]);
    renderToString(h(PennonProvider, { bootstrap: null }, h(Known)));
    assert.deepEqual(found.status, { level: 3, ready: false, source: "defaults", revision: null, flagsVersion: null, problem: null });
  });

  for (const where of ["given", "in the page"]) {
    test(`React takes over the server's HTML as it is, and then shows what is new: a bootstrap ${where}`, async () => {
      container.innerHTML = renderToString(tree({ bootstrap: BOOTSTRAP }));
      const before = document.getElementById("a");
      const client = new Client({ a: "network's", hostile: "harmless", silent: "speaks" });
      if (where === "in the page") {
        const element = document.body.appendChild(document.createElement("script"));
        Object.assign(element, { type: "application/json", id: "pennon-bootstrap", textContent: JSON.stringify(BOOTSTRAP) });
      }
      const bootstrap = where === "given" ? BOOTSTRAP : undefined;
      const recovered = [];
      const first = [];
      function First() {
        first.push(useFlag("a", "none"));
        return null;
      }
      await act(async () => {
        const tree = h(PennonProvider, { client, bootstrap, suspend: true }, ...FLAGS.map((flag) => h(Shown, { key: flag, flag, fallback: "none" })), h(First, { key: "first" }));
        root = hydrateRoot(container, tree, { onRecoverableError: (cause) => void recovered.push(String(cause)) });
      });
      assert.deepEqual(recovered, []);
      assert.deepEqual(first, ["server's", "network's"]);
      assert.equal(document.getElementById("a"), before, "the element is the server's");
      assert.equal(shows("a"), '"network\'s"');
      assert.equal(shows("silent"), '"speaks"');
    });
  }
});
