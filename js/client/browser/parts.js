/**
 * What rules may need beyond what nearly all do. Each is a file of its own, which a page loads before it takes rules that need it.
 * @module
 */

/**
 * What is loaded: exports of the parts, and dialects of imported flags.
 * @typedef {Partial<typeof import("../../engine/comparisons.js") & typeof import("../../engine/patterns.js") &
 *   typeof import("../../engine/references.js") & { dialects: import("../../engine/dialects/seam.js").Dialects }>} Loaded
 */

/** What the text of rules has that need a part, and what loads it. @type {[needs: RegExp, load: (body: any) => Promise<Loaded>][]} */
export const PARTS = [
  [/"op":"(before|after|version|inCidr)/, () => import("../../engine/comparisons.js")],
  [/"op":"matches"/, () => import("../../engine/patterns.js")],
  [/"op":"inSegment"|"(flag|layer)":"|"compat":{/, () => import("../../engine/references.js")],
];
