/** Web vitals and errors, measured in Chromium, and taken by a real server. */

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { servePages } from "../pages.js";
import { serve, until } from "../serving.js";
import { launch, skip, testing } from "./chromium.js";

let browser;
let pages;
before(async () => {
  if (skip) return;
  [browser, pages] = await Promise.all([launch(), servePages()]);
});
after(() => Promise.all([browser?.close(), pages?.close()]));
const inChromium = testing(() => browser);

/** A page whose tracker keeps what it is told where the next page of the origin reads it. */
const page = (options, more = "") => `<!doctype html><title>shop</title>
<script type="module">
  import { measureVitals } from "/client/browser/vitals.js";
  const track = (key, { value }) => localStorage.setItem("told", JSON.stringify([...JSON.parse(localStorage.told ?? "[]"), [key, value]]));
  window.stop = measureVitals({ track }, ${options});
  window.isMeasured = true;
</script>
<body style="margin: 0">
  <h1 style="font-size: 60px">The largest text of this page</h1>
  <button>act</button>
  ${more}
</body>`;

/** Open a page, do something there, leave it, and return what was told of it by key, and how often each. */
async function told(profile, html, act = async (_tab) => {}) {
  const tab = await profile.newPage();
  pages.put("/next", "<!doctype html><title>next</title>");
  await tab.goto(pages.put("/", html));
  await tab.waitForFunction("window.isMeasured");
  // What is painted is told after it is painted.
  await tab.evaluate(() => {
    return new Promise((done) => new PerformanceObserver(done).observe({ type: "largest-contentful-paint", buffered: true }));
  });
  await act(tab);
  await tab.goto(`${pages.url}/next`);
  const entries = await tab.evaluate(() => JSON.parse(localStorage.told ?? "[]"));
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length, "each is told once");
  return Object.fromEntries(entries);
}

inChromium("a page that is left tells how it was", async (profile) => {
  const found = await told(profile, page("{ sample: 1 }"));
  assert.deepEqual(Object.keys(found).sort(), ["web.cls", "web.errors", "web.lcp", "web.ttfb"]);
  assert.ok(found["web.lcp"] > 0 && found["web.lcp"] < 60_000, JSON.stringify(found));
  assert.ok(found["web.ttfb"] >= 0 && found["web.ttfb"] <= found["web.lcp"]);
  assert.deepEqual([found["web.cls"], found["web.errors"]], [0, 0]);
});

inChromium("an interaction that takes long is INP, and what it paints is no LCP", async (profile) => {
  const slow = `<script>
    document.querySelector("button").onclick = () => {
      for (const end = performance.now() + 120; performance.now() < end;);
      document.body.insertAdjacentHTML("beforeend", "<p style='font-size: 90px'>A text that is larger than all there was before</p>");
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => (window.isPainted = true))));
    };
  </script>`;
  let clickedAt = 0;
  const found = await told(profile, page("{ sample: 1 }", slow), async (tab) => {
    clickedAt = await tab.evaluate(() => performance.now());
    await tab.click("button");
    await tab.waitForFunction("window.isPainted");
  });
  assert.ok(found["web.inp"] >= 120 && found["web.inp"] % 1 === 0, JSON.stringify(found));
  assert.ok(found["web.lcp"] <= Math.round(clickedAt), JSON.stringify({ ...found, clickedAt }));
});

inChromium("what moves unasked is CLS", async (profile) => {
  const found = await told(profile, page("{ sample: 1 }"), async (tab) => {
    const shifted = tab.evaluate(() => new Promise((done) => new PerformanceObserver(done).observe({ type: "layout-shift" })));
    await tab.evaluate(() => document.body.insertAdjacentHTML("afterbegin", "<div style='height: 300px'></div>"));
    await shifted;
  });
  assert.ok(found["web.cls"] > 0 && found["web.cls"] < 1, JSON.stringify(found));
});

inChromium("errors and rejections that nobody caught are counted, and nothing of them is told", async (profile) => {
  const failing = `<img src="/gone.png"><script>
    addEventListener("load", () => {
      setTimeout(() => { throw new Error("secret"); });
      Promise.reject(new Error("secret"));
      Promise.reject(new Error("caught")).catch(() => {});
      setTimeout(() => setTimeout(() => (window.hasFailed = true)));
    });
  </script>`;
  const found = await told(profile, page("{ sample: 1 }", failing), (tab) => tab.waitForFunction("window.hasFailed"));
  assert.equal(found["web.errors"], 2);
  const without = await told(profile, page("{ sample: 1, errors: false }", failing), (tab) => tab.evaluate(() => localStorage.clear()));
  assert.equal("web.errors" in without, false);
});

inChromium("a page that comes back is another view, and tells of that alone", async (profile) => {
  await told(profile, page("{ sample: 1 }"), async (tab) => {
    await tab.evaluate(async () => {
      const turn = (/** @type {string} */ state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
      };
      const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      dispatchEvent(new ErrorEvent("error"));
      turn("hidden");
      turn("visible");
      turn("hidden");
      localStorage.setItem("first", localStorage.told);
      localStorage.removeItem("told");
      turn("visible");
      dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
      await painted();
      turn("hidden");
      localStorage.setItem("second", localStorage.told);
      localStorage.removeItem("told");
      delete document.visibilityState;
    });
  });
  const tab = await profile.newPage();
  await tab.goto(`${pages.url}/next`);
  const [first, second] = await tab.evaluate(() => ["first", "second"].map((name) => Object.fromEntries(JSON.parse(localStorage[name]))));
  assert.deepEqual([first["web.errors"], second["web.errors"], second["web.ttfb"]], [1, 0, 0]);
  assert.ok(first["web.ttfb"] >= 0 && first["web.lcp"] > 0 && second["web.lcp"] > 0, JSON.stringify([first, second]));
  assert.deepEqual(Object.keys(second).sort(), ["web.cls", "web.errors", "web.lcp", "web.ttfb"]);
});

inChromium("who is not drawn, or stopped it, tells nothing", async (profile) => {
  assert.deepEqual(await told(profile, page("{ sample: 0.5, random: () => 0.5 }")), {});
  assert.deepEqual(await told(profile, page("{ sample: 1 }"), (tab) => tab.evaluate("stop()")), {});
});

inChromium("the client sends them by beacon, with the variations that were seen, and the server takes them", async (profile) => {
  const server = await serve();
  try {
    await server.put({ key: "new-checkout", fallthrough: { variation: "on" } });
    const tab = await profile.newPage();
    await tab.goto(pages.put("/", `<!doctype html><title>shop</title><h1>Shop</h1><script type="module">
      import { Client } from "/client/browser/index.js";
      import { measureVitals } from "/client/browser/vitals.js";
      const send = navigator.sendBeacon.bind(navigator);
      navigator.sendBeacon = (url, body) => (localStorage.setItem("sent", new TextDecoder().decode(body)), send(url, body));
      const flags = new Client("${server.url}", { key: "${server.clientKey}", context: { targetingKey: "u1" } });
      measureVitals(flags, { sample: 1 });
      await flags.whenReady();
      window.isOn = flags.boolean("new-checkout", false);
    </script>`));
    await tab.waitForFunction("window.isOn");
    assert.equal(await server.metric("pennon_events_total"), 0);
    await tab.goto(pages.put("/next", "<!doctype html><title>next</title>"));
    // One counter, and of the vitals at least the time to the first byte, the shifts and the errors.
    await until(async () => (await server.metric("pennon_events_total")) >= 4);
    const { metrics } = JSON.parse(await tab.evaluate(() => localStorage.getItem("sent") ?? ""));
    assert.ok(metrics.map(({ key }) => key).includes("web.ttfb"));
    for (const { unit, variations } of metrics) assert.deepEqual([unit, variations], ["u1", { "new-checkout": "on" }]);
  } finally {
    await server.close();
  }
});
