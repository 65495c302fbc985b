/** How long after a command a page shows the change: behind a long form, and without touching what was typed into it. */

import assert from "node:assert/strict";

import { shows, stage } from "./stage.js";

const { test } = stage;
const IS_LONG = process.env.PENNON_LONG_TESTS === "1";
const FLIPS = IS_LONG ? 300 : 12;
const FIELDS = Array.from({ length: 400 }, (_, at) => `<label>Field ${at} <input name="f${at}" value="value ${at}"></label>`).join("");

test("a flag that is flipped while a form is filled in changes the page, and not the form", async (profile, t) => {
  const place = await stage.place();
  // `shown` notes when the page has drawn each value: the second frame after the change is on the screen.
  const script = `
    window.shownAt = [];
    flags.on("change", () => requestAnimationFrame(() => requestAnimationFrame(() => window.shownAt.push(Date.now()))));
  `;
  const page = await stage.open(profile, place, { body: `<form>${FIELDS}<textarea name="note"></textarea></form>`, script });
  await shows(page, true);
  await page.fill("textarea", "half a thought");
  await page.waitForFunction("flags.status().level === 0");
  await page.evaluate("shownAt.length = 0");
  const took = [];
  for (let flip = 0; flip < FLIPS; flip++) {
    const started = Date.now();
    await (flip % 2 ? place.turnOn("new-checkout") : place.turnOff("new-checkout"));
    await page.waitForFunction((count) => window.shownAt.length > count, flip);
    took.push((await page.evaluate("shownAt.at(-1)")) - started);
    assert.equal(await page.textContent("#shown"), String(flip % 2 === 1));
    await page.locator("textarea").press("a");
  }
  took.sort((one, other) => one - other);
  const share = (/** @type {number} */ part) => took[Math.min(took.length - 1, Math.floor(took.length * part))];
  t.diagnostic(`measured: ${FLIPS} flips of a critical flag, from the command to the screen: p50 ${share(0.5)} ms, p99 ${share(0.99)} ms`);
  if (IS_LONG) assert(share(0.99) < 1000, `${share(0.99)} ms`);
  assert.equal(await page.inputValue("textarea"), "half a thought" + "a".repeat(FLIPS));
  assert.equal(await page.inputValue("[name=f399]"), "value 399");
});
