/** Tabs of one application: one of them has the stream, all of them have the values. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { shows, stage, status } from "./stage.js";

const { test } = stage;
const streams = () => stage.server.metric("pennon_streams", { projection: "notify" });
const hasOneStream = () => until(async () => (await streams()) === 1);

test("several tabs have one stream, and all of them see a flip", async (profile) => {
  const place = await stage.place();
  const tabs = [await stage.open(profile, place)];
  await shows(tabs[0], true);
  await hasOneStream();
  tabs.push(await stage.open(profile, place), await stage.open(profile, place));
  for (const tab of tabs) await shows(tab, true);
  const asked = /** @type {string[]} */ ([]);
  profile.on("request", (request) => request.method() === "POST" && asked.push(request.url()));
  await place.turnOff("new-checkout");
  for (const tab of tabs) await shows(tab, false);
  assert.equal(await streams(), 1);
  assert(asked.filter((url) => url.includes("/evaluate/")).length < tabs.length, "each tab asked for itself");
});

test("who signs out in one tab is signed out in all of them", async (profile) => {
  const place = await stage.place({ targets: [{ attribute: "targetingKey", values: ["u1"], variation: "on" }], fallthrough: { variation: "off" } });
  const tabs = [await stage.open(profile, place), await stage.open(profile, place)];
  for (const tab of tabs) await shows(tab, true);
  await tabs[0].evaluate("flags.logout()");
  for (const tab of tabs) await shows(tab, false);
  assert.doesNotMatch(String(await tabs[1].evaluate("JSON.stringify(localStorage)")), /"variant":"on"/);
});

test("when the tab with the stream is closed another one takes over", async (profile) => {
  const place = await stage.place();
  const leader = await stage.open(profile, place);
  await shows(leader, true);
  await until(async () => (await status(leader)).level === 0);
  const others = [await stage.open(profile, place), await stage.open(profile, place)];
  for (const tab of others) await shows(tab, true);
  await leader.close();
  await until(async () => (await streams()) === 1);
  await place.turnOff("new-checkout");
  for (const tab of others) await shows(tab, false);
  await others[0].close();
  await place.turnOn("new-checkout");
  await shows(others[1], true);
  await hasOneStream();
});

test("a tab of another user is told of changes, and of nobody's values but its own", async (profile) => {
  const targets = [{ attribute: "targetingKey", values: ["u2"], variation: "off" }];
  const place = await stage.place({ targets });
  const one = await stage.open(profile, place, { path: "/one", context: { targetingKey: "u1" } });
  const two = await stage.open(profile, place, { path: "/two", context: { targetingKey: "u2" } });
  await shows(one, true);
  await shows(two, false);
  await until(async () => (await status(two)).source === "network");
  await place.change({ do: "addTarget", flag: "new-checkout", variation: "off", values: ["u1"] }, { do: "addTarget", flag: "new-checkout", variation: "on", values: ["u2"] });
  await shows(one, false);
  await shows(two, true);
  await hasOneStream();
});

/** What an older browser lacks, and one that forbids storage. */
const WITHOUT = {
  locks: "delete Navigator.prototype.locks;",
  "locks and room": `delete Navigator.prototype.locks; Object.defineProperty(window, "localStorage", { get() { throw new Error("forbidden"); } });`,
};
for (const [what, script] of Object.entries(WITHOUT)) {
  test(`a browser without ${what} for the tabs has a stream in each, and works`, async (profile) => {
    await profile.addInitScript(script);
    const place = await stage.place();
    const tabs = [await stage.open(profile, place), await stage.open(profile, place)];
    for (const tab of tabs) {
      await shows(tab, true);
      assert.equal(await tab.evaluate("navigator.locks"), undefined);
      await until(async () => (await status(tab)).level === 0);
    }
    await until(async () => (await streams()) === 2);
    await place.turnOff("new-checkout");
    for (const tab of tabs) await shows(tab, false);
    await tabs[0].close();
    await hasOneStream();
    await place.turnOn("new-checkout");
    await shows(tabs[1], true);
    assert.deepEqual(await tabs[1].evaluate("heard.filter(({ kind }) => kind === 'warning')"), []);
  });
}
