/** What a page read is counted, once, also when it is left at once; what is private stays in it. */

import assert from "node:assert/strict";

import { until } from "../serving.js";
import { relayTo } from "./relay.js";
import { shows, stage } from "./stage.js";

const { test } = stage;

/** Return how often each variation of *flag* was served in *place*, as the server counted. */
async function counted(/** @type {import("../serving.js").Environment} */ place, flag = "new-checkout") {
  const { items } = await stage.server.api("GET", `${place.path}/counts?flag=${flag}`);
  return items.reduce((/** @type {Record<string, number>} */ sum, /** @type {any} */ { variation, count }) => ({ ...sum, [variation]: (sum[variation] ?? 0) + count }), {});
}

/** Have *body* done with a relay before the server of *place*, and what gives the event batches that came through it. */
async function relayed(/** @type {import("../serving.js").Environment} */ place, /** @type {(url: string, batches: () => any[]) => Promise<void>} */ body) {
  const { url, sent, close } = await relayTo(place.url);
  try {
    await body(url, () => sent.filter(({ head }) => head.startsWith("POST /sdk/v1/events")).map((each) => JSON.parse(each.body)));
  } finally {
    close();
  }
}

test("what a page read is counted when it is left, by a beacon", async (profile) => {
  const place = await stage.place();
  const page = await stage.open(profile, place);
  await shows(page, true);
  await page.evaluate(`for (let read = 0; read < 41; read++) flags.boolean("new-checkout", false)`);
  await page.goto("about:blank");
  // One read more, when the change was shown; those before the first answer were of no variation.
  await until(async () => (await counted(place)).on === 42);
});

test("an exposure is sent once an hour, however often the page is opened", async (profile) => {
  const split = { by: "targetingKey", weights: [{ variation: "on", weight: 100_000 }, { variation: "off", weight: 0 }], experiment: null };
  const place = await stage.place({ fallthrough: { split }, exposures: "all" });
  await relayed(place, async (url, batches) => {
    // Set to half past, so that no hour ends between the two.
    await profile.addInitScript(`{ const real = Date.now, shift = 1_800_000 - (real() % 3_600_000); Date.now = () => real() + shift; }`);
    for (let visit = 1; visit <= 2; visit++) {
      const page = await stage.open(profile, place, { url });
      await shows(page, true);
      assert.equal(await page.evaluate("flags.flush()"), true);
      await page.close();
    }
    const exposures = batches().flatMap((batch) => batch.exposures);
    assert.deepEqual(exposures.map(({ flag, unit, variation }) => [flag, unit, variation]), [["new-checkout", "u1", "on"]]);
  });
});

test("private attributes are neither stored nor sent with events", async (profile) => {
  const rules = [{ id: "r1", conditions: [{ attribute: "email", op: "endsWith", values: ["@shop.example"] }], serve: { variation: "on" } }];
  const place = await stage.place({ rules, fallthrough: { variation: "off" } });
  await relayed(place, async (url, batches) => {
    const page = await stage.open(profile, place, {
      url,
      context: { targetingKey: "u1", email: "ada@shop.example" },
      options: `privateAttributes: ["email"]`,
      script: `flags.track("order-value", { value: 42 }); flags.track("mail", { by: "email" });`,
    });
    await shows(page, true);
    assert.equal(await page.evaluate("flags.flush()"), true);
    const metrics = batches().flatMap((batch) => batch.metrics);
    assert.deepEqual(metrics.map(({ key, value }) => [key, value]), [["order-value", 42]]);
    assert.doesNotMatch(JSON.stringify(batches()), /ada@/);
    assert.doesNotMatch(String(await page.evaluate("JSON.stringify(localStorage)")), /ada@/);
  });
});
