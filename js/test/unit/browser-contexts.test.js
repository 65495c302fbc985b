/** Contexts of the browser's client: who is asked for, who is anonymous, what is kept of whom. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Browser, FarEnd, flag, open, opened, settled } from "./browser-page.js";

const asked = (/** @type {FarEnd} */ far) => far.asked.map(({ body }) => body.context);

describe("another context", () => {
  test("has the old values until the new ones are in", async () => {
    const { flags, told } = await opened();
    const done = flags.updateContext({ plan: "premium" });
    assert.equal(flags.string("theme", ""), "free");
    assert.equal(await done, true);
    assert.equal(flags.string("theme", ""), "premium");
    assert.deepEqual(told("context"), [{ context: { targetingKey: "u1", plan: "premium" } }]);
    assert.equal(await flags.updateContext({ plan: null }), true);
    assert.deepEqual(flags.context, { targetingKey: "u1" });
    assert.equal(flags.string("theme", ""), "free");
    flags.close();
  });

  test("drops the answer for the one before, however late it comes", async () => {
    const far = new FarEnd();
    const { flags } = await opened({ far });
    const late = /** @type {(() => void)[]} */ ([]);
    far.instead = (question) => new Promise((resolve) => late.push(() => resolve(far.bulk(question))));
    const first = flags.updateContext({ plan: "premium" });
    const second = flags.updateContext({ plan: "gold" });
    await settled();
    late[0]();
    await settled();
    assert.equal(flags.string("theme", ""), "free");
    late[1]();
    assert.deepEqual(await Promise.all([first, second]), [true, true], "who asked before is told when the newer one is in");
    assert.equal(flags.string("theme", ""), "gold");
    flags.updateContext({ plan: "silver" });
    assert.equal(await Promise.race([flags.updateContext({ plan: null }).then(() => settled()).then(() => "asked"), settled()]), undefined);
    late[3]();
    await settled();
    late[2]();
    await settled();
    assert.equal(flags.string("theme", ""), "free");
    flags.close();
  });

  test("that is there and back again needs no question", async () => {
    const { flags, far } = await opened();
    far.instead = () => new Promise(() => {});
    flags.updateContext({ plan: "premium" });
    assert.equal(await flags.updateContext({ plan: null }), true);
    assert.equal(flags.string("theme", ""), "free");
    flags.close();
  });

  test("that is none is said so, and the one before stays", async () => {
    const { flags, page, told } = await opened();
    const circle = /** @type {any} */ ({});
    circle.circle = circle;
    assert.equal(await flags.updateContext(circle), false);
    assert.deepEqual(flags.context, { targetingKey: "u1" });
    assert.equal(page.warned.length, 1);
    await settled();
    assert.equal(told("warning")[0].cause, "context");
    flags.close();
  });

  test("is not changed by who gave it", async () => {
    const context = { targetingKey: "u1", tags: ["a"] };
    const { flags, far } = await opened({ context });
    context.tags.push("b");
    await flags.refresh();
    assert.deepEqual(asked(far).at(-1), { targetingKey: "u1", tags: ["a"] });
    flags.close();
  });
});

describe("users", () => {
  test("who are anonymous have one key, on each visit", async () => {
    const browser = new Browser();
    const far = new FarEnd();
    (await opened({ browser, far, context: {} })).flags.close();
    const again = await opened({ browser, far, context: { plan: "free" } });
    const [first, second] = asked(far);
    assert.match(first.targetingKey, /^[0-9a-z]{10,}$/);
    assert.equal(second.targetingKey, first.targetingKey);
    assert.deepEqual(again.flags.context, { plan: "free" });
    again.flags.close();
  });

  test("who sign in keep the values that they saw until theirs are in", async () => {
    const { flags, far } = await opened({ context: {} });
    const before = flags.string("who", "");
    const done = flags.identify("u2", { plan: "gold" });
    assert.equal(flags.string("who", ""), before);
    await done;
    assert.equal(flags.string("who", ""), "u2");
    assert.deepEqual(asked(far).at(-1), { plan: "gold", targetingKey: "u2" });
    flags.close();
  });

  test("who sign in can go on being bucketed as before", async () => {
    const { flags, far } = await opened({ context: {} });
    const [{ targetingKey }] = asked(far);
    await flags.identify("u2", { plan: "gold" }, { keepBucketing: true });
    assert.deepEqual(asked(far).at(-1), { plan: "gold", userKey: "u2", targetingKey });
    await flags.updateContext({ plan: "free" });
    assert.deepEqual(asked(far).at(-1), { plan: "free", userKey: "u2", targetingKey });
    flags.close();
    const later = await opened({ far, browser: new Browser(), context: { targetingKey: "u2" }, keepBucketing: true });
    assert.equal(asked(far).at(-1).userKey, "u2");
    later.flags.close();
  });

  test("who follow another user never see that one's values", async () => {
    const far = new FarEnd();
    const { flags, told } = await opened({ far });
    assert.equal(flags.string("who", ""), "u1");
    far.instead = () => Promise.reject(new TypeError("gone"));
    assert.equal(await flags.identify("u2"), false);
    assert.equal(flags.string("who", "nobody"), "nobody");
    assert.deepEqual([flags.status().source, flags.status().ready], ["defaults", false]);
    assert.deepEqual(told("change").at(-1), { keys: ["theme", "who"], revision: null });
    assert.deepEqual(flags.seen(), {});
    far.instead = null;
    assert.equal(await flags.refresh(), true);
    assert.equal(flags.string("who", "nobody"), "u2");
    flags.close();
  });

  test("who come back have what was kept of them at once", async () => {
    const { flags } = await opened();
    await flags.identify("u2");
    const done = flags.identify("u1");
    assert.deepEqual([flags.string("who", ""), flags.status().source], ["u1", "cache"]);
    await done;
    assert.equal(flags.status().source, "network");
    flags.close();
  });

  test("who sign out are forgotten in the browser", async () => {
    const { flags, browser, far } = await opened();
    assert.match(browser.store.text, /"u1|u1\\/);
    await flags.logout();
    assert.notEqual(flags.string("who", ""), "u1");
    assert.deepEqual(flags.context, {});
    assert.doesNotMatch(browser.store.text, /"u1|u1\\/);
    assert.notEqual(asked(far).at(-1).targetingKey, "u1");
    flags.close();
  });
});

describe("what is kept", () => {
  test("does not name whose it is", async () => {
    const far = new FarEnd();
    far.flags = () => ({ theme: flag("dark") });
    const { flags, browser } = await opened({ far, context: { targetingKey: "zoe@shop.example", plan: "gold" } });
    assert.match(browser.store.text, /dark/);
    assert.doesNotMatch(browser.store.text, /zoe|gold/);
    flags.close();
  });

  test("is of five contexts, and those are the latest", async () => {
    const { flags, browser } = await opened();
    for (const user of ["u2", "u3", "u4", "u5", "u6", "u7"]) await flags.identify(user);
    flags.close();
    const shown = ["u1", "u2", "u3", "u4", "u5", "u6", "u7"].map((targetingKey) => {
      const tab = open({ browser, context: { targetingKey } });
      tab.flags.close();
      return tab.flags.string("who", "-");
    });
    assert.deepEqual(shown, ["-", "-", "u3", "u4", "u5", "u6", "u7"]);
  });

  test("is nothing where there is no consent, until there is", async () => {
    const { flags, browser } = await opened({ context: {}, consent: false });
    flags.string("theme", "");
    assert.equal(browser.store.items.size, 0);
    const [{ targetingKey }] = [flags.evaluation("who")].map(({ value }) => ({ targetingKey: value }));
    flags.setConsent(true);
    assert.match(browser.store.text, /free/);
    flags.close();
    const again = open({ browser, context: {} });
    assert.equal(again.flags.string("who", ""), targetingKey);
    again.flags.setConsent(false);
    assert.equal(browser.store.items.size, 0);
    await settled();
    assert.equal(browser.store.items.size, 0);
    again.flags.close();
  });

  test("is not what is private", async () => {
    const far = new FarEnd();
    const options = { far, privateAttributes: ["email"], context: { targetingKey: "u1", email: "zoe@shop.example" } };
    const { flags, browser } = await opened(options);
    assert.equal(asked(far)[0].email, "zoe@shop.example", "the server evaluates by it");
    assert.doesNotMatch(browser.store.text, /zoe/);
    assert.equal(await flags.updateContext({ email: "mia@shop.example" }), true);
    assert.equal(asked(far).at(-1).email, "mia@shop.example");
    assert.doesNotMatch(browser.store.text, /mia/);
    flags.close();
    const again = open({ ...options, browser });
    assert.equal(again.flags.status().source, "cache");
    again.flags.close();
  });

  test("is left alone where somebody else has been at it", async () => {
    for (const text of ["", "{", "null", "5", "[5, null, {}]", '{"body": 5}', '[{"name": 1}]', '"text"']) {
      const browser = new Browser();
      const before = await opened({ browser });
      before.flags.close();
      for (const name of browser.store.items.keys()) browser.store.items.set(name, text);
      const { flags, page } = open({ browser });
      assert.deepEqual([flags.string("theme", "none"), flags.status().source], ["none", "defaults"], text);
      await settled();
      assert.deepEqual([flags.string("theme", "none"), page.warned], ["free", []], text);
      flags.close();
    }
  });

  test("may be nothing: storage that is full is said once, storage that is forbidden is not", async () => {
    const browser = new Browser();
    browser.store.isFull = true;
    const full = await opened({ browser });
    await full.flags.updateContext({ plan: "gold" });
    assert.equal(full.flags.string("theme", ""), "gold");
    assert.equal(full.page.warned.length, 1);
    assert.match(full.page.warned[0], /storage is full/);
    full.flags.close();
    for (const storage of [null, new Proxy({}, { get: () => assert.fail("forbidden") })]) {
      const { flags, page } = await opened({ storage });
      assert.equal(flags.string("theme", ""), "free");
      if (storage === null) assert.deepEqual(page.warned, []);
      flags.close();
    }
  });
});

test("a request says what of the context may be in no sample: what is private, and without consent all of it", async () => {
  const asks = (/** @type {any} */ given) => opened(given).then(({ far, ...tab }) => ({ far, ...tab, said: () => far.asked.at(-1).body }));
  const plain = await asks({});
  assert.deepEqual(plain.said(), { context: { targetingKey: "u1" } });
  const some = await asks({ privateAttributes: ["email", "phone"], context: { targetingKey: "u1", email: "u1@mail.example" } });
  assert.deepEqual(some.said().private, ["email", "phone"]);
  for (const options of [{ consent: false }, { storage: null }, { consent: false, privateAttributes: ["email"] }]) {
    assert.equal((await asks(options)).said().private, true, JSON.stringify(options));
  }
  const asked = await asks({ consent: false });
  asked.flags.setConsent(true);
  await asked.flags.refresh();
  assert.equal(asked.said().private, undefined);
  asked.flags.setConsent(false);
  await asked.flags.refresh();
  assert.equal(asked.said().private, true);
});
