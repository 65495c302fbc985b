/**
 * One question to the server, and what can be wrong with its answer.
 * @module
 */

import { attempt } from "./page.js";

/**
 * Why there is no answer. `cause`: the same for the same cause; a number is a status. `message`: with the mend. `retryMs`: when to ask
 * again, where the server says so.
 * @typedef {{ cause: string | number, message: string, retryMs?: number }} Trouble
 */

/** @type {(cause: string | number, message: string, retryMs?: number) => Trouble} */
export const trouble = (cause, message, retryMs) => ({ cause, message, retryMs });

/** @param {string} what */
export const unreadable = (what) => trouble("unreadable", `${what} is no JSON of Pennon's`);

/** Parse JSON. What it gives is frozen, for many share it. @param {string} text @returns {any} */
export const parse = (text) => JSON.parse(text, (_, value) => Object.freeze(value));

/**
 * Ask, and return the body, its tag, and how many milliseconds ago it was known to be current. The body is undefined where it is the one of
 * the tag that was sent, and null where it is no JSON. Throws `Trouble`.
 * @param {import("./page.js").Page} page
 * @param {string} url
 * @param {RequestInit} init
 * @param {number} [timeoutMs]
 * @returns {Promise<[any, string | null, number]>}
 */
export async function ask(page, url, init, timeoutMs = 10_000) {
  const [{ status, headers, ok }, text] = await page
    .fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
    .then(async (response) => /** @type {const} */ ([response, await response.text()]))
    .catch(() => {
      throw trouble("unreachable", `${url} is unreachable: is it up, does the key allow this origin?`);
    });
  /** In milliseconds. @param {string} name */
  const seconds = (name) => /** @type {any} */ (headers.get(name)) * 1000;
  const body = status === 304 ? undefined : (attempt(() => parse(text)) ?? null);
  if (!ok && body !== undefined) {
    throw trouble(status, `${url} answers ${status}: ${body?.errorDetails ?? body?.detail}`, seconds("retry-after"));
  }
  return [body, headers.get("etag"), seconds("x-pennon-age")];
}
