/**
 * A replica that checks signatures: around one that does not, which follows the upstream and may run ahead of it.
 *
 * What the inner replica holds is the front. Strictly, it is adopted once a signed head proves it, and forgotten when a head refutes it;
 * what was proved before stays. Not strictly, everything is adopted, and what is wrong is reported.
 * @module
 */

import { areSame, merged } from "./heads.js";
import { hashOf, Replica } from "./replica.js";
import { Lines } from "./roots.js";
import { difference } from "./state.js";

/** @typedef {import("./documents.js").Snapshot} Snapshot */
/** @typedef {import("./heads.js").Head} Head */
/** @typedef {import("./items.js").Sha256} Sha256 */
/** @typedef {import("./replica.js").Action} Action */
/** @typedef {Action & { do: "adopt" }} Adopted */
/** @typedef {import("./trust.js").Reported} Reported */
/**
 * A state that a head proves: strictly, what is held.
 * @typedef {Readonly<{ snapshot: Snapshot, lines: Lines, head: Head, knownAt: number | null, inner: import("./replica.js").Held | null }>}
 *   Proved
 */

/** How long deltas may come without a head before their sender counts as one that has none, in seconds. */
const GRACE_S = 5;

/**
 * Does as `Replica`, and adopts only what *trust* lets it.
 *
 * Strictly, a stored snapshot that is not proved is not held; `refused` then says why.
 */
export class VerifyingReplica {
  /** @type {Reported | null} */
  refused = null;
  #trust;
  #isStrict;
  #sha256;
  #inner;
  /** @type {Proved | null} */
  #proved = null;
  /** @type {{ snapshot: Snapshot, lines: Lines } | null} */
  #lines = null;
  #runsAhead = false;
  /** @type {number | null} */
  #unprovedSince = null;
  #isStale = false;

  /**
   * @param {import("./trust.js").Trust} trust
   * @param {{ snapshot?: Snapshot | null, knownAt?: number | null, sha256?: Sha256 }} [options]
   */
  constructor(trust, { snapshot = null, knownAt = null, sha256 = hashOf } = {}) {
    this.#trust = trust;
    this.#isStrict = trust.terms.isStrict;
    this.#sha256 = sha256;
    this.#inner = new Replica({ sha256 });
    if (snapshot !== null) this.#start(snapshot, knownAt);
  }

  /** The environment as it is known; null before anything is. */
  get snapshot() {
    return this.#isStrict ? (this.#proved?.snapshot ?? null) : this.#inner.snapshot;
  }

  /** Where the snapshot stands. */
  get position() {
    return this.snapshot?.position ?? null;
  }

  /** The head that proves the snapshot; null where none does. */
  get head() {
    const proved = this.#proved;
    const { snapshot } = this;
    const isOfIt =
      proved !== null && snapshot !== null && proved.snapshot.epoch === snapshot.epoch && proved.snapshot.revision === snapshot.revision;
    return isOfIt ? proved.head : null;
  }

  /** When the snapshot was last known to be current at the origin; null if never. */
  get knownAt() {
    return this.#isStrict ? (this.#proved?.knownAt ?? null) : this.#inner.knownAt;
  }

  /**
   * Return for how many seconds the snapshot has not been known to be current at the origin; null if it never was.
   * @param {number} now
   * @returns {number | null}
   */
  age(now) {
    const { knownAt } = this;
    return knownAt === null ? null : Math.max(0, now - knownAt);
  }

  /**
   * Take one frame of a stream.
   * @param {{ event: string, data: string }} frame
   * @param {number} now
   * @returns {Action[]}
   */
  receive(frame, now) {
    return this.#judge(this.#inner.receive(frame, now), now, frame.event === "delta");
  }

  /**
   * Take the body that the snapshot endpoint answered.
   * @param {string} text
   * @param {{ age: number, now: number }} at
   * @returns {Action[]}
   */
  receiveDocument(text, at) {
    return this.#judge(this.#inner.receiveDocument(text, at), at.now);
  }

  /**
   * Take a snapshot that the shell read from elsewhere.
   * @param {Snapshot} snapshot
   * @param {{ age: number, now: number }} at
   * @returns {Action[]}
   */
  receiveSnapshot(snapshot, at) {
    return this.#judge(this.#inner.receiveSnapshot(snapshot, at), at.now);
  }

  /**
   * Take a 304: what is known was current *age* seconds ago at the origin, whose heads were *said* with it.
   * @param {{ age: number, now: number, said?: readonly Head[] }} at
   * @returns {Action[]}
   */
  receiveUnchanged(at) {
    return this.#judge(this.#inner.receiveUnchanged(at), at.now);
  }

  /** @param {Snapshot} snapshot @param {number | null} knownAt */
  #start(snapshot, knownAt) {
    const inner = new Replica({ snapshot, knownAt, sha256: this.#sha256 });
    const lines = Lines.of(snapshot.items, this.#sha256);
    const verdict = this.#trust.judged(snapshot, lines);
    if (isHead(verdict)) {
      this.#inner = inner;
      this.#prove(snapshot, { lines, head: verdict, knownAt });
      return;
    }
    if (this.#isStrict || verdict.kind !== "no signature") this.refused = verdict;
    if (!this.#isStrict) this.#inner = inner;
  }

  /** @param {Action[]} received what the inner replica says @param {number} now @param {boolean} [isStep] @returns {Action[]} */
  #judge(received, now, isStep = false) {
    /** @type {Action[]} */
    const actions = [];
    for (const action of received) {
      if (action.do === "adopt") actions.push(...this.#weigh(action, now));
      else if (action.do === "endorse") actions.push(...this.#weighHeads(action, now));
      else actions.push(action);
    }
    const reports = actions.filter((action) => action.do === "report");
    if (reports.some(({ isRefusal }) => isRefusal)) return reports;
    const isAsking = actions.some((action) => action.do === "ask since" || action.do === "ask snapshot");
    if (this.#isStrict && !isAsking) actions.push(...this.#lookForHead(now, isStep));
    return [...actions, ...this.#confirm()];
  }

  /** Say what becomes of a state that the inner replica adopted. @param {Adopted} adopted @param {number} now @returns {Action[]} */
  #weigh(adopted, now) {
    if (!this.#isStrict) return [adopted, ...this.#note(adopted)];
    const lines = this.#linesOf(adopted);
    const isNext = !this.#runsAhead && (this.#proved === null) === (adopted.previous === null);
    this.#runsAhead = true;
    return this.#weighFront(isNext ? adopted : null, { front: adopted.snapshot, lines, now });
  }

  /**
   * Say what becomes of heads that came after their state.
   * @param {Action & { do: "endorse" }} endorsed
   * @param {number} now
   * @returns {Action[]}
   */
  #weighHeads(endorsed, now) {
    // Heads are of what is held.
    const front = /** @type {Snapshot} */ (this.#inner.snapshot);
    /** @type {Adopted} */
    const same = { do: "adopt", snapshot: front, touched: [], previous: front.position, step: null };
    if (!this.#isStrict) return [endorsed, ...this.#note(same)];
    if (this.#runsAhead || this.#proved === null) return this.#weighFront(null, { front, lines: this.#linesOf(same), now });
    return this.#renew(front, this.#proved);
  }

  /**
   * Adopt the front if a head proves it, as *adopted* says if that is the step from what was proved before.
   * @param {Adopted | null} adopted
   * @param {{ front: Snapshot, lines: Lines, now: number }} what
   * @returns {Action[]}
   */
  #weighFront(adopted, { front, lines, now }) {
    const before = this.#proved;
    const verdict = this.#trust.judged(front, lines, before?.snapshot.environment);
    if (!isHead(verdict)) {
      if (verdict.kind !== "no signature") return [this.#refuse(verdict)];
      this.#unprovedSince ??= now;
      return [];
    }
    if (!this.#trust.isFresh(verdict)) {
      this.#unprovedSince = null;
      return this.#noteStale(verdict);
    }
    const { good, faults } = this.#good(front.heads);
    const snapshot = front.but({ heads: good });
    this.#prove(snapshot, { lines, head: verdict, knownAt: this.#inner.knownAt });
    if (adopted !== null) return [{ ...adopted, snapshot }, ...faults];
    const touched = before === null ? null : difference(before.snapshot.items, snapshot.items);
    return [{ do: "adopt", snapshot, touched, previous: before?.snapshot.position ?? null, step: null }, ...faults];
  }

  /** Take younger heads of the state that is proved already. @param {Snapshot} front @param {Proved} proved @returns {Action[]} */
  #renew(front, proved) {
    const verdict = this.#trust.judged(front, proved.lines);
    if (!isHead(verdict)) return [this.#refuse(verdict)];
    const { good, faults } = this.#good(front.heads);
    const kept = newest(proved.snapshot.heads, good);
    if (areSame(kept, proved.snapshot.heads)) return faults;
    const head = proved.head.time >= verdict.time ? proved.head : verdict;
    this.#proved = { ...proved, snapshot: proved.snapshot.but({ heads: kept }), head };
    return [{ do: "endorse", heads: kept }, ...faults];
  }

  /** Return what is wrong with a state that is adopted anyway; nothing where nobody signs. @param {Adopted} adopted @returns {Action[]} */
  #note(adopted) {
    if (adopted.snapshot.heads.length === 0) {
      this.#lines = null;
      return [];
    }
    const lines = this.#linesOf(adopted);
    const verdict = this.#trust.judged(adopted.snapshot, lines);
    if (!isHead(verdict)) return verdict.kind === "no signature" ? [] : [verdict];
    this.#prove(adopted.snapshot, { lines, head: verdict, knownAt: null });
    return [];
  }

  /** @param {Snapshot} snapshot @param {{ lines: Lines, head: Head, knownAt: number | null }} by */
  #prove(snapshot, { lines, head, knownAt }) {
    this.#proved = { snapshot, lines, head, knownAt, inner: this.#inner.standing() };
    this.#lines = { snapshot, lines };
    this.#runsAhead = false;
    this.#unprovedSince = null;
    this.#isStale = false;
  }

  /** Forget what ran ahead of what is proved. @param {Reported} why @returns {Reported} */
  #refuse(why) {
    const proved = this.#proved;
    this.#inner = new Replica({ sha256: this.#sha256 });
    this.#lines = null;
    if (proved !== null) {
      this.#inner.goBack(proved.inner);
      this.#lines = { snapshot: proved.snapshot, lines: proved.lines };
    }
    this.#runsAhead = false;
    this.#unprovedSince = null;
    return { ...why, isRefusal: true };
  }

  /**
   * Refuse a sender that has no head for what it sent. A delta may be followed by others, the last with one.
   * @param {number} now
   * @param {boolean} isStep
   * @returns {Action[]}
   */
  #lookForHead(now, isStep) {
    const [since, front] = [this.#unprovedSince, this.#inner.position];
    if (since === null || front === null || (isStep && now - since <= GRACE_S)) return [];
    return [this.#refuse(this.#trust.unsigned(front))];
  }

  /** Take over from the inner replica when the proved state was current last, while its head is young enough. @returns {Action[]} */
  #confirm() {
    const proved = this.#proved;
    if (!this.#isStrict || proved === null || this.#runsAhead) return [];
    if (!this.#trust.isFresh(proved.head)) return this.#noteStale(proved.head);
    this.#isStale = false;
    this.#proved = { ...proved, knownAt: this.#inner.knownAt, inner: this.#inner.standing() };
    return [];
  }

  /** @param {Head} head @returns {Action[]} */
  #noteStale(head) {
    if (this.#isStale) return [];
    this.#isStale = true;
    return [this.#trust.stale(head)];
  }

  /** Return the lines of what the inner replica adopted: those before, with what changed, where they are known. @param {Adopted} adopted */
  #linesOf({ snapshot, touched }) {
    const known = this.#lines;
    const lines = known === null || touched === null ? Lines.of(snapshot.items, this.#sha256) : known.lines.after(snapshot.items, touched);
    this.#lines = { snapshot, lines };
    return lines;
  }

  /**
   * Return those heads whose signature counts, and what to say of the others.
   * @param {readonly Head[]} found
   * @returns {{ good: readonly Head[], faults: Action[] }}
   */
  #good(found) {
    const judged = found.map((head) => ({ head, fault: this.#trust.fault(head) }));
    const said = judged.filter(({ fault }) => fault !== "").map(({ head, fault }) => `the head for ${head.projection}: ${fault}`);
    const good = judged.filter(({ fault }) => fault === "").map(({ head }) => head);
    return {
      good,
      faults: said.length === 0 ? [] : [{ do: "report", problem: said.join("; "), kind: "signature not trusted", isRefusal: false }],
    };
  }
}

/** @param {Head | Reported} verdict @returns {verdict is Head} */
function isHead(verdict) {
  return !("do" in verdict);
}

/** Return one head a projection, the youngest of each. @param {readonly Head[]} known @param {readonly Head[]} later */
function newest(known, later) {
  const times = new Map(known.map((head) => [head.projection, head.time]));
  return merged(
    known,
    later.filter((head) => head.time >= (times.get(head.projection) ?? 0)),
  );
}
