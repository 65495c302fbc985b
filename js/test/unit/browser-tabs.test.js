/** Tabs of the browser's client: what one learns the others know, and one of them has the stream. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Browser, FarEnd, flag, open, opened, settled } from "./browser-page.js";

/** Open so many tabs of one browser. @param {number} count @param {Record<string, any>} [options] */
async function tabs(count, options = {}) {
  const browser = new Browser();
  const far = new FarEnd();
  const all = [];
  for (let n = 0; n < count; n++) all.push(await opened({ browser, far, ...options }));
  browser.stream?.open();
  await settled();
  return { browser, far, all, close: () => all.forEach(({ flags }) => flags.close()) };
}

test("one tab has the stream, and all are at its level", async () => {
  const { all, browser, close } = await tabs(3);
  assert.equal(browser.streams.length, 1);
  assert.deepEqual(all.map(({ flags }) => flags.status().level), [0, 0, 0]);
  const late = open({ browser, far: all[0].far });
  await settled();
  assert.equal(late.flags.status().level, 0);
  late.flags.close();
  close();
});

test("one tab asks for all that have its context", async () => {
  const { all, browser, far, close } = await tabs(3);
  const before = far.asked.length;
  far.revision = 2;
  far.flags = () => ({ theme: flag("new") });
  browser.stream.tell(far.version);
  await browser.pass(20_000);
  assert.deepEqual(all.map(({ flags }) => flags.string("theme", "")), ["new", "new", "new"]);
  assert.equal(far.asked.length, before + 1);
  close();
});

test("one tab asks for all again when the time is up", async () => {
  const { browser, far, close } = await tabs(3);
  const before = far.asked.length;
  await browser.pass(301_000);
  assert.equal(far.asked.length, before + 1);
  close();
});

test("a tab of another context asks for itself, and is given nobody's values", async () => {
  const { all, browser, far, close } = await tabs(1);
  const other = await opened({ browser, far, context: { targetingKey: "u2" } });
  const before = far.asked.length;
  far.revision = 2;
  browser.stream.tell(far.version);
  await browser.pass(20_000);
  assert.deepEqual([all[0].flags.string("who", ""), other.flags.string("who", "")], ["u1", "u2"]);
  assert.deepEqual([all[0].flags.flagsVersion, other.flags.flagsVersion], [far.version, far.version]);
  assert.equal(far.asked.length, before + 2);
  other.flags.close();
  close();
});

test("private attributes keep tabs apart that are kept under one name", async () => {
  const browser = new Browser();
  const far = new FarEnd();
  far.flags = ({ email }) => ({ mail: flag(email) });
  const options = { browser, far, privateAttributes: ["email"] };
  const one = await opened({ ...options, context: { targetingKey: "u1", email: "a@shop.example" } });
  const two = await opened({ ...options, context: { targetingKey: "u1", email: "b@shop.example" } });
  await one.flags.refresh();
  await settled();
  assert.deepEqual([one.flags.string("mail", ""), two.flags.string("mail", "")], ["a@shop.example", "b@shop.example"]);
  one.flags.close();
  two.flags.close();
});

test("when the tab that leads is closed another one does", async () => {
  const { all, browser, far, close } = await tabs(3);
  all[0].flags.close();
  await settled();
  assert(browser.stream);
  browser.stream.open();
  assert.equal(browser.streams.length, 2);
  far.revision = 2;
  browser.stream.tell(far.version);
  await browser.pass(20_000);
  assert.deepEqual(all.slice(1).map(({ flags }) => flags.flagsVersion), [far.version, far.version]);
  close();
});

test("a tab that waits in vain for the leader's answer asks itself", async () => {
  const { all, browser, far, close } = await tabs(2);
  far.instead = (asked) => (asked === far.asked.at(-1) && far.asked.length === 3 ? new Promise(() => {}) : null);
  far.revision = 2;
  browser.stream.tell(far.version);
  await browser.pass(20_000);
  assert.equal(all[1].flags.flagsVersion, far.version);
  close();
});

test("a tab that is hidden for long leaves the stream to one that is seen", async () => {
  const { all, browser, close } = await tabs(2);
  all[0].page.become("hidden");
  await browser.pass(119_000);
  assert.equal(browser.streams.length, 1);
  await browser.pass(2000);
  assert.equal(browser.streams.length, 2);
  assert(browser.stream);
  close();
});

test("who signs out in one tab is signed out in all, and others stay", async () => {
  const { all, browser, far, close } = await tabs(2);
  const other = await opened({ browser, far, context: { targetingKey: "u2" } });
  await all[0].flags.logout();
  await settled();
  assert.deepEqual(all[1].flags.context, {});
  assert.notEqual(all[1].flags.string("who", "u1"), "u1");
  assert.deepEqual(all[1].told("context").at(-1), { context: {} });
  assert.deepEqual(other.flags.context, { targetingKey: "u2" });
  other.flags.close();
  close();
});

for (const [without, platform] of /** @type {const} */ ([
  ["a channel", { BroadcastChannel: undefined }],
  ["locks", { locks: undefined }],
  ["leave to use its locks", { locks: { request: () => Promise.reject(new DOMException("no", "SecurityError")) } }],
])) {
  test(`without ${without} each tab has a stream of its own`, async () => {
    const browser = new Browser();
    const far = new FarEnd();
    const both = [await opened({ browser, far, platform }), await opened({ browser, far, platform })];
    assert.equal(browser.streams.length, 2);
    far.revision = 2;
    for (const stream of browser.streams) stream.tell(far.version);
    await browser.pass(10_000);
    assert.deepEqual(both.map(({ flags }) => flags.flagsVersion), [far.version, far.version]);
    for (const { flags } of both) flags.close();
  });
}

test("what a stranger says on the channel does no harm", async () => {
  const { all, browser, close } = await tabs(1);
  const [channel] = browser.channels;
  const whose = '[["targetingKey","u1"]]';
  for (const data of [{}, { values: "{", whose }, { values: '{"body": 5}', whose }, { changed: 5 }, { out: "x" }]) {
    channel.onmessage({ data });
  }
  await settled();
  assert.equal(all[0].flags.string("who", ""), "u1");
  close();
});
