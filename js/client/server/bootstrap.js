/**
 * Client-side flags for a page's HTML, evaluated in this process: what `POST /client/v1/bootstrap` answers.
 * @module
 */

import { nodeSha256 } from "../../platform/node.js";
import { bootstrapJson } from "../../protocol/bootstrap.js";
import { digestText, toggle } from "../../protocol/digest.js";
import { positionText } from "../../protocol/position.js";
import { ClientProjection } from "../../protocol/projection.js";
import { byCodePoints } from "../../protocol/roots.js";
import { difference } from "../../protocol/state.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */

/** What of an environment is client-side, brought up to date with the work of the change when somebody asks. */
export class ClientSide {
  #projection = new ClientProjection(nodeSha256);
  #sum = new Int32Array(8);
  /** @type {import("../../protocol/items.js").Items} */
  #items = { flag: new Map(), segment: new Map(), layer: new Map(), key: new Map() };
  /** @type {{ snapshot: Snapshot | null, keys: readonly string[], flagsVersion: string }} */
  #told = { snapshot: null, keys: [], flagsVersion: "" };

  /**
   * Return the keys of the client-side flags, in the order of their code points, and the flags version.
   * @param {Snapshot} snapshot
   */
  of(snapshot) {
    if (snapshot !== this.#told.snapshot) {
      const { items, keys } = this.#projection.of(snapshot.items);
      for (const [kind, key] of difference(this.#items, items)) {
        toggle(this.#sum, kind, this.#items[kind].get(key), nodeSha256);
        toggle(this.#sum, kind, items[kind].get(key), nodeSha256);
      }
      this.#items = items;
      const flagsVersion = `v${snapshot.revision}_${digestText(this.#sum).slice(0, 8)}`;
      this.#told = { snapshot, keys: keys.sort(byCodePoints), flagsVersion };
    }
    return this.#told;
  }
}

/**
 * Return the JSON text of what a page is told, safe in HTML.
 * @param {{ snapshot: Snapshot, flagsVersion: string, flags: readonly (readonly [string, Evaluation])[], ttlS: number, ageS: number, nowMs:
 *   number }} told
 * @returns {string}
 */
export function bootstrapText({ snapshot, flagsVersion, flags, ttlS, ageS, nowMs }) {
  const { environment, position } = snapshot;
  return bootstrapJson(flags, { environment, revision: positionText(position), flagsVersion, ttlS, ageS, atMs: nowMs });
}
