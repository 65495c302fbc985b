/** What a page paints first: never the wrong content where the right one comes in time, and never nothing for longer than its bound. */

import assert from "node:assert/strict";

import { stage } from "./stage.js";

const { test } = stage;
/** As docs/how-to/browser.md has it; and in each frame it is noted what there was to see. */
const HEAD = `
  <style>[data-pennon-pending] #shown { visibility: hidden; }</style>
  <script>
    document.documentElement.dataset.pennonPending = "";
    const seen = (window.painted = []);
    const look = () => {
      const at = document.getElementById("shown");
      if (at && at.textContent && getComputedStyle(at).visibility === "visible" && seen.at(-1) !== at.textContent) seen.push(at.textContent);
      requestAnimationFrame(look);
    };
    look();
  </script>`;

test("a page that waits for its values never shows the wrong ones", async (profile) => {
  const place = await stage.place();
  const page = await profile.newPage();
  await page.route(`${place.url}/ofrep/v1/evaluate/**`, (route) => void setTimeout(() => route.continue().catch(() => {}), 150));
  await page.goto(stage.page(place, { head: HEAD, script: "window.first = flags.firstPaint({ withinMs: 60_000 });" }));
  assert.deepEqual(await page.evaluate("first"), { source: "network" });
  await page.waitForFunction("painted.length > 0");
  assert.deepEqual(await page.evaluate("painted"), ["true"]);
  await page.reload();
  assert.deepEqual(await page.evaluate("first"), { source: "cache" });
  await page.waitForFunction("painted.length > 0");
  assert.deepEqual(await page.evaluate("painted"), ["true"]);
});

test("a page whose values do not come shows what it has when its time is up", async (profile) => {
  const place = await stage.place();
  const page = await profile.newPage();
  await page.route(`${place.url}/ofrep/v1/evaluate/**`, () => {}); // an answer that never comes
  await page.goto(stage.page(place, { head: HEAD, script: "window.first = flags.firstPaint({ withinMs: 50 });" }));
  assert.deepEqual(await page.evaluate("first"), { source: "defaults" });
  await page.waitForFunction("painted.length > 0");
  assert.deepEqual(await page.evaluate("painted"), ["false"]);
});
