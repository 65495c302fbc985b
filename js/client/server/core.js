/**
 * What is known, what answers, how it stands. No input, no output: the loops bring it what came.
 * @module
 */

import { nodeSha256 } from "../../platform/node.js";
import { positionText } from "../../protocol/position.js";
import { Replica } from "../../protocol/replica.js";
import { CompiledState } from "./compiled.js";
import { Level } from "./ladder.js";
import { CHANGES, RestlessFlags } from "./restless.js";
import { Counted, NoRules, Observed, Overridden } from "./rules.js";
import { replicaBy, trustOf } from "./signatures.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../engine/attributes.js").Context} Context */
/** @typedef {import("../../engine/index.js").RuleSet} RuleSet */
/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {import("../../protocol/replica.js").Action} Action */
/** @typedef {import("../../protocol/state.js").Reference} Reference */
/** @typedef {import("./ladder.js").Failure} Failure */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./rules.js").Rules} Rules */
/**
 * How a client stands at one moment. `ageS`: how long ago the state was last known to be current at its origin, null where nothing is
 * known. `problem`: what went wrong last, empty while all is well; `isRefused`: whether that is the key. `signedBy`: the trusted key that
 * signed what is served, empty where none did.
 * @typedef {Readonly<{ level: number, ready: boolean, environment: string, epoch: number, revision: number, flagsVersion: string,
 *   ageS: number | null, problem: string, isRefused: boolean, instance: string, signedBy: string }>} Status
 */

const NOT_READY = "no flags are known yet: the client is still waiting for them";
const TOO_OLD = "the last known flags are older than lastKnownTtlMs";
/** A flag is stale past its bound, not at it. */
const PAST_S = 0.001;
const HOUR_S = 3600;
const MENDS = {
  refused: "what is known is still served, and the key is tried again every minute or two",
  untrusted: "what was signed before is still served, and nothing else is taken",
};

/** A client without its loops. */
export class Core {
  /** When something is due, in seconds of the monotonic clock. */
  dueAt = Infinity;
  problem = "";
  isRefused = false;
  level = /** @type {number} */ (Level.DEFAULTS);
  #options;
  #tell;
  #served;
  #settled;
  #reports;
  #trust;
  /** @type {Replica | import("../../protocol/verifying.js").VerifyingReplica} */
  #replica;
  #compiled;
  #nothing = new NoRules(NOT_READY);
  #tooOld = new NoRules(TOO_OLD);
  /** @type {RuleSet | NoRules} */
  #base;
  /** @type {{ flag: string, value: any }[]} */
  #overrides;
  #isSilent = false;
  #best = /** @type {number} */ (Level.LAST_KNOWN);
  #wasYoung = false;
  #isTried = false;
  #wasReady = false;
  #isFixed = false;
  #restless = new RestlessFlags();
  /** The failures of upstreams that were said since all was well. @type {Set<string>} */
  #complained = new Set();
  /** When other things were last said. @type {Map<string, number>} */
  #said = new Map();
  /** @type {(() => void)[]} */
  #news = [];

  /**
   * @param {Options} options
   * @param {import("./reports.js").Reports} reports
   * @param {{ tell: (event: "change" | "ready" | "status" | "warning", said: any) => void, served: (rules: Rules) => void,
   *   settled: () => void }} outside
   *   is told what happened, what answers from now on, and that it may be known what can be had
   */
  constructor(options, reports, { tell, served, settled }) {
    this.#options = options;
    this.#reports = reports;
    this.#tell = tell;
    this.#served = served;
    this.#settled = settled;
    this.#overrides = [...options.overrides].map(([flag, value]) => ({ flag, value }));
    this.#trust = trustOf(options);
    this.#replica = replicaBy(this.#trust);
    const clock = () => options.platform.now() / 1000;
    /** @type {import("../../engine/index.js").Options["exposed"]} */
    const exposed = options.events ? (site, context) => (this.#isSilent ? undefined : reports.exposed(site, context)) : undefined;
    const swapped = this.#swapped.bind(this);
    this.#compiled = new CompiledState({ clock, exposed }, swapped, (error) =>
      this.#warn("bug", `imported flags could not be put in place: ${error}`),
    );
    this.#base = this.#nothing;
    this.#serve({ isAnew: true });
  }

  /** Seconds of the monotonic clock. */
  get now() {
    return this.#options.platform.elapsed() / 1000;
  }

  /** Whether there is anything but defaults to serve. */
  get isReady() {
    return this.#compiled.rules !== null && this.#base !== this.#tooOld;
  }

  /** Whether it is known what can be had: flags, or that the key is refused. */
  get isSettled() {
    return this.#isTried && (this.isReady || this.isRefused);
  }

  /** Where the known state stands, null if nothing is known. */
  get position() {
    return this.#replica.position;
  }

  /** The state that is evaluated by, however old; null where there is none. @returns {Snapshot | null} */
  get shown() {
    return /** @type {Snapshot | undefined} */ (this.#compiled.rules?.snapshot) ?? null;
  }

  /** The state that is held; null where nothing is known. */
  get held() {
    return this.#replica.snapshot;
  }

  /** What signed the state that is held; null where nothing did. */
  get head() {
    return "head" in this.#replica ? this.#replica.head : null;
  }

  /** How many seconds ago the state was last known to be current at its origin; null if nothing is known. */
  get ageS() {
    return this.#isFixed ? 0 : this.#replica.age(this.now);
  }

  /** Take a frame of a stream. @param {import("../../protocol/sse.js").Frame} frame @returns {Action[]} what only an upstream can answer */
  receive(frame) {
    return this.#act(this.#replica.receive(frame, this.now));
  }

  /** Take what the snapshot endpoint answered. @param {string} text @param {number} ageS @returns {Action[]} */
  receiveDocument(text, ageS) {
    return this.#act(this.#replica.receiveDocument(text, { age: ageS, now: this.now }));
  }

  /**
   * Take the word of the snapshot endpoint that nothing changed.
   * @param {number} ageS
   * @param {readonly import("../../protocol/heads.js").Head[]} said
   * @returns {Action[]}
   */
  receiveUnchanged(ageS, said) {
    return this.#act(this.#replica.receiveUnchanged({ age: ageS, now: this.now, said }));
  }

  /**
   * Take the state of a file, which is current as long as it says nothing else.
   * @param {Snapshot} snapshot
   * @param {readonly Reference[] | null} touched
   */
  adopt(snapshot, touched) {
    this.#isFixed = true;
    this.#replica = new Replica({ snapshot, knownAt: this.now, sha256: nodeSha256 });
    this.#best = Level.STREAMING;
    this.#isTried = true;
    this.#compiled.take(snapshot, touched);
    this.settle();
  }

  /** Take the state of the local store, to begin with. @param {import("./store.js").Stored} stored */
  remember({ snapshot, knownAtMs }) {
    // A store that is slow to answer may come after the network.
    if (this.held !== null) return;
    const ageS = Math.max(0, this.#options.platform.now() - knownAtMs) / 1000;
    this.#replica = replicaBy(this.#trust, { snapshot, ageS, now: this.now });
    const refused = "refused" in this.#replica ? this.#replica.refused : null;
    if (refused !== null) this.complain("store", `in the local store, ${refused.kind}: ${refused.problem}`);
    if (this.held !== null) this.#compiled.take(this.held, null);
    this.settle();
  }

  /**
   * Take note of the best rung that can be stood on now, and of what went wrong, if something did.
   * @param {number} best
   * @param {Failure | null} failure
   */
  stand(best, failure) {
    this.#best = best;
    this.#isTried ||= failure === null || best === Level.LAST_KNOWN;
    if (failure !== null) this.#note(failure);
    else if (best === Level.STREAMING) this.#recovered();
    this.settle();
  }

  /** Take note of what is wrong with a file or a store; empty, that it is right again. @param {string} kind @param {string} problem */
  complain(kind, problem) {
    if (problem === "") {
      if (this.#said.delete(kind)) this.problem = "";
      return;
    }
    this.#warn(kind, `${problem}; what was known before is served`);
    this.problem = problem;
  }

  /** Say once what a person should know, until all is well. @param {Failure} failure */
  warnOf({ kind, message }) {
    this.#warn(`events ${kind}`, message);
  }

  /** Do what is due. To be called about once a second. */
  tick() {
    this.#reports.tick();
    this.#restless.tick(this.now);
    this.settle();
  }

  /**
   * Return what *ask* makes of rules of whose answers nobody hears.
   * @template T
   * @param {(rules: Rules) => T} ask
   * @returns {T}
   */
  silently(ask) {
    this.#isSilent = true;
    try {
      return ask(this.#overridden(this.#base instanceof NoRules ? this.#base : new Counted(this.#base, () => {})));
    } finally {
      this.#isSilent = false;
    }
  }

  /**
   * Let *value* go before every rule of a flag, until what is returned is called.
   * @param {string} flag
   * @param {any} value
   * @returns {() => void}
   */
  override(flag, value) {
    const override = { flag, value };
    this.#overrides.push(override);
    this.#serve({ isAnew: true });
    return () => {
      this.#overrides = this.#overrides.filter((each) => each !== override);
      this.#serve({ isAnew: true });
    };
  }

  /** Put in place what answers now, unless it is there. */
  #serve({ isAnew = false } = {}) {
    const base = this.#answering();
    if (base === this.#base && !isAnew) return;
    this.#base = base;
    const { hooks } = this.#options;
    const rules = this.#overridden(base instanceof NoRules ? base : new Counted(base, this.#counting()));
    this.#served(
      hooks.length > 0 ? new Observed(rules, hooks, (error) => this.#warn("hook", `an evaluation hook threw: ${error}`)) : rules,
    );
  }

  /** @returns {(flag: string, evaluation: Evaluation, context: Context) => void} */
  #counting() {
    const reports = this.#reports;
    const { sampler } = reports;
    if (!this.#options.events) return () => {};
    if (sampler === null) return reports.evaluated.bind(reports);
    return (flag, evaluation, context) => {
      reports.evaluated(flag, evaluation);
      sampler.saw(context);
    };
  }

  /** Bring everything that follows from the state into line with it, and tell who wants to know. */
  settle() {
    this.#serve();
    const level = this.isReady ? this.#best : Level.DEFAULTS;
    if (level !== this.level) {
      this.level = level;
      this.#news.push(() => this.#tell("status", null));
    }
    if (this.isReady !== this.#wasReady) {
      this.#wasReady = this.isReady;
      if (this.isReady) this.#news.push(() => this.#tell("ready", null));
    }
    this.#settled();
    for (const tell of this.#news.splice(0)) tell();
  }

  /** @param {Rules} rules */
  #overridden(rules) {
    return this.#overrides.length > 0 ? new Overridden(rules, new Map(this.#overrides.map(({ flag, value }) => [flag, value]))) : rules;
  }

  /** Return the rules for the age of the state, and note when that will be others. @returns {RuleSet | NoRules} */
  #answering() {
    this.dueAt = Infinity;
    const age = this.ageS;
    if (this.#compiled.rules === null) return this.#nothing;
    if (age === null) return this.#compiled.rules;
    if (this.#isTooOld(age)) return this.#tooOld;
    const { lastKnownTtlMs } = this.#options;
    const { now } = this;
    if (lastKnownTtlMs !== null && this.#best === Level.LAST_KNOWN) this.dueAt = now + lastKnownTtlMs / 1000 - age;
    const rules = /** @type {RuleSet} */ (this.#compiled.aged(age));
    this.dueAt = Math.min(this.dueAt, now + this.#compiled.nextStaleness(age) - age + PAST_S);
    return rules;
  }

  /** @param {number} age */
  #isTooOld(age) {
    const { lastKnownTtlMs } = this.#options;
    if (lastKnownTtlMs === null) return false;
    this.#wasYoung ||= age * 1000 < lastKnownTtlMs;
    // A rung that nothing has been heard on yet makes a stored state no younger.
    return age * 1000 >= lastKnownTtlMs && (this.#best === Level.LAST_KNOWN || !this.#wasYoung);
  }

  /** @param {Action[]} actions */
  #act(actions) {
    for (const action of actions) {
      if (action.do === "adopt") this.#compiled.take(action.snapshot, action.touched);
      else if (action.do === "report") this.#report(action);
    }
    return actions.filter((action) => action.do !== "adopt" && action.do !== "endorse");
  }

  /** @param {readonly Reference[] | null} touched @param {boolean} isLate whether nobody will tell the news otherwise */
  #swapped(touched, isLate) {
    const { snapshot } = /** @type {RuleSet} */ (this.#compiled.rules);
    const { epoch, revision } = /** @type {Snapshot} */ (snapshot);
    this.#reports.revision = positionText({ epoch, revision });
    this.#reports.sampler?.follow(given(/** @type {Snapshot} */ (snapshot), touched), { isWhole: touched === null });
    const flags = (touched ?? []).filter(([kind]) => kind === "flag").map(([, key]) => key);
    for (const flag of this.#restless.changed(flags, this.now)) {
      this.#tell("warning", { kind: "restless", message: `flag ${flag} changed more than ${CHANGES} times within a minute` });
    }
    if (touched === null || touched.length > 0)
      this.#news.push(() => this.#tell("change", () => ({ keys: this.#compiled.affectedBy(touched), epoch, revision })));
    // The news are told by `stand`, when it is known which rung this came from.
    if (isLate) this.settle();
    else this.#serve();
  }

  #recovered() {
    this.problem = "";
    this.isRefused = false;
    this.#complained.clear();
  }

  /** @param {Failure} failure */
  #note({ kind, message }) {
    this.problem = message;
    this.isRefused = kind === "refused";
    if (kind === "draining" || kind === "ended") return;
    if (this.#complained.has(kind)) return;
    this.#complained.add(kind);
    const mend = /** @type {Record<string, string>} */ (MENDS)[kind] ?? "what is known is still served";
    this.#tell("warning", { kind, message: `${message}; ${mend}` });
  }

  /** @param {Action & { do: "report" }} report */
  #report({ kind, problem, isRefusal }) {
    this.problem = `${kind}: ${problem}`;
    // Refusals, and what cannot be read, are failures of the upstream, which are said once, with its name.
    if (!isRefusal && kind !== "malformed" && kind !== "lagging upstream") this.#warn(kind, this.problem);
  }

  /** Warn of a cause, not again within the hour. @param {string} kind @param {string} message */
  #warn(kind, message) {
    const { now } = this;
    if (now - (this.#said.get(kind) ?? -Infinity) < HOUR_S) return;
    this.#said.set(kind, now);
    this.#tell("warning", { kind, message });
  }
}

/** Yield what rules are made of, as it came. @param {Snapshot} snapshot @param {readonly Reference[] | null} touched null: everything */
function* given({ items }, touched) {
  const kinds = /** @type {const} */ (["flag", "segment", "layer"]);
  for (const kind of kinds) {
    const keys = touched === null ? items[kind].keys() : touched.filter(([of]) => of === kind).map(([, key]) => key);
    for (const key of keys) yield /** @type {import("../../events/sampler.js").Given} */ ([kind, key, items[kind].get(key)?.value]);
  }
}
