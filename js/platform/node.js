/**
 * What Node, Deno and Bun have beyond `webPlatform`: connections and timers that keep no process alive, SHA-256 by the machine, and files.
 * @module
 */

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { dirname } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createBrotliDecompress, createGunzip } from "node:zlib";

import { webPlatform } from "./index.js";

/** @typedef {import("./index.js").Platform} Platform */

const WITHOUT_BODY = new Set([101, 204, 205, 304]);
const AGENTS = { "http:": http, "https:": https };
/** @type {Record<string, () => import("node:stream").Transform>} */
const UNPACKERS = { gzip: createGunzip, br: createBrotliDecompress };

/**
 * Return the platform of a server process.
 * @returns {Platform}
 */
export function nodePlatform() {
  return {
    ...webPlatform(),
    fetch: /** @type {typeof fetch} */ (quietFetch),
    later: (ms, run) => {
      const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
      timer.unref?.();
      return () => clearTimeout(timer);
    },
  };
}

/**
 * Do as `fetch`, for what a client asks: a text or nothing as the body, no redirects. Unlike `fetch`, an open stream does not keep the
 * process from ending.
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: string, signal?: AbortSignal }} [request]
 * @returns {Promise<Response>}
 */
export function quietFetch(url, { method = "GET", headers = {}, body, signal } = {}) {
  const { protocol } = new URL(url);
  const { request } = AGENTS[/** @type {"http:" | "https:"} */ (protocol)];
  const sized = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { "Accept-Encoding": "br, gzip", ...headers, ...sized }, signal });
    asked.once("socket", (socket) => socket.unref?.());
    asked.once("error", (error) => {
      // A server may close an idle connection just when it is used again: nothing was answered, and another one is at hand.
      const isStale = asked.reusedSocket && /** @type {NodeJS.ErrnoException} */ (error).code === "ECONNRESET";
      if (isStale) quietFetch(url, { method, headers, body, signal }).then(resolve, reject);
      else reject(error);
    });
    asked.once("response", (answer) => {
      // After the answer, what goes wrong is the body's.
      asked.on("error", () => {});
      resolve(responseOf(answer));
    });
    asked.end(body);
  });
}

/** @param {http.IncomingMessage} answer @returns {Response} */
function responseOf(answer) {
  const status = answer.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct)) for (const value of values ?? []) headers.append(name, value);
  if (WITHOUT_BODY.has(status) || status < 200) {
    answer.resume();
    return new Response(null, { status: status < 200 ? 502 : status, headers });
  }
  const unpack = UNPACKERS[headers.get("content-encoding") ?? ""];
  const body = unpack === undefined ? answer : pipeline(answer, unpack(), () => {});
  return new Response(/** @type {ReadableStream<Uint8Array>} */ (Readable.toWeb(body)), { status, headers });
}

/**
 * Keep the process alive while *wait* lasts: nothing else of a client does.
 * @template T
 * @param {Promise<T>} wait
 * @returns {Promise<T>}
 */
export async function holding(wait) {
  const hold = setInterval(() => {}, 2 ** 30);
  try {
    return await wait;
  } finally {
    clearInterval(hold);
  }
}

/**
 * Return the SHA-256 of a text's UTF-8 as 64 hex digits.
 * @param {string} text
 * @returns {string}
 */
export function nodeSha256(text) {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/**
 * Write *text* beside the file at *path*, see it onto the disk, and only then put it in the file's place. For the owner's eyes only.
 * @param {string} path
 * @param {string} text
 */
export async function writeWhole(path, text) {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}.draft`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
