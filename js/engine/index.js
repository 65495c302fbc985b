/**
 * Rule sets: a snapshot compiled, ready to answer, with all that rules may need. Same snapshot, same context, same answer, in every
 * language.
 * @module
 */

import { readFlag } from "../model/index.js";
import { failed, given } from "./answers.js";
import { COMPARISONS } from "./comparisons.js";
import { Compiler } from "./compiler.js";
import { Lineage } from "./lineage.js";
import { OPERATORS as BASIC } from "./operators.js";
import { own } from "./own.js";
import { PATTERNS } from "./patterns.js";
import { References } from "./references.js";
import { Rules } from "./rules.js";

/** @typedef {import("./answers.js").Evaluation} Evaluation */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./compiler.js").Compiled} Compiled */
/** @typedef {import("./dialects/seam.js").Dialects} Dialects */
/** @typedef {import("./links.js").Touched} Touched */
/** @typedef {import("./parts.js").Options} Options */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @typedef {import("../model/index.js").Snapshot} Snapshot */

/** All that there are. @type {import("./operators.js").Operators} */
export const OPERATORS = Object.freeze({ ...BASIC, ...COMPARISONS, ...PATTERNS });

/** @typedef {Pick<Snapshot, "flags" | "segments" | "layers"> & { epoch?: number, to?: number, digest?: string }} Delta null deletes */

/**
 * Return the rules of *snapshot*, as `JSON.parse` gives it. Each flag is compiled when it is first asked for.
 * @param {Snapshot} snapshot
 * @param {Options} [options]
 * @returns {RuleSet}
 */
export function compileSnapshot(snapshot, options = {}) {
  return new RuleSet(snapshot, options, new Lineage(snapshot), { ageS: 0 });
}

/**
 * What is known of the state already. `ageS`: how old it is. `stale`: the flags whose bound has passed. `flags`: those that are compiled.
 * `bounds`: after what age flags are stale.
 * @typedef {{ ageS: number, stale?: ReadonlySet<string>, flags?: Map<string, Compiled>, bounds?: Map<string, number> }} State
 */

/** The rules of one revision. Never changes what it answers; `advanced`, `updated` and `aged` return others. */
export class RuleSet extends Rules {
  #lineage;
  #references;
  #ageS;
  #bounds;

  /**
   * @param {Snapshot} snapshot
   * @param {Options} options
   * @param {Lineage} lineage of the snapshot
   * @param {State} state
   */
  constructor(snapshot, options, lineage, { ageS, stale, flags, bounds }) {
    const compiler = new Compiler(snapshot, options, OPERATORS, stale);
    super(compiler, flags);
    this.#references = compiler.references = new References(compiler, lineage);
    this.#lineage = lineage;
    this.#ageS = ageS;
    this.#bounds = bounds;
    this.snapshot = snapshot;
    this.revision = snapshot.revision ?? 0;
    this.epoch = snapshot.epoch ?? 1;
  }

  /**
   * Return what *flag* serves as a value of *kind*; a flag of another kind answers `TYPE_MISMATCH` and the default.
   * @param {string} flag
   * @param {Context} context
   * @param {any} caller
   * @param {Kind} kind
   * @returns {Evaluation}
   */
  evaluateAs(flag, context, caller, kind) {
    const found = this.evaluate(flag, context, caller);
    if (found.value === caller || isOfKind(found.value, kind)) return found;
    return given(failed("TYPE_MISMATCH", `asked for a ${kind}, and the value is none`, found.flagVersion), caller);
  }

  /**
   * Return the rules of a later *snapshot*, compiling anew only what depends on *touched*: the items in which it differs,
   * as a delta has them; all, where it is left out. *dialects* are added to those that are loaded.
   * @param {Snapshot} snapshot
   * @param {Touched} [touched]
   * @param {{ dialects?: Dialects }} [more]
   * @returns {RuleSet}
   */
  advanced(snapshot, touched, { dialects = {} } = {}) {
    const before = this.compiler;
    const options = { ...before.options, dialects: { ...before.options.dialects, ...dialects } };
    if (touched === undefined) return compileSnapshot(snapshot, options).aged(this.#ageS);
    const bounds = this.#bounds && new Map(this.#bounds);
    const stale = new Set(before.stale);
    for (const key of bounds === undefined ? [] : Object.keys(touched.flags ?? {})) {
      const bound = boundOf(snapshot, key);
      bounds?.[bound === undefined ? "delete" : "set"](key, /** @type {number} */ (bound));
      stale[bound !== undefined && bound < this.#ageS ? "add" : "delete"](key);
    }
    return this.#after(snapshot, touched, { options, stale, ageS: this.#ageS, bounds });
  }

  /**
   * Return the rules after a delta that fits: `advanced`, to the snapshot with the delta's items put in, and null taken out.
   * @param {Delta} delta
   * @param {{ dialects?: Dialects }} [more]
   * @returns {RuleSet}
   */
  updated(delta, more) {
    const { epoch = this.epoch, to = this.revision, digest, flags, segments, layers } = delta;
    const { snapshot } = this;
    const items = {
      flags: merged(snapshot.flags, flags),
      segments: merged(snapshot.segments, segments),
      layers: merged(snapshot.layers, layers),
    };
    return this.advanced({ ...snapshot, epoch, revision: to, ...(digest === undefined ? {} : { digest }), ...items }, delta, more);
  }

  /**
   * Return the rules for a state this old: flags whose staleness bound has passed answer STALE. This very rule set, where
   * no flag differs.
   * @param {number} ageS seconds
   * @returns {RuleSet}
   */
  aged(ageS) {
    const before = this.compiler.stale;
    const stale = new Set([...this.#staleness()].filter(([, bound]) => bound < ageS).map(([key]) => key));
    const changed = [...stale, ...before].filter((key) => stale.has(key) !== before.has(key));
    if (changed.length === 0) return this;
    return this.#after(this.snapshot, { flags: changed }, { options: this.compiler.options, stale, ageS, bounds: this.#bounds });
  }

  /**
   * Return the age past which the next flag will answer STALE, undefined if none will.
   * @param {number} ageS seconds
   * @returns {number | undefined}
   */
  nextStaleness(ageS) {
    const later = [...this.#staleness().values()].filter((bound) => bound >= ageS);
    return later.length === 0 ? undefined : Math.min(...later);
  }

  /**
   * Return the flags that may answer differently where *touched* differ: those among them, and all that need them. The
   * first call of a lineage looks at every flag.
   * @param {Touched} touched
   * @returns {string[]}
   */
  affectedBy(touched) {
    return this.#lineage.using(touched);
  }

  /** The same rules, which tell nobody of exposures: for explanations, see explain/. */
  silent() {
    const options = { ...this.compiler.options, exposed: undefined };
    return new RuleSet(this.snapshot, options, this.#lineage, { ageS: this.#ageS, stale: this.compiler.stale, bounds: this.#bounds });
  }

  /** What the flags ask of other items. */
  get references() {
    return this.#references;
  }

  /**
   * @param {Snapshot} snapshot
   * @param {Touched} touched
   * @param {{ options: Options, stale: ReadonlySet<string>, ageS: number, bounds: Map<string, number> | undefined }} given
   */
  #after(snapshot, touched, { options, stale, ageS, bounds }) {
    const [lineage, affected] = this.#lineage.after(snapshot, touched);
    const flags = kept("flag", this.compiled, affected);
    const after = new RuleSet(snapshot, options, lineage, { ageS, stale, flags, bounds });
    after.#references.segments = kept("segment", this.#references.segments, affected);
    after.#references.flags = kept("flag", this.#references.flags, affected);
    return after;
  }

  #staleness() {
    if (this.#bounds === undefined) {
      this.#bounds = new Map();
      for (const key of Object.keys(this.snapshot.flags ?? {})) {
        const bound = boundOf(this.snapshot, key);
        if (bound !== undefined) this.#bounds.set(key, bound);
      }
    }
    return this.#bounds;
  }
}

/**
 * Return what is compiled already, but for what is affected.
 * @template T
 * @param {"flag" | "segment"} kind
 * @param {Map<string, T>} compiled
 * @param {ReadonlySet<string>} affected
 * @returns {Map<string, T>}
 */
function kept(kind, compiled, affected) {
  const found = new Map(compiled);
  for (const name of affected) if (name.startsWith(`${kind}:`)) found.delete(name.slice(kind.length + 1));
  return found;
}

/**
 * Return after what age a flag is stale, undefined where it never is.
 * @param {Snapshot} snapshot
 * @param {string} key
 */
function boundOf(snapshot, key) {
  const raw = own(snapshot.flags, key);
  // Nearly all flags have none, and to read every flag takes long.
  if (typeof raw !== "object" || raw === null || !("staleness" in raw) || raw.staleness === null) return undefined;
  try {
    return readFlag(key, raw).staleness?.maxAgeS;
  } catch {
    return undefined;
  }
}

/** @param {Record<string, unknown>} [items] @param {Record<string, unknown>} [changes] */
function merged(items = {}, changes) {
  if (changes === undefined) return items;
  const later = { ...items, ...changes };
  for (const [key, item] of Object.entries(changes)) if (item === null) delete later[key];
  return later;
}

/**
 * Tell whether *value* is one of a flag of *kind*.
 * @param {any} value
 * @param {Kind} kind
 * @returns {boolean}
 */
export function isOfKind(value, kind) {
  return kind === "object" ? typeof value === "object" && value !== null : typeof value === kind;
}
