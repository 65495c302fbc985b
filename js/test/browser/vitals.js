/** Web vitals and errors, measured in Chromium, and taken by a real server. */

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";

import { until } from "../serving.js";
import { stage } from "./stage.js";

const inChromium = stage.test;

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
  stage.pages.put("/next", "<!doctype html><title>next</title>");
  await tab.goto(stage.pages.put("/", html));
  await tab.waitForFunction("window.isMeasured");
  // What is painted is told after it is painted.
  await tab.evaluate(() => {
    return new Promise((done) => new PerformanceObserver(done).observe({ type: "largest-contentful-paint", buffered: true }));
  });
  await act(tab);
  await tab.goto(`${stage.pages.url}/next`);
  const entries = await tab.evaluate(() => JSON.parse(localStorage.told ?? "[]"));
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length, "each is told once");
  return Object.fromEntries(entries);
}

inChromium("a page that is left tells what it painted, what moved, how long an answer took, and what failed", async (profile) => {
  const eventful = `<img src="/gone.png"><script>
    addEventListener("load", () => {
      setTimeout(() => { throw new Error("secret"); });
      Promise.reject(new Error("secret"));
      Promise.reject(new Error("caught")).catch(() => {});
      setTimeout(() => setTimeout(() => (window.hasFailed = true)));
    });
    document.querySelector("button").onclick = () => {
      for (const end = performance.now() + 120; performance.now() < end;);
      document.body.insertAdjacentHTML("beforeend", "<p style='font-size: 90px'>A text that is larger than all there was before</p>");
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => (window.isPainted = true))));
    };
  </script>`;
  let clickedAt = 0;
  const found = await told(profile, page("{ sample: 1 }", eventful), async (tab) => {
    await tab.waitForFunction("window.hasFailed");
    const shifted = tab.evaluate(() => new Promise((done) => new PerformanceObserver(done).observe({ type: "layout-shift" })));
    await tab.evaluate(() => document.body.insertAdjacentHTML("afterbegin", "<div style='height: 100px'></div>"));
    await shifted;
    clickedAt = await tab.evaluate(() => performance.now());
    await tab.click("button");
    await tab.waitForFunction("window.isPainted");
  });
  const said = JSON.stringify({ ...found, clickedAt });
  assert.deepEqual(Object.keys(found).sort(), ["web.cls", "web.errors", "web.inp", "web.lcp", "web.ttfb"]);
  assert.ok(found["web.ttfb"] >= 0 && found["web.ttfb"] <= found["web.lcp"], said);
  assert.ok(found["web.lcp"] > 0 && found["web.lcp"] <= Math.round(clickedAt), `what an interaction paints is no LCP: ${said}`);
  assert.ok(found["web.inp"] >= 120 && found["web.inp"] % 1 === 0, said);
  assert.ok(found["web.cls"] > 0 && found["web.cls"] < 1, said);
  assert.equal(found["web.errors"], 2, "two that nobody caught, and no image");
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
  await tab.goto(`${stage.pages.url}/next`);
  const [first, second] = await tab.evaluate(() => ["first", "second"].map((name) => Object.fromEntries(JSON.parse(localStorage[name]))));
  assert.deepEqual([first["web.errors"], second["web.errors"], second["web.ttfb"]], [1, 0, 0]);
  assert.ok(first["web.ttfb"] >= 0 && first["web.lcp"] > 0 && second["web.lcp"] > 0, JSON.stringify([first, second]));
  assert.deepEqual(Object.keys(second).sort(), ["web.cls", "web.errors", "web.lcp", "web.ttfb"]);
});

inChromium("who is not drawn, or stopped it, tells nothing, and who wants no errors counted none of them", async (profile) => {
  assert.deepEqual(await told(profile, page("{ sample: 0.5, random: () => 0.5 }")), {});
  assert.deepEqual(await told(profile, page("{ sample: 1 }"), (tab) => tab.evaluate("stop()")), {});
  assert.equal("web.errors" in (await told(profile, page("{ sample: 1, errors: false }"))), false);
});

/** Hand requests on to *server*, and keep the bodies of batches that it took. */
function relay(server, taken) {
  return async (request, response) => {
    const body = await text(request);
    const kept = Object.entries(request.headers).filter(([name]) => ["authorization", "x-api-key", "content-type"].includes(name));
    const headers = /** @type {Record<string, string>} */ (Object.fromEntries(kept));
    // Bytes, for a text would be given a type on the way.
    const answer = await fetch(server.url + request.url, { method: request.method, headers, body: Buffer.from(body) });
    if (answer.status === 202) taken.push({ ...JSON.parse(body), url: request.url });
    response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") ?? "text/plain" }).end(await answer.text());
  };
}

inChromium("the client sends them by beacon, with the variations that were seen, and the server takes them", async (profile) => {
  const place = await stage.place();
  const taken = [];
  for (const path of ["/ofrep/v1/evaluate/flags", "/sdk/v1/events"]) stage.pages.put(path, relay(place, taken));
  const tab = await profile.newPage();
  await tab.goto(stage.pages.put("/", `<!doctype html><title>shop</title><h1>Shop</h1><script type="module">
    import { Client } from "/client/browser/index.js";
    import { measureVitals } from "/client/browser/vitals.js";
    const platform = { EventSource: undefined };
    const flags = new Client(location.origin, { key: "${place.clientKey}", context: { targetingKey: "u1" }, platform });
    measureVitals(flags, { sample: 1 });
    await flags.whenReady();
    window.isOn = flags.boolean("new-checkout", false);
  </script>`));
  await tab.waitForFunction("window.isOn");
  await tab.goto(stage.pages.put("/next", "<!doctype html><title>next</title>"));
  const metrics = () => taken.flatMap((batch) => batch.metrics ?? []);
  await until(() => metrics().length > 0);
  assert.match(taken[0].url, /\?key=pennon_client_/);
  assert.ok(metrics().map(({ key }) => key).includes("web.ttfb"));
  for (const { unit, variations } of metrics()) assert.deepEqual([unit, variations], ["u1", { "new-checkout": "on" }]);
});
