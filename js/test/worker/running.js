/**
 * Runs the tests' worker in workerd, the runtime of Cloudflare's Workers, with its KV.
 * @module
 */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

/** The runtime closes connections that are idle for 5 s, and a test that is held up could ask over one just then. */
const ALONE = { connection: "close" };
export const ENVIRONMENT = "default/production";
const KEY = `pennon:1:${ENVIRONMENT}:server`;

/**
 * Bundle a worker as Wrangler does: one module.
 * @param {string} file
 * @returns {Promise<string>}
 */
export async function bundled(file) {
  const entry = fileURLToPath(new URL(file, import.meta.url));
  const how = /** @type {const} */ ({ bundle: true, format: "esm", target: "es2022", write: false, logLevel: "error" });
  const { outputFiles } = await build({ entryPoints: [entry], external: ["cloudflare:*"], ...how });
  return outputFiles[0].text;
}

/** A worker that runs, and what a test asks of it. */
export class RunningWorker {
  /** @param {Miniflare} miniflare @param {string} url */
  constructor(miniflare, url) {
    this.miniflare = miniflare;
    this.url = url;
  }

  /**
   * @param {string} path
   * @param {object} [asked] for the worker; see app.js
   * @param {RequestInit} [init]
   */
  async fetch(path, asked = {}, init = {}) {
    const headers = { ...ALONE, "x-asked": encodeURIComponent(JSON.stringify(asked)), ...init.headers };
    return fetch(this.url + path, { ...init, headers });
  }

  /**
   * Load rules and evaluate flags, as one request.
   * @param {object} asked
   * @returns {Promise<any>}
   */
  async ask(asked) {
    const answer = await this.fetch("/", asked);
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
  }

  /**
   * Put a document into KV.
   * @param {string} body JSON
   * @param {{ metadata?: object | null, packed?: Uint8Array, key?: string }} [how]
   */
  async publish(body, { metadata, packed = gzipSync(body), key = KEY } = {}) {
    const said = metadata === undefined ? metadataOf(body) : metadata;
    const headers = { ...ALONE, "x-key": key, "x-metadata": JSON.stringify(said) };
    const answer = await fetch(`${this.url}/kv`, { method: "PUT", headers, body: packed });
    assert.equal(answer.status, 204);
  }

  async close() {
    await this.miniflare.dispose();
  }
}

/** @param {string} body */
export function metadataOf(body) {
  const { epoch, revision, digest } = JSON.parse(body);
  return { format: 1, position: `${epoch}.${revision}`, digest };
}

/**
 * Start a worker. `close()` it in `after`.
 * @param {{ file?: string, options?: object }} [how] more for Miniflare
 * @returns {Promise<RunningWorker>}
 */
export async function run({ file = "./app.js", options = {} } = {}) {
  const miniflare = new Miniflare({
    modules: true,
    script: await bundled(file),
    compatibilityDate: "2026-04-01",
    kvNamespaces: ["FLAGS"],
    host: "127.0.0.1",
    port: 0,
    ...options,
  });
  const url = await miniflare.ready;
  return new RunningWorker(miniflare, url.href.replace(/\/$/, ""));
}
