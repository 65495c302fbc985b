/**
 * How imported flags read their conditions and splits: one dialect a vendor's SDK, to the letter.
 *
 * A vendor's are imported when a snapshot first needs them: most programs need none, and none is in the bundle of who
 * does not import this module. A flag whose dialect was not loaded answers an error, never a guess.
 * @module
 */

/** @typedef {import("./seam.js").Dialects} Dialects */
/** @typedef {{ flags?: Readonly<Record<string, unknown>>, segments?: Readonly<Record<string, unknown>> }} Items */

/** @type {Readonly<Record<string, () => Promise<{ DIALECTS: Dialects[string] }>>>} */
const VENDORS = Object.freeze({
  flagd: () => import("./flagd/index.js"),
  growthbook: () => import("./growthbook/index.js"),
  launchdarkly: () => import("./launchdarkly/index.js"),
  unleash: () => import("./unleash/index.js"),
});

/**
 * Load the dialects that *snapshot*, or a delta, needs, and return them for `compileSnapshot` and `RuleSet.advanced`.
 * Await it before rules are swapped in: where nothing is imported it is quick, and loads nothing.
 *
 *     const rules = compileSnapshot(snapshot, { dialects: await dialectsFor(snapshot) });
 *     const later = rules.updated(delta, { dialects: await dialectsFor(delta) });
 *
 * Never rejects: a dialect that cannot be fetched, or that is not known here, is not among them, and its flags say so.
 * @param {Items | null} snapshot as `JSON.parse` gives it
 * @returns {Promise<Dialects>}
 */
export async function dialectsFor(snapshot) {
  const vendors = vendorsOf(snapshot).filter((vendor) => Object.hasOwn(VENDORS, vendor));
  if (vendors.length === 0) return {};
  const loaded = await Promise.allSettled(vendors.map((vendor) => VENDORS[vendor]()));
  const found = loaded.map((each, index) => (each.status === "fulfilled" ? [[vendors[index], each.value.DIALECTS]] : []));
  return Object.fromEntries(found.flat());
}

/** @param {any} snapshot @returns {string[]} */
function vendorsOf(snapshot) {
  const found = new Set();
  // Item by item: there may be tens of thousands, and nothing else runs meanwhile.
  for (const items of [snapshot?.flags ?? {}, snapshot?.segments ?? {}]) {
    for (const key of Object.keys(items)) found.add(items[key]?.compat?.vendor);
  }
  return [...found].filter((vendor) => typeof vendor === "string");
}
