/**
 * The tabs of one application: they tell each other what they learn, and one of them leads, which has the stream of notices for all.
 * @module
 */

import { attempt } from "./page.js";

/**
 * Return what tells the others, competes for the lead, leaves it, and leaves for good. Without a channel, or without locks (a page that
 * came by http), each tab is alone, and leads.
 * @param {import("./page.js").Page} page
 * @param {string} name of all who belong together
 * @param {(message: any) => void} heard
 * @param {(leads: boolean) => void} lead
 */
export function tabsOf(page, name, heard, lead) {
  const { BroadcastChannel, locks } = page;
  const channel = attempt(() => new /** @type {typeof globalThis.BroadcastChannel} */ (BroadcastChannel)(name));
  /** @type {(() => any) | undefined} */
  let release;
  if (channel) channel.onmessage = ({ data }) => heard(data);

  const say = (/** @type {Record<string, any>} */ message) => channel?.postMessage(message);
  const compete = () => {
    if (release) return;
    const waiting = new AbortController();
    const { signal } = waiting;
    release = () => waiting.abort();
    if (!channel || !locks) return lead(true);
    const led = () =>
      new Promise((resolve) => {
        signal.onabort = resolve;
        lead(true);
      });
    // A browser may have locks and refuse them.
    locks.request(name, { signal }, led).catch(() => signal.aborted || lead(true));
  };
  const rest = () => {
    release = release?.();
    lead(false);
  };
  const close = () => {
    rest();
    channel?.close();
  };
  return /** @type {const} */ ([say, compete, rest, close]);
}
