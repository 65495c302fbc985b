/**
 * What a test in Chromium stands on: a running Pennon, a host of pages, a browser, and a page that uses the client.
 * @module
 */

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { servePages } from "../pages.js";
import { serve, together } from "../serving.js";
import { launch, skip, testing } from "./chromium.js";

/** A server, a host of pages and a browser. `test` is `node:test`'s with a fresh profile for the test. */
export class Stage {
  /** @type {import("../serving.js").Serving} */ server;
  /** @type {import("../pages.js").Pages} */ pages;
  /** @type {import("playwright-core").Browser} */ browser;
  test = testing(() => this.browser);
  #places = 0;

  async begin() {
    [this.server, this.pages, this.browser] = await together(serve(), servePages(), launch());
  }

  async close() {
    await Promise.all([this.browser?.close(), this.pages?.close(), this.server?.close()]);
  }

  /**
   * Return a new environment, with the boolean flag `new-checkout`, which is on.
   * @param {object} [flag] fields of that flag
   * @param {{clientRules?: boolean}} [fields] of the environment
   */
  async place(flag = {}, fields = {}) {
    const place = await this.server.environment(`place-${++this.#places}`, fields);
    await place.put({ key: "new-checkout", critical: true, ...flag });
    return place;
  }

  /**
   * Return the address of a page with the client of *place*.
   * @param {import("../serving.js").Environment} place
   * @param {Parts} [parts]
   */
  page(place, { path = "/", url = place.url, key = place.clientKey, ...parts } = {}) {
    const headers = parts.headers ?? {};
    return this.pages.put(path, { html: html({ url, key, ...parts }), headers });
  }

  /**
   * Open a page with the client of *place* in a new tab.
   * @param {import("./chromium.js").Profile} profile
   * @param {import("../serving.js").Environment} place
   * @param {Parts} [parts]
   */
  async open(profile, place, parts) {
    const page = await profile.newPage();
    await page.goto(this.page(place, parts));
    assert(await page.evaluate("typeof flags === 'object'"), "the page has no client");
    return page;
  }
}

/** The one that all of this process stand on: the tests of the files that are imported come one after the other. */
export const stage = new Stage();
if (!skip) before(() => stage.begin());
after(() => stage.close());

/**
 * Parts of a page. `options` and `script` are source; `script` runs when there are `flags`.
 * @typedef {{path?: string, url?: string, key?: string, context?: object, options?: string, imports?: string, head?: string, body?: string,
 *   script?: string, headers?: Record<string, string>}} Parts
 */

/**
 * Return a page that shows `new-checkout` in `#shown`, with the client as `flags` and in `heard` what it fired.
 * @param {Parts} parts
 */
export function html({ url, key, context = { targetingKey: "u1" }, options = "", imports = "", head = "", body = "", script = "" }) {
  return `<!doctype html><meta charset="utf-8"><title>A shop</title>${head}
<output id="shown"></output>${body}
<script type="module">
  import { Client } from "/client/browser/index.js";
  ${imports}
  const flags = new Client(${JSON.stringify(url)}, { key: ${JSON.stringify(key)}, context: ${JSON.stringify(context)}, ${options} });
  const heard = [];
  for (const kind of ["change", "ready", "status", "warning", "outdated", "context"]) flags.on(kind, (event) => heard.push({ kind, event, at: Date.now() }));
  const show = () => (document.getElementById("shown").textContent = String(flags.boolean("new-checkout", false)));
  flags.on("change", show);
  show();
  Object.assign(window, { Client, flags, heard });
  ${script}
</script>`;
}

/** Wait until *page* shows the flag as *value*. @param {import("playwright-core").Page} page @param {boolean} value */
export async function shows(page, value) {
  await page.waitForFunction((wanted) => document.getElementById("shown")?.textContent === wanted, String(value));
}

/** Return the values' standing in *page*. @param {import("playwright-core").Page} page @returns {Promise<any>} */
export async function status(page) {
  return page.evaluate("flags.status()");
}
