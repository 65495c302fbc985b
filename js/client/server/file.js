/**
 * Flags from a JSON file, watched: development without a server, and installations that deploy files.
 *
 * The file holds a snapshot, as a server would send it, or the short form: `{"flags": {"new-checkout": true, "theme": {"variations":
 * {"dark": "#000", "light": "#fff"}, "serve": "dark"}}}`.
 * @module
 */

import { readFileSync, statSync } from "node:fs";

import { nodeSha256 } from "../../platform/node.js";
import { InvalidDocument, readSnapshot } from "../../protocol/documents.js";
import { travelling } from "../../protocol/items.js";

/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {Record<string, any>} Form */

const PERCENT = 1000;
const WORDS = new Map([
  ["on", true],
  ["off", false],
]);

/** Flags in a file that cannot be read. The message says where. */
export class InvalidFile extends TypeError {
  name = "InvalidFile";
}

/** Reads flags from a file, and again whenever it changes. */
export class FileSource {
  #path;
  #stamp = "";
  #content = "";
  #revision = 0;
  #problem = "";

  /** @param {string} path */
  constructor(path) {
    this.#path = path;
  }

  /**
   * Return what the file holds, if that is new; and what is wrong with it, if anything is.
   * @returns {{ snapshot: Snapshot | null, problem: string }}
   */
  look() {
    try {
      const { mtimeNs, size, ino } = statSync(this.#path, { bigint: true });
      const stamp = `${mtimeNs} ${size} ${ino}`;
      if (stamp === this.#stamp) return { snapshot: null, problem: this.#problem };
      const content = readFileSync(this.#path, "utf8");
      this.#stamp = stamp;
      this.#problem = "";
      if (content === this.#content) return { snapshot: null, problem: "" };
      const snapshot = readFlags(content, this.#revision + 1);
      this.#revision = snapshot.revision;
      this.#content = content;
      return { snapshot, problem: "" };
    } catch (error) {
      this.#problem = `${this.#path}: ${/** @type {Error} */ (error).message}`;
      return { snapshot: null, problem: this.#problem };
    }
  }
}

/**
 * Return the state that a file's *content* says. A document without a revision gets *revision*. Throws `InvalidFile`.
 * @param {string} content
 * @param {number} revision
 * @returns {Snapshot}
 */
export function readFlags(content, revision) {
  let document;
  try {
    document = JSON.parse(content);
  } catch (error) {
    throw new InvalidFile(`not JSON: ${/** @type {Error} */ (error).message}`);
  }
  if (!isObject(document) || !isObject(document.flags))
    throw new InvalidFile('/: expected an object with the member "flags", an object of flags by key');
  try {
    return readSnapshot(written({ environment: "file", revision, ...document }));
  } catch (error) {
    throw error instanceof InvalidDocument ? new InvalidFile(error.message) : error;
  }
}

/** Return *document* as a snapshot: short flags written out, each item with its hash. @param {Form} document */
function written(document) {
  const { flags, segments = {}, layers = {}, ...head } = document;
  const members = [
    ["flags", Object.entries(flags).map(([key, form]) => [key, flagOf(key, form)])],
    ...Object.entries({ segments, layers }).map(([name, items]) => [name, keyed(name, items)]),
  ].map(([name, items]) => {
    const texts = /** @type {[string, Form][]} */ (items).map(
      ([key, { hash, ...item }]) => `${JSON.stringify(key)}:${travelling(JSON.stringify(item), nodeSha256)}`,
    );
    return `,"${name}":{${texts.join(",")}}`;
  });
  return `${JSON.stringify(head).slice(0, -1)}${members.join("")}}`;
}

/** @param {string} name @param {unknown} items @returns {[string, Form][]} */
function keyed(name, items) {
  if (!isObject(items)) throw new InvalidFile(`/${name}: expected an object`);
  return Object.entries(items).map(([key, item]) => {
    if (!isObject(item)) throw new InvalidFile(`/${name}/${key}: expected an object`);
    return [key, { key, ...item }];
  });
}

/** @param {string} key @param {any} form @returns {Form} */
function flagOf(key, form) {
  if (!isObject(form)) return ofValue(key, typeof form === "string" ? (WORDS.get(form) ?? form) : form);
  if ("fallthrough" in form) return { key, ...form };
  if ("value" in form) return ofValue(key, form.value);
  if (isObject(form.variations) && "serve" in form) return ofVariations(key, form);
  throw new InvalidFile(
    `/flags/${key}: write a value, {"value": …} for an object, {"variations": {name: value, …}, "serve": name}, ` +
      "or the whole flag with its fallthrough",
  );
}

/** Return a flag that serves *value* to everybody. @param {string} key @param {any} value @returns {Form} */
function ofValue(key, value) {
  const isBoolean = typeof value === "boolean";
  const variations = isBoolean
    ? [
        { key: "on", value: true },
        { key: "off", value: false },
      ]
    : [{ key: "value", value }];
  const served = isBoolean ? (value ? "on" : "off") : "value";
  return { key, kind: kindOf(value), on: true, salt: key, variations, fallthrough: { variation: served } };
}

/**
 * Return a flag of variations by name; `serve` is a name, or percentages by name.
 * @param {string} key
 * @param {Form} form
 * @returns {Form}
 */
function ofVariations(key, { variations, serve, ...rest }) {
  const named = Object.entries(variations).map(([name, value]) => ({ key: name, value }));
  if (named.length === 0) throw new InvalidFile(`/flags/${key}/variations: name at least one`);
  return { key, kind: kindOf(named[0].value), on: true, salt: key, ...rest, variations: named, fallthrough: serveOf(key, serve) };
}

/** @param {string} key @param {any} serve */
function serveOf(key, serve) {
  if (!isObject(serve)) return { variation: serve };
  const weights = Object.entries(serve).map(([variation, share]) => ({ variation, weight: Math.round(share * PERCENT) }));
  if (weights.reduce((sum, { weight }) => sum + weight, 0) !== 100 * PERCENT)
    throw new InvalidFile(`/flags/${key}/serve: percentages by variation must sum to 100`);
  return { split: { weights } };
}

/** @param {any} value */
function kindOf(value) {
  return ["boolean", "string", "number"].includes(typeof value) ? typeof value : "object";
}

/** @param {unknown} value @returns {value is Form} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
