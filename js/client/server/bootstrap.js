/**
 * Client-side flags for a page's HTML, evaluated in this process: what `POST /client/v1/bootstrap` answers.
 * @module
 */

import { nodeSha256 } from "../../platform/node.js";
import { digestText, total } from "../../protocol/digest.js";
import { positionText } from "../../protocol/position.js";
import { ClientProjection, clientSideKeys } from "../../protocol/projection.js";
import { byCodePoints } from "../../protocol/roots.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */

export const ELEMENT_ID = "pennon-bootstrap";

/** What of an environment is client-side, kept for as long as the state is the same. */
export class ClientSide {
  #projection = new ClientProjection(nodeSha256);
  /** @type {Snapshot | null} */
  #snapshot = null;
  /** @type {string[]} */
  #keys = [];
  #version = "";

  /**
   * Return the keys of the client-side flags, in the order of their code points, and the flags version.
   * @param {Snapshot} snapshot
   */
  of(snapshot) {
    if (snapshot !== this.#snapshot) {
      const shown = this.#projection.of(snapshot.items);
      this.#keys = clientSideKeys(snapshot.items).sort(byCodePoints);
      this.#version = `v${snapshot.revision}_${digestText(total(shown, nodeSha256)).slice(0, 8)}`;
      this.#snapshot = snapshot;
    }
    return { keys: this.#keys, flagsVersion: this.#version };
  }
}

/**
 * Return the JSON text of what a page is told, safe in HTML.
 * @param {{ snapshot: Snapshot, flagsVersion: string, flags: readonly (readonly [string, Evaluation])[], ttlS: number, ageS: number, nowMs: number }} told
 * @returns {string}
 */
export function bootstrapText({ snapshot, flagsVersion, flags, ttlS, ageS, nowMs }) {
  const head = { environment: snapshot.environment, revision: positionText(snapshot.position), flagsVersion, ttl: ttlS };
  const entries = flags.map(([key, evaluation]) => `${JSON.stringify(key)}:${entryText(evaluation)}`);
  const text = `${JSON.stringify(head).slice(0, -1)},"flags":{${entries.join(",")}}`;
  return `${embeddable(text)},"age":${ageS.toFixed(3)},"at":${Math.floor(nowMs)}}`;
}

/**
 * Return the script element that carries a bootstrap. No policy asks for a *nonce*, for no browser runs it; some check it.
 * @param {string} text
 * @param {string} [nonce]
 * @returns {string}
 */
export function bootstrapElement(text, nonce) {
  const said = nonce === undefined ? "" : ` nonce="${nonce.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`)}"`;
  return `<script type="application/json" id="${ELEMENT_ID}"${said}>${text}</script>`;
}

/**
 * Return a JSON text as one that means the same and ends no script element, comment or section of a page.
 *
 * The five characters are in no part of JSON but its strings, where an escape stands for the character.
 * @param {string} text
 * @returns {string}
 */
export function embeddable(text) {
  return text.replace(/[<>&\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Return what the page is told of a flag. A value that is no JSON, which an application may have given, harms no other. @param {Evaluation} evaluation */
function entryText(evaluation) {
  try {
    return JSON.stringify(entry(evaluation));
  } catch {
    return JSON.stringify({ variation: null, reason: "ERROR", errorCode: "GENERAL" });
  }
}

/** There is no `value` where the caller's default is to be used. @param {Evaluation} evaluation */
function entry({ value, variation, reason, ruleId, flagVersion, errorCode }) {
  const isError = reason === "ERROR";
  return {
    variation: isError ? null : variation,
    reason,
    ...(isError ? { errorCode: errorCode ?? "GENERAL" } : {}),
    // An override in a process has a value and no variation.
    ...(!isError && (variation !== null || value !== null) ? { value } : {}),
    ...(ruleId === null ? {} : { ruleId }),
    ...(flagVersion === null ? {} : { flagVersion }),
  };
}
