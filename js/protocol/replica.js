/**
 * The receiving side of one environment: frames and documents in, actions out.
 *
 * Two rules hold everywhere. What is received is understood whole before anything changes, so there is no half of a delta; and
 * nothing that goes wrong takes away what is known.
 * @module
 */

import { sha256Hex, wellFormed } from "../bucketing/index.js";
import { digestSum } from "./digest.js";
import { integer, InvalidDocument, parseObject, readDelta, readSnapshot, Snapshot } from "./documents.js";
import { checkedAge, heartbeatOf } from "./frames.js";
import { areSame, fitting, merged } from "./heads.js";
import { comparePositions, positionText } from "./position.js";
import { difference, State } from "./state.js";

/** @typedef {import("./documents.js").Delta} Delta */
/** @typedef {import("./heads.js").Head} Head */
/** @typedef {import("./items.js").Sha256} Sha256 */
/** @typedef {import("./position.js").Position} Position */
/** @typedef {import("./state.js").Reference} Reference */
/**
 * What a report is about.
 * @typedef {"malformed" | "digest mismatch" | "lagging upstream" | "upstream in an old epoch" | "other environment" | "no signature"
 *   | "signature not trusted" | "signed too long ago"} ReportKind
 */
/**
 * What a replica asks of the shell that feeds it:
 * "adopt" (it holds *snapshot* from now on: swap the rules, store it; *touched* are exactly the items that differ, null if nothing
 * was known before); "endorse" (what it holds has other signed heads); "ask since" (get the snapshot endpoint with `?since=` this
 * position); "ask snapshot" (get it whole, without `since` and `If-None-Match`); "report" (something that a person may want to know;
 * what is a *refusal* came from a sender who is not to be believed); "draining" (the sender is about to close, come back then).
 * @typedef {{ do: "adopt", snapshot: Snapshot, touched: readonly Reference[] | null, previous: Position | null, step: Delta | null }
 *   | { do: "endorse", heads: readonly Head[] }
 *   | { do: "ask since", position: Position }
 *   | { do: "ask snapshot" }
 *   | { do: "report", problem: string, kind: ReportKind, isRefusal: boolean }
 *   | { do: "draining", retryMs: number }} Action
 */
/**
 * What a replica knows. At `knownAt` it was last known to be current at the origin.
 * @typedef {Readonly<{ snapshot: Snapshot, state: State, knownAt: number | null }>} Held
 */

/** How long a replica waits before it asks again for a snapshot that did not match its own digest, in seconds. */
const ASK_AGAIN_S = 60;

/**
 * Follows one environment. Start it with the snapshot of a store, if there is one, and when that was current.
 *
 * Times are seconds of any clock that the shell likes, as long as it is always the same one.
 */
export class Replica {
  #sha256;
  /** @type {Held | null} */
  #held = null;
  /** @type {number | null} */
  #askedAgainAt = null;

  /** @param {{ snapshot?: Snapshot | null, knownAt?: number | null, sha256?: Sha256 }} [options] `sha256`: a faster one than ours */
  constructor({ snapshot = null, knownAt = null, sha256 = hashOf } = {}) {
    this.#sha256 = sha256;
    if (snapshot !== null) this.#held = { snapshot, state: new State(snapshot.items, sha256), knownAt };
  }

  /** The environment as it is known; null before anything is. */
  get snapshot() {
    return this.#held?.snapshot ?? null;
  }

  /** Where the snapshot stands. */
  get position() {
    return this.#held?.snapshot.position ?? null;
  }

  /** When the snapshot was last known to be current at the origin; null if never. */
  get knownAt() {
    return this.#held?.knownAt ?? null;
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

  /** Return what is held, to `goBack` to. @returns {Held | null} */
  standing() {
    return this.#held;
  }

  /** Hold again what was held at that *standing*, as if nothing had been received since. @param {Held | null} standing */
  goBack(standing) {
    this.#held = standing;
  }

  /**
   * Take one frame of a stream. Frames of a kind that is not known here are ignored.
   * @param {{ event: string, data: string }} frame
   * @param {number} now
   * @returns {Action[]}
   */
  receive({ event, data }, now) {
    if (!["snapshot", "delta", "heartbeat", "goodbye"].includes(event)) return [];
    return understood(`a ${event} frame cannot be read`, () => {
      const parsed = parseObject(data);
      if (event === "goodbye") return [{ do: "draining", retryMs: integer(parsed, "retryMs") }];
      const knownAt = now - checkedAge(parsed.age);
      if (event === "heartbeat") return this.#takeHeartbeat(heartbeatOf(parsed), knownAt, now);
      if (event === "delta") return this.#takeDelta(readDelta(data, parsed), knownAt, now);
      return this.#takeSnapshot(readSnapshot(data, parsed), knownAt, now);
    });
  }

  /**
   * Take the body that the snapshot endpoint answered: a snapshot, or a delta (which has `from`).
   * @param {string} text
   * @param {{ age: number, now: number }} at
   * @returns {Action[]}
   */
  receiveDocument(text, { age, now }) {
    return understood("the answer cannot be read", () => {
      const knownAt = now - checkedAge(age);
      const parsed = parseObject(text);
      if (Object.hasOwn(parsed, "from")) return this.#takeDelta(readDelta(text, parsed), knownAt, now);
      return this.#takeSnapshot(readSnapshot(text, parsed), knownAt, now);
    });
  }

  /**
   * Take a snapshot that the shell read from elsewhere, *age* seconds after it was current at the origin.
   * @param {Snapshot} snapshot
   * @param {{ age: number, now: number }} at
   * @returns {Action[]}
   */
  receiveSnapshot(snapshot, { age, now }) {
    return this.#takeSnapshot(snapshot, now - age, now);
  }

  /**
   * Take a 304: what is known was current *age* seconds ago at the origin, whose heads were *said* with it.
   * @param {{ age: number, now: number, said?: readonly Head[] }} at
   * @returns {Action[]}
   */
  receiveUnchanged({ age, now, said = [] }) {
    return understood("the answer's age cannot be believed", () => {
      const held = this.#held;
      if (held === null) return [{ do: "ask snapshot" }];
      this.#confirm(held, now - checkedAge(age));
      return this.#endorse(said, held.snapshot.digest);
    });
  }

  /** @param {import("./frames.js").Heartbeat} heartbeat @param {number} knownAt @param {number} now @returns {Action[]} */
  #takeHeartbeat(heartbeat, knownAt, now) {
    const held = this.#held;
    if (held === null) return [{ do: "ask snapshot" }];
    const actions = elsewhere(held.snapshot, heartbeat.environment, heartbeat.epoch);
    if (actions !== null) return actions;
    if (heartbeat.revision > held.snapshot.revision) return [{ do: "ask since", position: held.snapshot.position }];
    if (heartbeat.revision < held.snapshot.revision) return [behind(held.snapshot, heartbeat)];
    return [...this.#compare(held, heartbeat.digest, knownAt, now), ...this.#endorse(heartbeat.heads, heartbeat.digest)];
  }

  /** @param {Snapshot} read @param {number} knownAt @param {number} now @returns {Action[]} */
  #takeSnapshot(read, knownAt, now) {
    const heads = fitting(read.heads, read.environment, read.position);
    const snapshot = heads === read.heads ? read : read.but({ heads });
    const held = this.#held;
    /** @type {Action[]} */
    const actions = [];
    if (held !== null) {
      if (isOther(held.snapshot.environment, snapshot.environment)) actions.push(otherEnvironment(held.snapshot, snapshot.environment));
      else if (comparePositions(snapshot.position, held.snapshot.position) < 0) return [behind(held.snapshot, snapshot.position)];
    }
    const taken = { snapshot, state: new State(snapshot.items, this.#sha256), knownAt };
    if (!isSound(taken)) actions.push(mismatch(snapshot.digest, taken.state.digest), ...this.#askAgain(now));
    if (held === null) return [this.#adopt(taken, null), ...actions];
    const touched = difference(held.snapshot.items, snapshot.items);
    if (touched.length === 0 && haveSameHead(held.snapshot, snapshot)) {
      this.#confirm(held, knownAt);
      return [...actions, ...this.#endorse(snapshot.heads, snapshot.digest)];
    }
    return [this.#adopt(taken, touched), ...actions];
  }

  /** @param {Delta} delta @param {number} knownAt @param {number} now @returns {Action[]} */
  #takeDelta(delta, knownAt, now) {
    const held = this.#held;
    if (held === null) return [{ do: "ask snapshot" }];
    const actions = elsewhere(held.snapshot, delta.environment, delta.epoch);
    if (actions !== null) return actions;
    const { revision } = held.snapshot;
    if (delta.from > revision) return [{ do: "ask since", position: held.snapshot.position }];
    if (delta.to < revision) return [];
    if (delta.to === revision) return [...this.#compare(held, delta.digest, knownAt, now), ...this.#endorse(delta.heads, delta.digest)];
    return this.#apply(held, delta, knownAt, now);
  }

  /** @param {Held} held @param {Delta} delta @param {number} knownAt @param {number} now @returns {Action[]} */
  #apply(held, delta, knownAt, now) {
    const { state, touched } = held.state.after(delta.changes);
    if (!follows(held, state, delta.digest)) return [mismatch(delta.digest, state.digest), ...this.#ask(held, now)];
    const environment = held.snapshot.environment || delta.environment;
    const position = { epoch: delta.epoch, revision: delta.to };
    const heads = fitting(delta.heads, environment, position);
    const snapshot = new Snapshot({ environment, ...position, digest: delta.digest, heads, items: state.items });
    const taken = { snapshot, state, knownAt };
    const adopted = this.#adopt(taken, touched, delta);
    return isSound(taken) ? [adopted] : [adopted, ...this.#askAgain(now)];
  }

  /** @param {Held} taken @param {readonly Reference[] | null} touched @param {Delta | null} [step] @returns {Action} */
  #adopt(taken, touched, step = null) {
    const previous = this.position;
    this.#held = taken;
    return { do: "adopt", snapshot: taken.snapshot, touched, previous, step };
  }

  /**
   * Take the word of a peer who stands where we stand: the digest says whether it means the same.
   * @param {Held} held
   * @param {string} said
   * @param {number} knownAt
   * @param {number} now
   * @returns {Action[]}
   */
  #compare(held, said, knownAt, now) {
    if (said === held.state.digest) return this.#mend(this.#confirm(held, knownAt), said);
    if (said === held.snapshot.digest) {
      // It sent us what did not match itself, and that was reported: we do hold what it has.
      this.#confirm(held, knownAt);
      return this.#askAgain(now);
    }
    return [mismatch(said, held.state.digest), ...this.#ask(held, now)];
  }

  /**
   * Correct the digest of a snapshot that came with a wrong one, now that its items are known to be right.
   * @param {Held} held
   * @param {string} said
   * @returns {Action[]}
   */
  #mend(held, said) {
    return isSound(held) ? [] : [this.#adopt({ ...held, snapshot: held.snapshot.but({ digest: said }) }, [])];
  }

  /**
   * Note that what is held was current at *knownAt*. An older confirmation, come late, takes nothing back.
   * @param {Held} held
   * @param {number} knownAt
   * @returns {Held}
   */
  #confirm(held, knownAt) {
    if (held.knownAt !== null && held.knownAt >= knownAt) return held;
    return (this.#held = { ...held, knownAt });
  }

  /**
   * Take the heads that came with a word about the state that is held, if it was of the same items.
   * @param {readonly Head[]} said
   * @param {string} digestSaid
   * @returns {Action[]}
   */
  #endorse(said, digestSaid) {
    const held = this.#held;
    if (held === null || said.length === 0 || ![held.snapshot.digest, held.state.digest].includes(digestSaid)) return [];
    const { snapshot } = held;
    const found = merged(snapshot.heads, fitting(said, snapshot.environment, snapshot.position));
    if (areSame(found, snapshot.heads)) return [];
    this.#held = { ...held, snapshot: snapshot.but({ heads: found }) };
    return [{ do: "endorse", heads: found }];
  }

  /** @param {Held} held @param {number} now @returns {Action[]} */
  #ask(held, now) {
    return isSound(held) ? [{ do: "ask snapshot" }] : this.#askAgain(now);
  }

  /**
   * Ask for a snapshot because the last one was wrong in itself: the next may be too, so not in a loop.
   * @param {number} now
   * @returns {Action[]}
   */
  #askAgain(now) {
    if (this.#askedAgainAt !== null && now - this.#askedAgainAt < ASK_AGAIN_S) return [];
    this.#askedAgainAt = now;
    return [{ do: "ask snapshot" }];
  }
}

/** Return the SHA-256 of a text, as this package computes it. @param {string} text @returns {string} */
export function hashOf(text) {
  return sha256Hex(wellFormed(text));
}

/** @param {string} what @param {() => Action[]} take @returns {Action[]} */
function understood(what, take) {
  try {
    return take();
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return [{ do: "report", problem: `${what}: ${error.message}`, kind: "malformed", isRefusal: false }];
  }
}

/** Tell whether the items give the digest that was said. @param {Held} held */
function isSound({ state, snapshot }) {
  return state.digest === snapshot.digest;
}

/**
 * Tell whether a delta that says the digest *said* led to *state* as it should.
 *
 * What is held may have come with a digest that was wrong already. Then a delta that moves both digests by the same is taken, or one
 * bad checksum would stop all later changes.
 * @param {Held} held
 * @param {State} state
 * @param {string} said
 */
function follows(held, state, said) {
  if (state.digest === said) return true;
  const before = digestSum(held.snapshot.digest);
  const after = digestSum(said);
  if (isSound(held) || before === null || after === null) return false;
  return before.every((word, i) => (word ^ after[i]) === (held.state.sum[i] ^ state.sum[i]));
}

/**
 * Return what to do about a step or a heartbeat in another environment or epoch; null in ours.
 * @param {Snapshot} known
 * @param {string} environment
 * @param {number} epoch
 * @returns {Action[] | null}
 */
function elsewhere(known, environment, epoch) {
  if (isOther(known.environment, environment)) return [otherEnvironment(known, environment), { do: "ask snapshot" }];
  if (epoch > known.epoch) return [{ do: "ask snapshot" }];
  return epoch < known.epoch ? [behind(known, { epoch, revision: 0 })] : null;
}

/**
 * Tell whether these are the names of two environments. Files and heartbeats may leave the name out.
 * @param {string} known
 * @param {string} said
 */
function isOther(known, said) {
  return known !== "" && said !== "" && known !== said;
}

/** @param {Snapshot} one @param {Snapshot} other */
function haveSameHead(one, other) {
  return one.environment === other.environment && comparePositions(one.position, other.position) === 0 && one.digest === other.digest;
}

/** @param {Snapshot} known @param {string} said @returns {Action} */
function otherEnvironment(known, said) {
  const problem = `the upstream serves '${said}', what is known is '${known.environment}': positions do not compare`;
  return { do: "report", problem, kind: "other environment", isRefusal: false };
}

/** @param {Snapshot} known @param {Position} position @returns {Action} */
function behind(known, position) {
  if (position.epoch < known.epoch) {
    const problem = `the upstream is in epoch ${position.epoch}, we follow epoch ${known.epoch}: it was restored elsewhere`;
    return { do: "report", problem, kind: "upstream in an old epoch", isRefusal: false };
  }
  const problem = `the upstream is at ${positionText(position)}, behind ${positionText(known.position)}`;
  return { do: "report", problem, kind: "lagging upstream", isRefusal: false };
}

/** @param {string} said @param {string} computed @returns {Action} */
function mismatch(said, computed) {
  return {
    do: "report",
    problem: `the digest should be ${said || "given"}, the items give ${computed}`,
    kind: "digest mismatch",
    isRefusal: false,
  };
}
