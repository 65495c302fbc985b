/**
 * Keeps a client in order, about once a second: ages, the local store, a file that changed.
 * @module
 */

import { difference } from "../../protocol/state.js";
import { CorruptStore, folderStore, ownerOf, readStored, writeStored } from "./store.js";

/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./options.js").Options} Options */

const TICK_MS = 1000;
const LOOK_MS = 500;
/** A store that says when its state was current must be told so now and then. */
const REFRESH_MS = 300_000;

/** Does what is due, from `run` to `end`. */
export class Keeper {
  #core;
  #options;
  #file;
  #owner;
  #store;
  #callOff = () => {};
  #isEnded = false;
  /** @type {Snapshot | null} */
  #fromFile = null;
  /** @type {{ snapshot: Snapshot | null, knownAtMs: number }} */
  #saved = { snapshot: null, knownAtMs: -Infinity };
  /** @type {Promise<void>} */
  #saving = Promise.resolve();

  /**
   * @param {Core} core
   * @param {Options} options
   * @param {import("./file.js").FileSource | null} file
   */
  constructor(core, options, file) {
    const { urls, key, environment, store } = options;
    this.#core = core;
    this.#options = options;
    this.#file = file;
    this.#owner = ownerOf(urls, key, environment);
    this.#store = typeof store === "string" ? folderStore(store, this.#owner) : store;
  }

  /** Read the file or the store, to begin with. Return what is wrong with the file, if anything is. */
  begin() {
    if (this.#file !== null) return this.#look();
    this.#load();
    return "";
  }

  /** Begin to keep. */
  run() {
    if (this.#isEnded) return;
    const dueInMs = Math.max((this.#core.dueAt - this.#core.now) * 1000, 0);
    this.#callOff = this.#options.platform.later(Math.min(dueInMs, this.#file === null ? TICK_MS : LOOK_MS), () => {
      this.#core.tick();
      if (this.#file !== null) this.#core.complain("file", this.#look());
      void this.save();
      this.run();
    });
  }

  /** Keep the state a last time, and no more. */
  async end() {
    this.#isEnded = true;
    this.#callOff();
    await this.save({ isLast: true });
  }

  /** Put the state in the local store if it changed or was kept long ago, at the last in any case. */
  async save({ isLast = false } = {}) {
    const store = this.#store;
    const { held, ageS } = this.#core;
    if (store === null || held === null || ageS === null) return;
    const knownAtMs = Math.round(this.#options.platform.now() - ageS * 1000);
    if (!isLast && held === this.#saved.snapshot && knownAtMs - this.#saved.knownAtMs < REFRESH_MS) return;
    this.#saved = { snapshot: held, knownAtMs };
    this.#saving = this.#saving.then(async () => {
      try {
        await store.save(writeStored({ snapshot: held, knownAtMs }, this.#owner));
        this.#core.complain("store", "");
      } catch (error) {
        this.#complain("cannot be written", error);
      }
    });
    await this.#saving;
  }

  /** @returns {string} */
  #look() {
    if (this.#file === null) return "";
    const { snapshot, problem } = this.#file.look();
    if (snapshot !== null) {
      const touched = this.#fromFile === null ? null : difference(this.#fromFile.items, snapshot.items);
      this.#fromFile = snapshot;
      this.#core.adopt(snapshot, touched);
    }
    return problem;
  }

  #load() {
    if (this.#store === null) return;
    try {
      const text = this.#store.load();
      if (typeof text === "string") this.#remember(text);
      else if (text !== null)
        text.then((found) => found !== null && this.#remember(found)).catch((error) => this.#complain("cannot be read", error));
    } catch (error) {
      this.#complain("cannot be read", error);
    }
  }

  /** @param {string} text */
  #remember(text) {
    try {
      const stored = readStored(text, this.#owner);
      this.#core.remember(stored);
      this.#saved = { snapshot: this.#core.held, knownAtMs: stored.knownAtMs };
    } catch (error) {
      if (!(error instanceof CorruptStore)) throw error;
      this.#complain("is not used, and will be replaced", error);
    }
  }

  /** @param {string} what @param {unknown} error */
  #complain(what, error) {
    this.#core.complain("store", `the local store ${what}: ${error instanceof Error ? error.message : error}`);
  }
}
