/** The React Native adapters, with a storage, an application state, a network and an XMLHttpRequest of the test's own. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { nativePlatform, preloaded } from "pennon/react/native";

import { until } from "../serving.js";

class AsyncStorage {
  constructor(items = {}) {
    this.items = new Map(Object.entries(items));
    this.log = [];
  }
  async getAllKeys() {
    return [...this.items.keys()];
  }
  async getItem(key) {
    this.log.push(["read", key]);
    return this.items.get(key) ?? null;
  }
  async setItem(key, value) {
    await new Promise((resolve) => setImmediate(resolve));
    this.log.push(["wrote", key, value]);
    this.items.set(key, value);
  }
  async removeItem(key) {
    this.log.push(["removed", key]);
    this.items.delete(key);
  }
}

describe("storage", () => {
  test("what is the client's is there at once, and nothing else is read", async () => {
    const stored = new AsyncStorage({ "pennon.1.x": "values", "another-library": "secret" });
    const storage = await preloaded(stored);
    assert.equal(storage.getItem("pennon.1.x"), "values");
    assert.equal(storage.getItem("pennon.2.x"), null);
    assert.deepEqual(stored.log, [["read", "pennon.1.x"]]);
  });

  test("what is written is read at once, and arrives in order", async () => {
    const stored = new AsyncStorage({ "pennon.a": "old" });
    const storage = await preloaded(stored);
    storage.setItem("pennon.a", "1");
    storage.setItem("pennon.a", "2");
    storage.removeItem("pennon.b");
    storage.setItem("pennon.b", "3");
    assert.equal(storage.getItem("pennon.a"), "2");
    await storage.settled();
    assert.deepEqual(Object.fromEntries(stored.items), { "pennon.a": "2", "pennon.b": "3" });
    storage.removeItem("pennon.a");
    assert.equal(storage.getItem("pennon.a"), null);
    await storage.settled();
    assert(!stored.items.has("pennon.a"));
  });

  for (const [name, broken] of [
    ["cannot be listed", { getAllKeys: () => Promise.reject(new Error("locked")) }],
    ["throws at once", { getAllKeys: () => { throw new Error("no native module"); } }],
    ["cannot be read", { getItem: () => Promise.reject(new Error("corrupt")) }],
    ["gives what is no text", { getItem: async () => 7 }],
  ]) {
    test(`a storage that ${name} is an empty one, and takes what is written`, async () => {
      const stored = Object.assign(new AsyncStorage({ "pennon.a": "old" }), broken);
      const storage = await preloaded(stored);
      assert.equal(storage.getItem("pennon.a"), null);
      storage.setItem("pennon.a", "new");
      await storage.settled();
      assert.equal(stored.items.get("pennon.a"), "new");
    });
  }

  test("a write that fails harms no other", async () => {
    const stored = new AsyncStorage();
    stored.setItem = async (key, value) => {
      if (value === "big") throw new Error("full");
      stored.items.set(key, value);
    };
    const storage = await preloaded(stored);
    storage.setItem("pennon.a", "big");
    storage.setItem("pennon.b", "small");
    await storage.settled();
    assert.deepEqual(Object.fromEntries(stored.items), { "pennon.b": "small" });
    assert.equal(storage.getItem("pennon.a"), "big");
  });

  test("a storage that hangs keeps nobody, and what it says later is no later news", async () => {
    let answer = (_keys) => {};
    const stored = new AsyncStorage({ "pennon.a": "old", "pennon.b": "kept" });
    stored.getAllKeys = () => new Promise((resolve) => (answer = resolve));
    const storage = await preloaded(stored, { withinMs: 1 });
    assert.equal(storage.getItem("pennon.a"), null);
    storage.setItem("pennon.a", "new");
    answer(["pennon.a", "pennon.b"]);
    await until(() => storage.getItem("pennon.b") === "kept");
    assert.equal(storage.getItem("pennon.a"), "new");
  });
});

describe("the application's state and network", () => {
  function machine(currentState = "active") {
    const listeners = new Set();
    const network = new Set();
    const AppState = {
      currentState,
      addEventListener: (_event, listener) => (listeners.add(listener), { remove: () => listeners.delete(listener) }),
    };
    const NetInfo = { addEventListener: (listener) => (network.add(listener), () => network.delete(listener)) };
    const tell = (targets, said) => targets.forEach((listener) => listener(said));
    return { AppState, NetInfo, become: (state) => tell(listeners, state), connect: (isConnected) => tell(network, { isConnected }), listeners, network };
  }
  const heardOf = (target, ...types) => {
    const heard = [];
    for (const type of types) target.addEventListener(type, (event) => void heard.push(event.type));
    return heard;
  };

  test("the background is hidden, and a call that comes in is not", async () => {
    const { AppState, become } = machine();
    const { document } = await nativePlatform({ AppState });
    const heard = heardOf(document, "visibilitychange");
    assert.equal(document.visibilityState, "visible");
    become("inactive");
    assert.deepEqual([document.visibilityState, heard.length], ["visible", 0]);
    become("background");
    assert.deepEqual([document.visibilityState, heard.length], ["hidden", 1]);
    become("active");
    assert.deepEqual([document.visibilityState, heard.length], ["visible", 2]);
    assert.equal(document.getElementById("pennon-bootstrap"), null);
  });

  test("an application that starts in the background is hidden", async () => {
    assert.equal((await nativePlatform(machine("background"))).document.visibilityState, "hidden");
  });

  test("the network is online again when it was gone, and unknown is not gone", async () => {
    const { NetInfo, connect } = machine();
    const { window } = await nativePlatform({ NetInfo });
    const heard = heardOf(window, "online", "offline");
    for (const state of [true, null, false, false, true]) connect(state);
    assert.deepEqual(heard, ["offline", "online"]);
  });

  test("closing lets go of both, and so does whoever listens", async () => {
    const made = machine();
    const platform = await nativePlatform(made);
    assert.deepEqual([made.listeners.size, made.network.size], [1, 1]);
    const heard = [];
    const listener = () => void heard.push("heard");
    const ending = new AbortController();
    platform.document.addEventListener("visibilitychange", listener);
    platform.document.addEventListener("visibilitychange", () => listener(), { signal: ending.signal });
    platform.document.removeEventListener("visibilitychange", listener);
    ending.abort();
    made.become("background");
    assert.deepEqual(heard, []);
    platform.close();
    assert.deepEqual([made.listeners.size, made.network.size], [0, 0]);
  });

  test("nothing at all is a platform too", async () => {
    const platform = await nativePlatform({});
    assert.deepEqual([platform.storage, platform.document.visibilityState, platform.beacon("", new Uint8Array())], [null, "visible", false]);
    assert.equal(platform.EventSource, undefined);
    platform.close();
  });
});

describe("the stream", () => {
  /** @type {Request[]} */
  let made = [];
  class Request {
    readyState = 0;
    status = 0;
    responseText = "";
    headers = {};
    isAborted = false;
    constructor() {
      made.push(this);
    }
    open(method, url) {
      Object.assign(this, { method, url });
    }
    setRequestHeader(name, value) {
      this.headers[name] = value;
    }
    getResponseHeader() {
      return this.type;
    }
    send() {}
    abort() {
      this.isAborted = true;
    }
    answer(status, type = "text/event-stream; charset=utf-8") {
      Object.assign(this, { readyState: 2, status, type }).onreadystatechange();
    }
    say(text) {
      Object.assign(this, { readyState: 3, responseText: this.responseText + text }).onreadystatechange();
    }
    end() {
      Object.assign(this, { readyState: 4 }).onreadystatechange();
    }
  }
  async function opened() {
    made = [];
    const { EventSource } = await nativePlatform({ XMLHttpRequest: Request });
    const stream = new EventSource("http://127.0.0.1/stream");
    const heard = [];
    stream.onopen = () => void heard.push("open");
    stream.onmessage = ({ data }) => void heard.push(data);
    stream.onerror = () => void heard.push(`error ${stream.readyState}`);
    return { stream, heard };
  }

  test("messages arrive whole, in whatever pieces they come", async () => {
    const { stream, heard } = await opened();
    const [request] = made;
    assert.deepEqual([request.method, request.url, request.headers.Accept], ["GET", "http://127.0.0.1/stream", "text/event-stream"]);
    request.answer(200);
    for (const piece of ["retry: 50\n\n:\n\nid: v1\nda", 'ta: {"a":', "1}\n", "\ndata: b\n\nevent: other\ndata: c\n\ndata: cut"]) request.say(piece);
    assert.deepEqual(heard, ["open", '{"a":1}', "b"]);
    assert.equal(stream.readyState, 1);
    stream.close();
    assert(request.isAborted);
    request.say("\n\n");
    assert.deepEqual(heard.length, 3);
  });

  test("one that ends comes back from where it was, after as long as it was told", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { stream, heard } = await opened();
    made[0].answer(200);
    made[0].say("retry: 1234\nid: v7\ndata: a\n\n");
    made[0].end();
    assert.deepEqual(heard, ["open", "a", "error 0"]);
    t.mock.timers.tick(1233);
    assert.equal(made.length, 1);
    t.mock.timers.tick(1);
    assert.equal(made[1].headers["Last-Event-ID"], "v7");
    made[1].answer(200);
    assert.deepEqual(heard.slice(3), ["open"]);
    stream.close();
    t.mock.timers.tick(1_000_000);
    assert.equal(made.length, 2);
  });

  test("no connection is tried again", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { stream, heard } = await opened();
    made[0].end();
    assert.deepEqual(heard, ["error 0"]);
    t.mock.timers.tick(3000);
    assert.equal(made.length, 2);
    stream.close();
  });

  for (const [status, type] of [
    [403, "application/problem+json"],
    [200, "text/html"],
    [204, null],
  ]) {
    test(`a refusal (${status}, ${type}) is for good`, async (t) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const { heard } = await opened();
      made[0].answer(status, type);
      made[0].end();
      assert.deepEqual(heard, ["error 2"]);
      t.mock.timers.tick(1_000_000);
      assert.equal(made.length, 1);
    });
  }

  test("silence is a connection that is lost, and a heartbeat is no silence", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { stream, heard } = await opened();
    made[0].answer(200);
    for (let beat = 0; beat < 4; beat++) {
      t.mock.timers.tick(60_000);
      made[0].say(":\n\n");
    }
    assert.deepEqual(heard, ["open"]);
    t.mock.timers.tick(90_000);
    assert.deepEqual(heard, ["open", "error 0"]);
    assert(made[0].isAborted);
    stream.close();
  });

  test("an answer that has grown long is asked for anew, and nobody hears of it but by its opening", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { stream, heard } = await opened();
    made[0].answer(200);
    made[0].say(`id: v1\ndata: ${"x".repeat(300_000)}\n\n`);
    assert(made[0].isAborted);
    t.mock.timers.tick(0);
    assert.equal(made[1].headers["Last-Event-ID"], "v1");
    assert.equal(heard.length, 2);
    stream.close();
  });
});

