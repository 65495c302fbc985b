/**
 * What a dialect is to the engine: readers of conditions, splits and lists, prepared when a flag is compiled.
 * @module
 */

/** @typedef {import("../attributes.js").Context} Context */
/** @typedef {import("../../model/index.js").Condition} Condition */
/** @typedef {import("../../model/index.js").Flag} Flag */
/** @typedef {import("../../model/index.js").Segment} Segment */
/** @typedef {import("../../model/index.js").Split} Split */

/**
 * Takes a context and the time, in epoch seconds or null; tells whether a condition holds. One that throws makes the flag
 * answer an error and the caller's default, as the vendor's SDK would.
 * @typedef {(context: Context, now: number | null) => boolean} Test
 */
/**
 * Takes a context and the time; tells which of a split's weights serves, or null for a context without the unit.
 * @typedef {(context: Context, now: number | null) => number | null} Choice
 */
/**
 * Takes a context; returns what a target or a segment's list is compared with, null where there is nothing.
 * @typedef {(context: Context) => string | null} Key
 */
/**
 * What one vendor's SDK makes of conditions and splits. All throw `Refused` for what they do not know, but `accepts`,
 * which tells whether the SDK evaluates anything for a context: else the answer is the caller's default, off flags included.
 * @typedef {object} Dialect
 * @property {(condition: Condition, owner: Flag | Segment) => Test} condition prepares one other than `inSegment` and `serves`
 * @property {(split: Split, owner: Flag) => Choice} split prepares a split under the vendor's hash scheme
 * @property {(attribute: string) => Key} key prepares the reading of a target's attribute; a segment's lists read `targetingKey`
 * @property {(context: Context) => boolean} [accepts]
 */
/**
 * The dialects that are loaded: by vendor, then by name.
 * @typedef {Readonly<Record<string, Readonly<Record<string, Dialect>>>>} Dialects
 */

export {};
