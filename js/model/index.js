/**
 * Flags, segments and layers as they are sent. Reading is lenient, so that an old SDK reads a newer snapshot; what it
 * does not know in a flag is kept as it is, for the engine to refuse. See spec/schema.
 * @module
 */

import { anything, boolean, integer, list, number, oneOf, orNull, string, struct } from "./shapes.js";

export { InvalidItem } from "./shapes.js";

/**
 * @typedef {{ key: string, value: any }} Variation
 * @typedef {{ flag: string, variations: string[] }} Prerequisite
 * @typedef {{ values: string[], variation: string, attribute: string }} Target
 * @typedef {{ op: string, attribute: string | null, values: any[], negate: boolean, ignoreCase: boolean, by: string | null,
 *   salt: string | null, hash: string | null, from: number | null, to: number | null, value: any }} Condition
 * @typedef {{ variation: string, weight: number }} Weight
 * @typedef {{ key: string, layer: string | null, otherwise: string | null }} Experiment
 * @typedef {{ weights: Weight[], by: string, salt: string | null, hash: string, experiment: Experiment | null }} Split
 * @typedef {{ variation: string | null, split: Split | null }} Serve
 * @typedef {{ id: string, conditions: Condition[], serve: Serve, description: string }} Rule
 * @typedef {{ maxAgeS: number, serve: Serve }} Staleness
 * @typedef {{ vendor: string, dialect: string }} Compat
 * @typedef {{ key: string, variations: Variation[], on: boolean, fallthrough: Serve, version: number, kind: Kind, salt: string,
 *   offVariation: string | null, prerequisites: Prerequisite[], targets: Target[], rules: Rule[], staleness: Staleness | null,
 *   clientSide: boolean, critical: boolean, exposures: string, needs: string[], compat: Compat | null }} Flag
 * @typedef {"boolean" | "string" | "number" | "object"} Kind
 * @typedef {{ conditions: Condition[], id: string, description: string }} SegmentRule
 * @typedef {{ key: string, version: number, salt: string, included: string[], excluded: string[], hashed: boolean,
 *   rules: SegmentRule[], compat: Compat | null }} Segment
 * @typedef {{ from: number, to: number, experiment: string }} Slot
 * @typedef {{ key: string, version: number, salt: string, by: string, slots: Slot[] }} Layer
 */

/** @template T @typedef {import("./shapes.js").Reader<T>} Reader */

const CONDITION = struct({
  op: string,
  attribute: [orNull(string), null],
  values: [list(anything), []],
  negate: [boolean, false],
  ignoreCase: [boolean, false],
  by: [orNull(string), null],
  salt: [orNull(string), null],
  hash: [orNull(string), null],
  from: [orNull(number), null],
  to: [orNull(number), null],
  value: [anything, null],
});
const EXPERIMENT = struct({ key: string, layer: [orNull(string), null], otherwise: [orNull(string), null] });
const SPLIT = struct({
  weights: list(struct({ variation: string, weight: number })),
  by: [string, "targetingKey"],
  salt: [orNull(string), null],
  hash: [string, "sha256"],
  experiment: [orNull(EXPERIMENT), null],
});
const SERVE = struct({ variation: [orNull(string), null], split: [orNull(SPLIT), null] });
const COMPAT = struct({ vendor: string, dialect: string });
/** @type {Record<string, Reader<any> | readonly [Reader<any>, any]>} */
const VERSION = { version: [integer, 1], changedAt: [integer, 0], hash: [string, ""] };
/** @type {Record<string, Reader<any> | readonly [Reader<any>, any]>} */
const HEAD = { ...VERSION, key: string, salt: [string, ""] };

/** @type {Reader<Flag>} */
const FLAG = struct({
  ...HEAD,
  variations: list(struct({ key: string, value: anything })),
  on: boolean,
  fallthrough: SERVE,
  kind: [oneOf("boolean", "string", "number", "object"), "boolean"],
  offVariation: [orNull(string), null],
  prerequisites: [list(struct({ flag: string, variations: list(string) })), []],
  targets: [list(struct({ values: list(string), variation: string, attribute: [string, "targetingKey"] })), []],
  rules: [list(struct({ id: string, conditions: list(CONDITION), serve: SERVE, description: [string, ""] })), []],
  staleness: [orNull(struct({ maxAgeS: number, serve: SERVE })), null],
  clientSide: [boolean, false],
  critical: [boolean, false],
  exposures: [oneOf("none", "experiments", "all"), "experiments"],
  needs: [list(string), []],
  compat: [orNull(COMPAT), null],
});

/** @type {Reader<Segment>} */
const SEGMENT = struct({
  ...HEAD,
  included: [list(string), []],
  excluded: [list(string), []],
  hashed: [boolean, false],
  rules: [list(struct({ conditions: list(CONDITION), id: [string, ""], description: [string, ""] })), []],
  compat: [orNull(COMPAT), null],
});

/** @type {Reader<Layer>} */
const LAYER = struct({
  ...HEAD,
  by: [string, "targetingKey"],
  slots: [list(struct({ from: integer, to: integer, experiment: string })), []],
});

/**
 * Return the reader of an item, which must have the key inside that it has outside.
 * @template {{ key: string }} T
 * @param {Reader<T>} read
 * @returns {(key: string, raw: unknown) => T}
 */
function keyed(read) {
  return (key, raw) => {
    const found = read(raw);
    oneOf(key)(found.key);
    return found;
  };
}

/** Read a flag. Throws `InvalidItem`. */
export const readFlag = keyed(FLAG);
/** Read a segment. Throws `InvalidItem`. */
export const readSegment = keyed(SEGMENT);
/** Read a layer. Throws `InvalidItem`. */
export const readLayer = keyed(LAYER);

const VERSIONED = struct(VERSION);

/**
 * Return the version of an item, 0 where it cannot be read.
 * @param {unknown} raw
 * @returns {number}
 */
export function versionOf(raw) {
  try {
    return /** @type {{ version: number }} */ (VERSIONED(raw)).version;
  } catch {
    return 0;
  }
}

/**
 * A snapshot of an environment, as `JSON.parse` gives it.
 * @typedef {{ flags?: Record<string, unknown>, segments?: Record<string, unknown>, layers?: Record<string, unknown>,
 *   epoch?: number, revision?: number }} Snapshot
 */
