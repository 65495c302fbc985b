/**
 * One question to the server, and what can be wrong with its answer.
 * @module
 */

import { parse } from "./cache.js";

/** Why there is no answer, with the mend. */
export class Trouble extends Error {
  /**
   * @param {string} cause in a word, the same for the same cause
   * @param {string} message
   * @param {number} [retryMs] when to ask again, where the server says so
   * @param {boolean} [isPassing] it needs no person to mend it
   */
  constructor(cause, message, retryMs, isPassing) {
    super(message);
    this.cause = cause;
    this.retryMs = retryMs;
    this.isPassing = isPassing;
  }
}

/** @type {Record<number, string>} */
const MENDS = {
  401: "give a client key of the environment as `key`",
  403: "give a client key, and allow this page's origin in it",
  404: "look at the URL, and whether the environment offers this",
};

/**
 * Ask, and return the body with its tag; null for the body where nothing changed since *etag*. Throws `Trouble`.
 * @param {import("./page.js").Page} page
 * @param {string} url
 * @param {RequestInit} init
 * @returns {Promise<{ body: any, etag: string | null, ageS: number }>} *ageS*: how long ago that was known to be current
 */
export async function ask(page, url, init) {
  let response, text;
  try {
    response = await page.fetch(url, init);
    text = await response.text();
  } catch {
    const mend = "is it up, and is this page's origin one that the key allows?";
    throw new Trouble("unreachable", `${url} cannot be reached: ${mend}`);
  }
  const { status, headers } = response;
  const head = { etag: headers.get("etag"), ageS: Number(headers.get("x-pennon-age")) || 0 };
  if (status === 304) return { body: null, ...head };
  let body;
  try {
    body = parse(text);
  } catch {
    if (response.ok) throw new Trouble("no JSON", `${url} answers no JSON: is it Pennon's address, or a page's?`);
  }
  if (response.ok) return { body, ...head };
  const said = body?.errorDetails ?? body?.detail ?? "";
  const isPassing = status === 429 || status > 499;
  throw new Trouble(String(status), `${url} answers ${status} ${said}: ${MENDS[status] ?? "later again"}`, Number(headers.get("retry-after")) * 1000, isPassing);
}
