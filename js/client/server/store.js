/**
 * The local store: the last known state in a file, so that the next start has flags although everything else is dead.
 *
 * One line of JSON (`pennonStore`: the form, 1; `owner`: whose state it is; `knownAt`: when it was last known to be current, in
 * milliseconds since 1970; `sha256` of what follows), then the snapshot as a server sends it.
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { nodeSha256, writeWhole } from "../../platform/node.js";
import { InvalidDocument, readSnapshot } from "../../protocol/documents.js";

/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {import("./options.js").Store} Store */
/** @typedef {{ snapshot: Snapshot, knownAtMs: number }} Stored */

const FORM = 1;

/** What is stored is damaged, or of another client. */
export class CorruptStore extends Error {
  name = "CorruptStore";
}

/**
 * Return the store in a folder. It reads at once, so that a client has flags when it is made.
 * @param {string} folder
 * @param {string} owner
 * @returns {Store & { load: () => string | null }}
 */
export function folderStore(folder, owner) {
  const path = join(folder, `pennon-${owner}.flags`);
  return {
    load: () => {
      try {
        return readFileSync(path, "utf8");
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return null;
        throw error;
      }
    },
    save: (text) => writeWhole(path, text),
  };
}

/**
 * Return a name of whose state a store holds: where the addresses, the key or the environment differ, it does.
 * @param {readonly string[]} urls
 * @param {string} key
 * @param {string} environment
 * @returns {string}
 */
export function ownerOf(urls, key, environment) {
  return nodeSha256(JSON.stringify([urls, key, environment])).slice(0, 16);
}

/**
 * Write what a store keeps.
 * @param {Stored} stored
 * @param {string} owner
 * @returns {string}
 */
export function writeStored({ snapshot, knownAtMs }, owner) {
  const text = snapshot.toText();
  return `${JSON.stringify({ pennonStore: FORM, owner, knownAt: knownAtMs, sha256: nodeSha256(text) })}\n${text}`;
}

/**
 * Read what a store kept. Throws `CorruptStore` for what is damaged, newer than this, or of another owner.
 * @param {string} text
 * @param {string} owner
 * @returns {Stored}
 */
export function readStored(text, owner) {
  const end = text.indexOf("\n");
  const head = headOf(text.slice(0, Math.max(end, 0)));
  if (head.pennonStore !== FORM) throw new CorruptStore("it is no store, or one of another version of this package");
  if (head.owner !== owner) throw new CorruptStore("it is of another url, key or environment");
  const body = text.slice(end + 1);
  if (head.sha256 !== nodeSha256(body) || !Number.isFinite(head.knownAt)) throw new CorruptStore("it is damaged");
  try {
    return { snapshot: readSnapshot(body), knownAtMs: head.knownAt };
  } catch (error) {
    if (error instanceof InvalidDocument) throw new CorruptStore(error.message);
    throw error;
  }
}

/** @param {string} line @returns {Record<string, any>} */
function headOf(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}
