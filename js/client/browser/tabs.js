/**
 * The tabs of one application: they tell each other what they learn, and one of them leads, which has the stream of notices for all.
 * @module
 */

import { attempt } from "./page.js";

/** A lease of the lead holds for so long, where there are no locks. */
const LEASE_MS = 15_000;

/** This tab among the others. Without a channel it is alone, and leads. */
export class Tabs {
  /** @type {(() => void) | null} */
  #rest = null;

  /**
   * @param {import("./page.js").Page} page
   * @param {string} name of all who belong together
   * @param {{ heard: (message: any) => void, lead: (leads: boolean) => void }} told
   */
  constructor(page, name, { heard, lead }) {
    this.page = page;
    this.name = name;
    this.lead = lead;
    const Channel = page.BroadcastChannel;
    this.channel = attempt(() => Channel && new Channel(name));
    if (this.channel) this.channel.onmessage = ({ data }) => heard(data);
  }

  /** Tell the other tabs. @param {Record<string, any>} message */
  say(message) {
    attempt(() => this.channel?.postMessage(message));
  }

  /** Lead as soon as no other tab does. */
  compete() {
    if (this.#rest) return;
    const { locks, storage } = this.page;
    if (!this.channel || !(locks || storage)) this.#alone();
    else if (locks) this.#byLock(locks);
    else if (storage) this.#byLease(storage);
  }

  /** Leave the lead to others. */
  rest() {
    this.#rest?.();
    this.#rest = null;
    this.lead(false);
  }

  /** Leave for good. */
  close() {
    this.rest();
    this.channel?.close();
  }

  #alone() {
    this.#rest = () => {};
    this.lead(true);
  }

  /** @param {Pick<LockManager, "request">} locks */
  #byLock(locks) {
    const waiting = new AbortController();
    /** @type {() => void} */
    let release = () => {};
    const isOver = new Promise((resolve) => (release = () => resolve(0)));
    const rest = (this.#rest = () => (release(), waiting.abort()));
    const granted = () => (this.#rest === rest && this.lead(true), isOver);
    locks.request(this.name, { signal: waiting.signal }, granted).catch(() => this.#rest === rest && this.#alone());
  }

  /** @param {import("./page.js").Store} store */
  #byLease(store) {
    const { page, name } = this;
    const me = String(page.random());
    let cancel = () => {};
    const look = () => {
      const now = page.now();
      const [who, until] = (attempt(() => store.getItem(name)) ?? "").split(" ");
      const isMine = who === me;
      // One that ends far from now was written by a clock that has been set since.
      const isFree = isMine || !(+until > now && +until < now + 2 * LEASE_MS);
      if (isFree) attempt(() => store.setItem(name, `${me} ${now + LEASE_MS}`));
      // Of several who take it at once the last one has it: each sees that when it looks again.
      this.lead(isMine);
      cancel = page.later(LEASE_MS / 3, look);
    };
    this.#rest = () => cancel();
    look();
  }
}
