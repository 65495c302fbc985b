/**
 * Snapshots and deltas: an environment whole, and the step between two of its revisions. Both keep the text of every item.
 * @module
 */

import { headsOf } from "./heads.js";
import { asRecord, isObject, Item, ITEM_KINDS } from "./items.js";
import { innerTexts } from "./texts.js";

/** @typedef {import("./heads.js").Head} Head */
/** @typedef {import("./items.js").ItemKind} ItemKind */
/** @typedef {import("./items.js").Items} Items */
/** @typedef {import("./position.js").Position} Position */
/** Items by kind and key, null for a deleted one. @typedef {Partial<Record<ItemKind, ReadonlyMap<string, Item | null>>>} Changes */
/**
 * The step from one revision to a later one of the same epoch. `digest` is that of the state after it.
 * @typedef {Readonly<{ environment: string, epoch: number, from: number, to: number, digest: string, heads: readonly Head[],
 *   changes: Changes }>} Delta
 */

/** The number of the format. A document with a higher one is refused whole: its meaning may have changed. */
export const SPEC = 1;

/** A document that is not what it should be. The message has the path, and the mend where there is one. */
export class InvalidDocument extends Error {
  name = "InvalidDocument";

  /** @param {string} path @param {string} message */
  constructor(path, message) {
    super(`${path || "/"}: ${message}`);
  }
}

/** An environment whole, at one position. `flags`, `segments` and `layers` are for the engine: each item is parsed when it is looked at. */
export class Snapshot {
  /** @param {{ environment?: string, epoch?: number, revision?: number, digest?: string, heads?: readonly Head[], items: Items }} state */
  constructor({ environment = "", epoch = 1, revision = 0, digest = "", heads = [], items }) {
    this.environment = environment;
    this.epoch = epoch;
    this.revision = revision;
    this.digest = digest;
    this.heads = heads;
    this.items = items;
    this.flags = asRecord(items.flag);
    this.segments = asRecord(items.segment);
    this.layers = asRecord(items.layer);
    Object.freeze(this);
  }

  /** Epoch and revision. @returns {Position} */
  get position() {
    return { epoch: this.epoch, revision: this.revision };
  }

  /**
   * Return this snapshot but for what *changed* says.
   * @param {{ digest?: string, heads?: readonly Head[] }} changed
   * @returns {Snapshot}
   */
  but(changed) {
    const { environment, epoch, revision, digest, heads, items } = this;
    return new Snapshot({ environment, epoch, revision, digest, heads, items, ...changed });
  }

  /** Return the JSON text: each item as it came. */
  toText() {
    const { environment, epoch, revision, digest, heads } = this;
    const signed = heads.length > 0 ? { heads } : {};
    const head = JSON.stringify({ spec: SPEC, environment, epoch, revision, digest, ...signed });
    const members = ITEM_KINDS.filter((kind) => kind !== "key" || this.items.key.size > 0).map((kind) => {
      const texts = [...this.items[kind].values()].map(({ key, text }) => `${JSON.stringify(key)}:${text}`);
      return `,"${kind}s":{${texts.join(",")}}`;
    });
    return `${head.slice(0, -1)}${members.join("")}}`;
  }
}

/**
 * Parse a JSON text that must be an object. Throws `InvalidDocument`.
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
export function parseObject(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new InvalidDocument("", `not JSON (${/** @type {Error} */ (error).message}), it begins ${JSON.stringify(text.slice(0, 60))}`);
  }
  if (!isObject(found)) throw new InvalidDocument("", "expected an object");
  return found;
}

/**
 * Read a snapshot. One item that cannot be read harms no other; it shows when it is looked at. Throws `InvalidDocument`.
 * @param {string} text
 * @param {Record<string, unknown>} [parsed] what *text* says, where that is known
 * @returns {Snapshot}
 */
export function readSnapshot(text, parsed = parseObject(text)) {
  const { environment, heads } = readHead(parsed);
  const epoch = integer(parsed, "epoch", 1);
  const revision = integer(parsed, "revision", 0);
  const digest = string(parsed, "digest", "");
  const changes = readItems(text, parsed);
  const items = /** @type {Items} */ ({});
  for (const kind of ITEM_KINDS) {
    const found = new Map();
    for (const [key, item] of changes[kind] ?? []) if (item !== null) found.set(key, item);
    Object.assign(items, { [kind]: found });
  }
  return new Snapshot({ environment, epoch, revision, digest, heads, items });
}

/**
 * Read a delta. Throws `InvalidDocument`.
 * @param {string} text
 * @param {Record<string, unknown>} [parsed] what *text* says, where that is known
 * @returns {Delta}
 */
export function readDelta(text, parsed = parseObject(text)) {
  const { environment, heads } = readHead(parsed);
  const [epoch, from, to] = ["epoch", "from", "to"].map((name) => integer(parsed, name));
  if (to < from) throw new InvalidDocument("/to", "comes before from");
  return { environment, heads, epoch, from, to, digest: string(parsed, "digest"), changes: readItems(text, parsed) };
}

/** @param {Record<string, unknown>} parsed */
function readHead(parsed) {
  const spec = integer(parsed, "spec", SPEC);
  if (spec > SPEC) throw new InvalidDocument("/spec", `spec ${spec} is newer than this Pennon reads (${SPEC}): update the SDK`);
  const heads = headsOf(parsed.heads === undefined ? [] : parsed.heads);
  if (heads === null) throw new InvalidDocument("/heads", "expected signed heads");
  return { environment: string(parsed, "environment", ""), heads };
}

/** @param {string} text @param {Record<string, unknown>} parsed @returns {Changes} */
function readItems(text, parsed) {
  /** @type {Changes} */
  const changes = {};
  const kinds = ITEM_KINDS.filter((kind) => parsed[`${kind}s`] !== undefined);
  const wrong = kinds.find((kind) => !isObject(parsed[`${kind}s`]));
  if (wrong !== undefined) throw new InvalidDocument(`/${wrong}s`, "expected an object");
  const texts = innerTexts(text, new Set(kinds.map((kind) => `${kind}s`)));
  for (const kind of kinds) {
    const records = /** @type {Record<string, unknown>} */ (parsed[`${kind}s`]);
    const items = new Map();
    for (const [key, raw] of texts.get(`${kind}s`) ?? []) {
      const value = Object.getOwnPropertyDescriptor(records, key)?.value;
      items.set(key, value === null ? null : new Item(key, raw, value));
    }
    changes[kind] = items;
  }
  return changes;
}

/**
 * Return the integer that an object has as *name*. Throws `InvalidDocument` for what is no position's, or is missing.
 * @param {Record<string, unknown>} parsed
 * @param {string} name
 * @param {number} [without]
 * @returns {number}
 */
export function integer(parsed, name, without) {
  const found = Object.hasOwn(parsed, name) ? parsed[name] : without;
  if (typeof found === "number" && Number.isSafeInteger(found) && found >= 0) return found;
  throw new InvalidDocument(`/${name}`, `expected an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
}

/**
 * Return the string that an object has as *name*. Throws `InvalidDocument` for anything else, or if it is missing.
 * @param {Record<string, unknown>} parsed
 * @param {string} name
 * @param {string} [without]
 * @returns {string}
 */
export function string(parsed, name, without) {
  const found = Object.hasOwn(parsed, name) ? parsed[name] : without;
  if (typeof found === "string") return found;
  throw new InvalidDocument(`/${name}`, "expected a string");
}
