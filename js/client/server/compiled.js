/**
 * From states to rule sets: what imported flags need is loaded before the rules are swapped in, and flags that are too old say so.
 * @module
 */

import { dialectsFor } from "../../engine/dialects/index.js";
import { compileSnapshot } from "../../engine/index.js";

/** @typedef {import("../../engine/index.js").RuleSet} RuleSet */
/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {import("../../protocol/items.js").Item} Item */
/** @typedef {import("../../protocol/state.js").Reference} Reference */
/** By member of a snapshot, keys. @typedef {{ flags: string[], segments: string[], layers: string[] }} Touched */

/** The rule set of the latest state that could be compiled. */
export class CompiledState {
  /** @type {RuleSet | null} */
  rules = null;
  #options;
  #swapped;
  #failed;
  /** @type {Record<string, any>} */
  #dialects = {};
  /** @type {Set<string>} */
  #vendors = new Set();
  #loading = 0;
  /**
   * What is to be compiled; null for the touched: everything.
   * @type {{ snapshot: Snapshot, touched: readonly Reference[] | null } | null}
   */
  #next = null;
  #mayBeStale = false;

  /**
   * @param {Omit<import("../../engine/index.js").Options, "dialects">} options
   * @param {(touched: readonly Reference[] | null, isLate: boolean) => void} swapped is called when there are other rules, within `take`
   *   or later
   * @param {(error: unknown) => void} failed is told of a fault where nobody else would hear of it
   */
  constructor(options, swapped, failed) {
    this.#options = options;
    this.#swapped = swapped;
    this.#failed = failed;
  }

  /**
   * Compile *snapshot*, which differs from the last one in *touched*: at once, or when what its imported flags need is there.
   * @param {Snapshot} snapshot
   * @param {readonly Reference[] | null} touched null: everything
   */
  take(snapshot, touched) {
    const before = this.#next;
    const isWhole = touched === null || before?.touched === null;
    this.#next = { snapshot, touched: isWhole ? null : [...(before?.touched ?? []), ...touched] };
    this.#mayBeStale ||= itemsOf(snapshot, touched).some(([, item]) => item.text.includes('"staleness"'));
    const imported = importedOf(snapshot, touched);
    const vendors = [...Object.values(imported.flags), ...Object.values(imported.segments)].map((value) => value?.compat?.vendor);
    if (vendors.every((vendor) => typeof vendor !== "string" || this.#vendors.has(vendor))) {
      if (this.#loading === 0) this.#swap({ isLate: false });
      return;
    }
    for (const vendor of vendors) this.#vendors.add(vendor);
    this.#load(imported).catch(this.#failed);
  }

  /** Return the rules for a state this old; null before there are any. @param {number} ageS @returns {RuleSet | null} */
  aged(ageS) {
    if (this.rules !== null && this.#mayBeStale) this.rules = this.rules.aged(ageS);
    return this.rules;
  }

  /** Return the age past which the next flag will be stale, Infinity if none will. @param {number} ageS */
  nextStaleness(ageS) {
    return (this.#mayBeStale ? this.rules?.nextStaleness(ageS) : undefined) ?? Infinity;
  }

  /**
   * Return the keys of the flags that may answer differently where *touched* differ.
   * @param {readonly Reference[] | null} touched null: everything
   * @returns {string[]}
   */
  affectedBy(touched) {
    if (this.rules === null) return [];
    if (touched === null) return Object.keys(this.rules.snapshot.flags ?? {});
    return this.rules.affectedBy(byMember(touched));
  }

  /** @param {{ flags: Record<string, any>, segments: Record<string, any> }} imported */
  async #load(imported) {
    this.#loading++;
    Object.assign(this.#dialects, await dialectsFor(imported));
    this.#loading--;
    if (this.#loading === 0) this.#swap({ isLate: true });
  }

  /** @param {{ isLate: boolean }} when */
  #swap({ isLate }) {
    const next = this.#next;
    if (next === null) return;
    this.#next = null;
    const dialects = { ...this.#dialects };
    const isFirst = this.rules === null || next.touched === null;
    this.rules = isFirst
      ? compileSnapshot(/** @type {any} */ (next.snapshot), { ...this.#options, dialects })
      : /** @type {RuleSet} */ (this.rules).advanced(
          /** @type {any} */ (next.snapshot),
          byMember(/** @type {readonly Reference[]} */ (next.touched)),
          { dialects },
        );
    this.#swapped(next.touched, isLate);
  }
}

/** @param {Snapshot} snapshot @param {readonly Reference[] | null} touched @returns {[string, Item][]} flags and segments */
function itemsOf({ items }, touched) {
  /** @type {[string, Item | undefined][]} */
  const found =
    touched === null
      ? /** @type {const} */ (["flag", "segment"]).flatMap((kind) =>
          [...items[kind].values()].map((item) => /** @type {[string, Item]} */ ([kind, item])),
        )
      : touched.filter(([kind]) => kind === "flag" || kind === "segment").map(([kind, key]) => [kind, items[kind].get(key)]);
  return found.filter((each) => each[1] !== undefined).map((each) => /** @type {[string, Item]} */ (each));
}

/**
 * Return the imported flags and segments of what was touched, parsed.
 * @param {Snapshot} snapshot
 * @param {readonly Reference[] | null} touched
 */
function importedOf(snapshot, touched) {
  /** @type {{ flags: Record<string, any>, segments: Record<string, any> }} */
  const imported = { flags: {}, segments: {} };
  for (const [kind, item] of itemsOf(snapshot, touched)) {
    if (item.text.includes('"compat"')) imported[kind === "flag" ? "flags" : "segments"][item.key] = item.value;
  }
  return imported;
}

/** @param {readonly Reference[]} touched @returns {Touched} */
function byMember(touched) {
  const keys = (/** @type {string} */ wanted) => touched.filter(([kind]) => kind === wanted).map(([, key]) => key);
  return { flags: keys("flag"), segments: keys("segment"), layers: keys("layer") };
}
