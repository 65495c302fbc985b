/**
 * Trust: whose signatures count, and what a signed head says of a state in hand. No cryptography of its own.
 * @module
 */

import { areSame, fitting, MOST_ROTATIONS, rotationStatement, statement } from "./heads.js";
import { positionText } from "./position.js";

/** @typedef {import("./documents.js").Snapshot} Snapshot */
/** @typedef {import("./heads.js").Head} Head */
/** @typedef {import("./heads.js").Rotation} Rotation */
/** @typedef {import("./position.js").Position} Position */
/** @typedef {import("./replica.js").Action & { do: "report" }} Reported */
/** @typedef {import("./roots.js").Lines} Lines */
/**
 * Says whether a signature is that of a message by a public key.
 * @typedef {(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean} Verify
 */
/**
 * What is asked of a state. `environment` is the one it must be of, empty for any; `projections` those it may be. `isStrict`: nothing is
 * adopted without proof. `maxHeadAgeS`: for how long a signature proves that a state is current; null: without end.
 * @typedef {Readonly<{ isStrict: boolean, environment: string, projections: readonly string[], maxHeadAgeS: number | null }>} Terms
 */

const SCHEME = "ed25519:";
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** The public keys whose signatures count, as they follow rotations; and what they have signed. */
export class Trust {
  #keys;
  /** @type {Set<string>} */
  #replaced = new Set();
  #verify;
  #time;
  /** The heads that were found good, one a projection: heartbeats say the same one over and over. @type {Map<string, Head>} */
  #good = new Map();

  /**
   * @param {Iterable<string>} keys
   * @param {Verify} verify
   * @param {{ time: () => number, terms: Terms }} given `time`: seconds since 1970
   */
  constructor(keys, verify, { time, terms }) {
    this.terms = terms;
    this.#keys = new Set(keys);
    this.#verify = verify;
    this.#time = time;
  }

  /**
   * Return why the signature of *head* does not count; empty if it does.
   * @param {Head} head
   * @returns {string}
   */
  fault(head) {
    const good = this.#good.get(head.projection);
    if (good !== undefined && areSame([good], [head])) return "";
    this.#follow(head.rotations ?? []);
    if (this.#replaced.has(head.key)) return `${head.key} was replaced by another key`;
    if (!this.#keys.has(head.key)) return `${head.key} is not one of the trusted keys`;
    if (!this.#isSigned(head.key, statement(head), head.signature)) return `its signature is not that of ${head.key}`;
    this.#good.set(head.projection, head);
    return "";
  }

  /**
   * Return the head that proves *snapshot*, whose items have *lines*; or what is wrong with it.
   * @param {Snapshot} snapshot
   * @param {Lines} lines
   * @param {string} [environment] the one that is known already: another's state is no later state of it
   * @returns {Head | Reported}
   */
  judged(snapshot, lines, environment = "") {
    const mine = snapshot.heads.filter(({ projection }) => this.terms.projections.includes(projection));
    const found = fitting(mine, snapshot.environment, snapshot.position);
    if (found.length === 0) return this.unsigned(snapshot.position);
    const faults = [];
    for (const head of found) {
      const fault = this.#faultOf(head, lines, this.terms.environment || environment);
      if (fault === "") return head;
      faults.push(fault);
    }
    const problem = `${positionText(snapshot.position)} is not proved: ${faults.join("; ")}`;
    return { do: "report", problem, kind: "signature not trusted", isRefusal: false };
  }

  /** Tell whether *head* is young enough to prove that its state is current. @param {Head} head */
  isFresh(head) {
    const { maxHeadAgeS } = this.terms;
    return maxHeadAgeS === null || this.ageS(head) <= maxHeadAgeS;
  }

  /** Return how many seconds ago *head* was signed, by both clocks of the day. @param {Head} head */
  ageS(head) {
    return Math.max(0, this.#time() - head.time / 1000);
  }

  /** Return what to say of a head that is not fresh. @param {Head} head @returns {Reported} */
  stale(head) {
    const problem = `${positionText(head)} was signed ${this.ageS(head).toFixed(0)} s ago: nothing proves it current`;
    return { do: "report", problem, kind: "signed too long ago", isRefusal: false };
  }

  /** Return what to say of a state that came without a signed head. @param {Position} position @returns {Reported} */
  unsigned(position) {
    return { do: "report", problem: `${positionText(position)} came without a signed head`, kind: "no signature", isRefusal: false };
  }

  /**
   * Trust the keys that trusted ones are replaced by, in place of those. The first word of a key is its last.
   * @param {readonly Rotation[]} rotations
   */
  #follow(rotations) {
    for (const rotation of rotations.slice(0, MOST_ROTATIONS)) {
      const { from, to, signature } = rotation;
      if (!this.#keys.has(from) || this.#replaced.has(from) || this.#replaced.has(to) || to === from) continue;
      if (keyBytes(to) === null || !this.#isSigned(from, rotationStatement(rotation), signature)) continue;
      this.#keys.add(to);
      this.#replaced.add(from);
      this.#good.clear();
    }
  }

  /** @param {Head} head @param {Lines} lines @param {string} wanted */
  #faultOf(head, lines, wanted) {
    if (wanted !== "" && head.environment !== wanted) return `it is '${head.environment}', not '${wanted}'`;
    const fault = this.fault(head);
    if (fault !== "") return fault;
    return lines.root() === head.root ? "" : "its items are not those that were signed";
  }

  /** @param {string} key @param {Uint8Array | null} message @param {string} signature */
  #isSigned(key, message, signature) {
    const [publicKey, raw] = [keyBytes(key), decoded(signature, SIGNATURE_BYTES)];
    return message !== null && publicKey !== null && raw !== null && this.#verify(publicKey, message, raw);
  }
}

/**
 * Return the public key that is written as *text*; null if it is none.
 * @param {string} text
 * @returns {Uint8Array | null}
 */
export function keyBytes(text) {
  return text.startsWith(SCHEME) ? decoded(text.slice(SCHEME.length), KEY_BYTES) : null;
}

/**
 * Return the *size* bytes that are written as *text*, in base64 with `-` and `_`; null for any other text, another spelling of them too.
 * @param {string} text
 * @param {number} size
 * @returns {Uint8Array | null}
 */
function decoded(text, size) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  try {
    const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const again = btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return letters.length === size && again === text ? Uint8Array.from(letters, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}
