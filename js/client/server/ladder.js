/**
 * What a client does when all else is dead: stream, else poll, else what it knows, else the defaults.
 *
 * A state machine without a clock or chance of its own. It says what to try next, and is told what came of it.
 * @module
 */

/** How good the source of the state is: 0 is best. The same in every SDK and edge node. */
export const Level = Object.freeze({ STREAMING: 0, POLLING: 1, LAST_KNOWN: 2, DEFAULTS: 3 });
export const LEVEL_NAMES = Object.freeze(["streaming", "polling", "last known", "defaults"]);

/**
 * Why an attempt came to nothing, as far as what to do next depends on it: the key is wrong; nothing at this address; what was sent
 * cannot be taken, now or later; 429 or 503; not signed as it must be; an answer that makes no sense; no answer; a stream without a sign
 * of life; a stream that the server closed, or closed with a goodbye.
 * @typedef {"refused" | "missing" | "unfit" | "busy" | "untrusted" | "broken" | "unreachable" | "silent" | "ended" | "draining"}
 *   FailureKind
 */
/**
 * What came to nothing and why. `notBeforeS` is the server's own wish, in seconds from now.
 * @typedef {Readonly<{ kind: FailureKind, message: string, notBeforeS?: number }>} Failure
 */
/** @typedef {{ do: "connect", upstream: number } | { do: "poll" } | { do: "wait", until: number }} Step */

/** An upstream did not give what was asked of it. */
export class UpstreamFailed extends Error {
  name = "UpstreamFailed";

  /** @param {FailureKind} kind @param {string} message @param {number} [notBeforeS] */
  constructor(kind, message, notBeforeS) {
    super(message);
    /** @type {Failure} */
    this.failure = { kind, message, notBeforeS };
  }
}

const LONGEST_WISH_S = 3600;
/** Of nothing, twice as much is nothing: it would connect without end, and never poll. */
const SHORTEST_BASE_S = 0.1;
const WISH_SPREAD = 0.25;
const BASE_S = 1;
const CAP_S = 30;
const HEALTHY_S = 10;
const REFUSED_S = 60;

/** Decides what to try next. Times are in seconds; *random* gives numbers from 0 to 1. */
export class Ladder {
  #random;
  #pollS;
  #upstreams;
  #upstream = 0;
  #baseS = BASE_S;
  #failures = 0;
  /** @type {number | null} */
  #openedAt = null;
  #connectAt = -Infinity;
  #pollAt = -Infinity;
  #isPollPutOff = false;

  /**
   * The best rung that can be stood on, given that there is something to evaluate by; polling until a poll has failed too.
   * @type {number}
   */
  level = Level.POLLING;

  /** @param {{ upstreams: number, pollS: number, random: () => number }} given */
  constructor({ upstreams, pollS, random }) {
    this.#upstreams = upstreams;
    this.#pollS = pollS;
    this.#random = random;
  }

  /** Return what to do at *now*. @param {number} now @returns {Step} */
  next(now) {
    if (now >= this.#connectAt) return { do: "connect", upstream: this.#upstream };
    if (now >= this.#pollAt) return { do: "poll" };
    return { do: "wait", until: Math.min(this.#connectAt, this.#pollAt) };
  }

  /** Note that the stream gave a sign of life, the first of this connection or a later one. @param {number} now */
  opened(now) {
    this.#openedAt ??= now;
    this.level = Level.STREAMING;
  }

  /** Note the server's `retry:`, the base of the waiting times from now on. @param {number} retryS */
  askedToWait(retryS) {
    this.#baseS = Math.min(Math.max(retryS, SHORTEST_BASE_S), CAP_S);
  }

  /** Note that the stream, or the attempt at one, is over. @param {Failure} failure @param {number} now */
  ended(failure, now) {
    const openedAt = this.#openedAt;
    this.#openedAt = null;
    if (openedAt !== null) {
      if (now - openedAt >= HEALTHY_S) this.#failures = 0;
      this.level = Level.POLLING;
      this.#pollAt = now + this.#pollS * (0.5 + 0.5 * this.#random());
    }
    this.#upstream = openedAt === null ? (this.#upstream + 1) % this.#upstreams : 0;
    this.#connectAt = now + this.#delay(failure);
    if (failure.kind === "busy" && this.#upstream === 0 && this.#pollAt <= now) this.#putPollOff();
    if (failure.kind === "refused" && this.#upstream === 0) {
      this.level = Level.LAST_KNOWN;
      this.#pollAt = this.#connectAt;
    }
  }

  /** Note that an upstream answered a poll. @param {number} now */
  polled(now) {
    this.level = Level.POLLING;
    this.#isPollPutOff = false;
    this.#pollAt = now + this.#pollS;
  }

  /** Note that no upstream answered a poll. @param {Failure} failure @param {number} now */
  pollFailed(failure, now) {
    this.level = Level.LAST_KNOWN;
    this.#isPollPutOff = false;
    // Spread: servers may tell all the same.
    const wish = wishOf(failure) * (1 + WISH_SPREAD * this.#random());
    const wait = failure.kind === "refused" ? REFUSED_S : this.#pollS;
    this.#pollAt = now + Math.max(wish, wait * (0.75 + 0.5 * this.#random()));
  }

  /**
   * Wait with a poll that is due: asked at once, it would be one more of those that are too many. Only once: a server may have no room for
   * streams for as long as it runs, and still answer polls.
   */
  #putPollOff() {
    if (this.#isPollPutOff) return;
    this.#isPollPutOff = true;
    this.#pollAt = this.#connectAt;
  }

  /** @param {Failure} failure */
  #delay(failure) {
    const wish = wishOf(failure);
    // The server has spread its clients already.
    if (failure.kind === "draining" && failure.notBeforeS !== undefined) return wish;
    // The next upstream has not been tried yet.
    if (this.#upstream > 0) return 0;
    if (failure.kind === "refused") return Math.max(wish, REFUSED_S * (1 + this.#random()));
    const ceiling = Math.min(CAP_S, this.#baseS * 2 ** Math.min(this.#failures, 16));
    this.#failures++;
    return wish + ceiling * this.#random();
  }
}

/** @param {Failure} failure */
function wishOf({ notBeforeS = 0 }) {
  return Math.min(notBeforeS, LONGEST_WISH_S);
}
