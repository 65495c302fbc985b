/**
 * Rule sets: a snapshot compiled, ready to answer. Same snapshot, same context, same answer, in every language.
 * @module
 */

import { readFlag, versionOf } from "../model/index.js";
import { failed, given } from "./answers.js";
import { Compiler, messageOf } from "./compiler.js";
import { Links, own } from "./links.js";

/** @typedef {import("./answers.js").Evaluation} Evaluation */
/** @typedef {import("./answers.js").ErrorCode} ErrorCode */
/** @typedef {import("./answers.js").ExposureSite} ExposureSite */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./compiler.js").Compiled} Compiled */
/** @typedef {import("./dialects/seam.js").Dialects} Dialects */
/** @typedef {import("./links.js").Touched} Touched */
/** @typedef {import("../model/index.js").Kind} Kind */
/** @typedef {import("../model/index.js").Snapshot} Snapshot */

/**
 * What all rule sets of one lineage share. `dialects`: how imported flags are read, see `dialectsFor`. `clock`: tells the
 * time, in epoch seconds, to imported flags where an evaluation is not given it. `exposed`: is told of each evaluation that
 * is an exposure, with where in the flag it happened and the context; it must be quick, and its answer is dropped.
 * @typedef {{ dialects?: Dialects, clock?: () => number, exposed?: (site: ExposureSite, context: Context) => void }} Options
 */

/** @typedef {Pick<Snapshot, "flags" | "segments" | "layers"> & { epoch?: number, to?: number, digest?: string }} Delta null deletes */

/**
 * Return the rules of *snapshot*, as `JSON.parse` gives it. Each flag is compiled when it is first asked for.
 * @param {Snapshot} snapshot
 * @param {Options} [options]
 * @returns {RuleSet}
 */
export function compileSnapshot(snapshot, options = {}) {
  return new RuleSet(new Compiler(snapshot, new Links(snapshot), options), new Map(), 0);
}

/** The rules of one revision. Never changes what it answers; `advanced`, `updated` and `aged` return others. */
export class RuleSet {
  #flags;
  #compiler;
  #ageS;
  #isTimed;
  /** @type {Map<string, number> | undefined} */
  #bounds;

  /**
   * @param {Compiler} compiler
   * @param {Map<string, Compiled>} flags those that are compiled already
   * @param {number} ageS how old the state is
   * @param {Map<string, number>} [bounds] after what age flags are stale, where that is known
   */
  constructor(compiler, flags, ageS, bounds) {
    this.#compiler = compiler;
    this.#flags = flags;
    this.#ageS = ageS;
    this.#bounds = bounds;
    // Only dialects look at the time, and most rules have none.
    this.#isTimed = Object.keys(compiler.options.dialects ?? {}).length > 0;
    this.snapshot = compiler.snapshot;
    this.revision = this.snapshot.revision ?? 0;
    this.epoch = this.snapshot.epoch ?? 1;
  }

  /**
   * Return what *flag* serves to *context*, and why. Never throws. The answer is shared: it is frozen, and mostly the
   * same object for the same answer.
   * @param {string} flag
   * @param {Context} context
   * @param {any} [caller] the value where no variation is served
   * @param {number | null} [now] the time in epoch seconds; only imported flags look at it
   * @returns {Evaluation}
   */
  evaluate(flag, context, caller = null, now = null) {
    const found = this.#flags.get(flag) ?? this.#compiled(flag);
    const { options } = this.#compiler;
    try {
      if (typeof context !== "object" || context === null || Array.isArray(context)) return this.#unfit(flag, found, caller);
      const time = now === null && this.#isTimed ? (options.clock?.() ?? null) : now;
      const answer = found.run(context, found.isShared ? new Map() : null, time);
      if (answer.site !== null && options.exposed !== undefined) options.exposed(answer.site, context);
      return given(answer, caller);
    } catch (error) {
      // A context may hold getters and proxies that throw, and an imported flag fails where its vendor's SDK does.
      return this.#error(flag, "GENERAL", `while reading the context: ${messageOf(error)}`, caller);
    }
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
    const before = this.#compiler;
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
    const before = this.#compiler.stale;
    const stale = new Set([...this.#staleness()].filter(([, bound]) => bound < ageS).map(([key]) => key));
    const changed = [...stale, ...before].filter((key) => stale.has(key) !== before.has(key));
    if (changed.length === 0) return this;
    return this.#after(this.snapshot, { flags: changed }, { options: this.#compiler.options, stale, ageS, bounds: this.#bounds });
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
    return this.#compiler.links.using(touched);
  }

  /** What compiles the flags, for explanations: see explain/. */
  get compiler() {
    return this.#compiler;
  }

  /**
   * @param {Snapshot} snapshot
   * @param {Touched} touched
   * @param {{ options: Options, stale: ReadonlySet<string>, ageS: number, bounds: Map<string, number> | undefined }} given
   */
  #after(snapshot, touched, { options, stale, ageS, bounds }) {
    const [links, affected] = this.#compiler.links.after(snapshot, touched);
    const flags = new Map(this.#flags);
    for (const name of affected) if (name.startsWith("flag:")) flags.delete(name.slice(5));
    const compiler = this.#compiler.after(affected, new Compiler(snapshot, links, options, stale));
    return new RuleSet(compiler, flags, ageS, bounds);
  }

  /** @param {string} flag */
  #compiled(flag) {
    const found = this.#compiler.flag(flag);
    // Names may come from outside: those that are no flag's are not kept.
    if (own(this.snapshot.flags, flag) !== undefined) this.#flags.set(flag, found);
    return found;
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

  /** @param {string} flag @param {Compiled} found @param {any} caller */
  #unfit(flag, found, caller) {
    if (!found.isSound) return given(found.run({}, null, null), caller);
    return this.#error(flag, "INVALID_CONTEXT", "the context is no object", caller);
  }

  /** @param {string} flag @param {ErrorCode} code @param {string} message @param {any} caller */
  #error(flag, code, message, caller) {
    const raw = own(this.snapshot.flags, flag);
    return given(failed(code, message, raw === undefined ? null : versionOf(raw)), caller);
  }
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
