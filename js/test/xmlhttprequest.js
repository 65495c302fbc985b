/**
 * As much of React Native's `XMLHttpRequest` as a stream needs, over Node's own: text that grows, and an abort that is told of.
 * @module
 */

import { request } from "node:http";

export class NodeRequest {
  readyState = 0;
  status = 0;
  responseText = "";
  /** @type {(() => void) | null} */
  onreadystatechange = null;
  /** @type {Record<string, string>} */
  #headers = {};
  /** @type {import("node:http").ClientRequest | null} */
  #request = null;
  /** @type {import("node:http").IncomingHttpHeaders} */
  #answered = {};

  /** @param {string} method @param {string} url */
  open(method, url) {
    this.#request = request(url, { method });
    this.#become(1);
  }

  /** @param {string} name @param {string} value */
  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  /** @param {string} name */
  getResponseHeader(name) {
    return String(this.#answered[name.toLowerCase()] ?? "");
  }

  send() {
    const request = /** @type {import("node:http").ClientRequest} */ (this.#request);
    for (const [name, value] of Object.entries(this.#headers)) request.setHeader(name, value);
    request.on("response", (response) => {
      this.status = response.statusCode ?? 0;
      this.#answered = response.headers;
      this.#become(2);
      response.setEncoding("utf8").on("data", (text) => {
        this.responseText += text;
        this.#become(3);
      });
    });
    request.on("error", () => {}).on("close", () => this.#become(4));
    request.end();
  }

  abort() {
    this.#request?.destroy();
  }

  /** @param {number} state */
  #become(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}
