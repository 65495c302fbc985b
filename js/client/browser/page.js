/**
 * What a page has beyond what every platform has. Each of these may be missing: under Node, in a worker, where storage is forbidden.
 * @module
 */

import { webPlatform } from "../../platform/index.js";

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store where things are kept between visits */
/** @typedef {Pick<EventTarget, "addEventListener" | "removeEventListener">} Target */
/**
 * @typedef {object} PageParts
 * @property {Store | null} [storage]
 * @property {typeof EventSource} [EventSource]
 * @property {typeof BroadcastChannel} [BroadcastChannel]
 * @property {Pick<LockManager, "request">} [locks]
 * @property {(Target & Pick<Document, "visibilityState" | "getElementById" | "documentElement">) | undefined} [document]
 * @property {Target} [window]
 * @property {(url: string, body: Uint8Array<ArrayBuffer>) => boolean} [beacon]
 */
/** @typedef {import("../../platform/index.js").Platform & PageParts} Page */

/**
 * Return the page that the program runs in.
 * @returns {Page}
 */
export function webPage() {
  const { EventSource, BroadcastChannel, document, navigator } = globalThis;
  return {
    ...webPlatform(),
    storage: attempt(() => globalThis.localStorage),
    EventSource,
    BroadcastChannel,
    document,
    window: globalThis.window,
    locks: navigator?.locks,
    beacon: (url, body) => !!navigator?.sendBeacon?.(url, body),
  };
}

/**
 * Return what *run* returns, undefined where it throws: storage that is full or forbidden, what somebody else wrote there.
 * @template T
 * @param {() => T} run
 * @returns {T | undefined}
 */
export function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}
