/**
 * Serves the files of `js/` and pages of a test's own to a browser, on an origin of its own.
 * @module
 */

import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
});

/** @typedef {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void} Handler */
/** @typedef {string | {html: string, headers?: Record<string, string>} | Handler} Page */

/** Pages by their paths, and below them the files of `js/`. */
export class Pages {
  #server = createServer((request, response) => void this.#answer(request, response));
  /** @type {Map<string, Page>} */
  #pages = new Map();
  /** The paths that were asked for, in order. @type {string[]} */
  asked = [];

  /** Listen on a free port. */
  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  /** Its origin, as in `http://127.0.0.1:4711`. */
  get url() {
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${address.port}`;
  }

  /**
   * Serve *page* at *path*, instead of what was there, and return its address.
   * @param {string} path
   * @param {Page} page the HTML, or with headers, or a function that answers
   */
  put(path, page) {
    this.#pages.set(path, page);
    return this.url + path;
  }

  /** Stop, and cut off who is still connected. */
  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** @type {Handler} */
  async #answer(request, response) {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://any").pathname);
    this.asked.push(path);
    response.setHeader("Access-Control-Allow-Origin", "*");
    const page = this.#pages.get(path);
    if (typeof page === "function") return page(request, response);
    if (page === undefined) return path === "/favicon.ico" ? void response.writeHead(204).end() : this.#file(path, response);
    const { html, headers = {} } = typeof page === "string" ? { html: page } : page;
    response.writeHead(200, { "Content-Type": TYPES[".html"], "Cache-Control": "no-store", ...headers }).end(html);
  }

  /**
   * @param {string} path
   * @param {import("node:http").ServerResponse} response
   */
  async #file(path, response) {
    const file = normalize(join(ROOT, path));
    const found = file.startsWith(ROOT) && (await stat(file).catch(() => null));
    if (!found || !found.isFile()) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Cache-Control": "no-store" });
    createReadStream(file).pipe(response);
  }
}

/**
 * Serve the files of `js/` and pages of a test's own. `close()` it in `after`.
 * @returns {Promise<Pages>}
 */
export async function servePages() {
  return new Pages().start();
}
