/**
 * What a page has beyond what every platform has. Each part may be missing: under Node, in a worker, where storage is forbidden.
 * @module
 */

import { webPlatform } from "../../platform/index.js";
import { digest } from "./digest.js";

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store where things are kept between visits */
/** @typedef {Pick<EventTarget, "addEventListener" | "removeEventListener">} Target */
/**
 * @typedef {object} Parts
 * @property {Store | null} [storage]
 * @property {typeof globalThis.EventSource} [EventSource]
 * @property {typeof globalThis.BroadcastChannel} [BroadcastChannel]
 * @property {Pick<LockManager, "request">} [locks]
 * @property {Target & Pick<Document, "visibilityState" | "getElementById" | "documentElement">} [document]
 * @property {Target} [window]
 * @property {(url: string, body: Blob) => boolean | undefined} [beacon]
 */
/** @typedef {import("../../platform/index.js").Platform & Parts} Page */

/**
 * Return the page that the program runs in.
 * @returns {Page}
 */
export function webPage() {
  const { EventSource, BroadcastChannel, document, window, navigator } = globalThis;
  return {
    ...webPlatform(),
    storage: attempt(() => localStorage),
    EventSource,
    BroadcastChannel,
    document,
    window,
    locks: navigator?.locks,
    beacon: (url, body) => navigator?.sendBeacon?.(url, body),
  };
}

/**
 * Return what *run* returns, undefined where it throws: storage that is full or forbidden, a text that somebody else wrote.
 * @template T
 * @param {() => T} run
 * @returns {T | undefined}
 */
export function attempt(run) {
  try {
    return run();
  } catch {}
}

/** @param {Page} page */
export const isHidden = (page) => page.document?.visibilityState === "hidden";

/** Return a key that nobody else has. @param {Page} page */
export const randomKey = (page) => digest(`${page.random()} ${page.random()}`);
