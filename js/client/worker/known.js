/**
 * What an isolate knows of an environment: the latest whole state, and since when. It takes nothing that is older, and no half.
 * @module
 */

import { dialectsFor } from "../../engine/dialects/index.js";
import { compileSnapshot } from "../../engine/index.js";
import { own } from "../../engine/own.js";
import { digestSum, digestText } from "../../protocol/digest.js";
import { comparePositions, parsePosition, positionText } from "../../protocol/position.js";
import { Compiled } from "./compiled.js";
import { SourceFailed } from "./failures.js";
import { MEMBERS, toggleChanges } from "./sums.js";

/** @typedef {import("../../engine/index.js").Options} Options */
/** @typedef {import("../../protocol/digest.js").Sum} Sum */
/** @typedef {import("./sums.js").Records} Records */
/**
 * @typedef {{ spec?: number, environment: string, epoch: number, revision: number, digest: string, flags: Records, segments: Records,
 *   layers: Records }} Document
 * @typedef {Pick<Document, "flags" | "segments" | "layers">} Items
 * @typedef {{ epoch: number, from: number, to: number, digest: string, environment?: string, flags?: Records, segments?: Records,
 *   layers?: Records }} Delta
 * @typedef {{ document: Omit<Document, keyof Items>, compiled: Compiled, options: Options, sum: Sum, items: Items, flagsVersion: string,
 *   knownMs: number | null }} Held
 */
/**
 * What came with a state: for how many seconds it was not known to be current, null where nobody said, and what pages call it.
 * @typedef {{ ageS: number | null, flagsVersion: string | null }} Said
 */

const SPEC = 1;
/** So many items may differ from those before, and what is compiled of the others is kept. */
const MUCH = 1000;

export class Known {
  /** @type {Held | null} */
  #held = null;
  /** How many items came, since the state did, that are not as they are held. */
  #unlike = 0;
  #environment;
  #elapsed;
  #options;
  #took;

  /**
   * @param {string} environment `project/environment`; that of another is refused
   * @param {() => number} elapsed milliseconds of a clock that never goes back
   * @param {Options} [options] for the rules
   * @param {(items: Partial<Items>, how: { isWhole: boolean }) => void} [took] is told of a state, or of what changed in it
   */
  constructor(environment, elapsed, options = {}, took = () => {}) {
    this.#took = took;
    this.#environment = environment;
    this.#elapsed = elapsed;
    this.#options = options;
  }

  /** Where the state stands; null before there is one. */
  get position() {
    return this.#held === null ? null : { epoch: this.#held.document.epoch, revision: this.#held.document.revision };
  }

  /** What pages call the state; null before there is one. */
  get flagsVersion() {
    return this.#held?.flagsVersion ?? null;
  }

  /** For how many seconds the state has not been known to be current at the origin; null where nobody said. */
  get ageS() {
    const knownMs = this.#held?.knownMs ?? null;
    return knownMs === null ? null : Math.max(0, this.#elapsed() - knownMs) / 1000;
  }

  /** The rules for a state as old as it is now, where nobody says how old that is, of any age; null before there is one. */
  get compiled() {
    if (this.#held === null) return null;
    return (this.#held.compiled = this.#held.compiled.aged(this.ageS ?? Infinity));
  }

  /**
   * Tell whether this very state is held.
   * @param {string} position
   * @param {string} digest
   */
  isAt(position, digest) {
    return this.#held !== null && positionText(this.#held.document) === position && this.#held.document.digest === digest;
  }

  /**
   * Tell whether the state that is held is later than *position*: who offers that lags behind.
   * @param {string} position
   */
  isPast(position) {
    const offered = parsePosition(position);
    return this.#held !== null && (offered === null || comparePositions(this.#held.document, offered) > 0);
  }

  /**
   * Return the item to keep of one that came: the one that is held, where it is the same by version and hash. So a document in which
   * little has changed takes little room beside the one before, and what is compiled stays so. Where much has changed, it makes room for
   * what comes: hardly any of what is compiled will be of use.
   * @type {import("./reading.js").Keep}
   */
  kept = (member, key, item) => {
    const before = own(this.#held?.items[member], key);
    if (isSame(before, item)) return before;
    if (++this.#unlike === MUCH + 1) this.#held?.compiled.forget();
    return item;
  };

  /** Take note that what is held was current so long ago. @param {number | null} ageS seconds */
  confirm(ageS) {
    const held = this.#held;
    if (held === null || ageS === null) return;
    const knownMs = this.#elapsed() - ageS * 1000;
    if (held.knownMs === null || held.knownMs < knownMs) held.knownMs = knownMs;
  }

  /**
   * Take a snapshot, unless a later one is held. Throws `SourceFailed` for what is none, or is of something else.
   * @param {import("./reading.js").Read} read
   * @param {Said} said
   * @param {{ mustMatch: boolean }} how `mustMatch`: refuse one that is not what its digest says
   */
  async takeSnapshot({ document: raw, sum }, said, { mustMatch }) {
    const document = this.#checked(raw);
    const { flags, segments, layers, ...head } = document;
    const items = { flags, segments, layers };
    if (mustMatch && digestText(sum) !== document.digest) {
      throw new SourceFailed("the snapshot is not what its digest says: it is damaged");
    }
    const options = { ...this.#options, dialects: await dialectsFor(document) };
    // Another request may have brought a later one meanwhile.
    if (this.isPast(positionText(document))) return;
    const held = this.#held;
    const changes = held && changesBetween(held.items, items);
    const compiled = changes
      ? /** @type {Held} */ (held).compiled.advanced(document, changes, options)
      : new Compiled(compileSnapshot(document, options), options);
    this.#hold({ document: head, items, compiled, options, sum }, said);
    this.#took(changes ?? items, { isWhole: changes === null });
  }

  /**
   * Take the step from what is held to a later state. Return whether that went well: if not, the whole is to be asked for.
   * @param {any} delta as `JSON.parse` gives it
   * @param {Said} said
   * @returns {Promise<boolean>}
   */
  async takeDelta(delta, said) {
    const held = this.#held;
    if (held === null || !isStep(delta) || delta.epoch !== held.document.epoch || delta.from > held.document.revision) return false;
    this.#checkEnvironment(delta.environment);
    if (delta.to < held.document.revision) return true;
    if (delta.to === held.document.revision) {
      this.confirm(said.ageS);
      return delta.digest === held.document.digest;
    }
    const sum = Int32Array.from(held.sum);
    for (const member of MEMBERS) toggleChanges(sum, member, held.items[member], delta[member] ?? {});
    if (digestText(sum) !== delta.digest) return false;
    const options = { ...held.options, dialects: { ...held.options.dialects, ...(await dialectsFor(delta)) } };
    if (this.#held !== held) return true;
    const compiled = held.compiled.updated(delta, options);
    const document = { ...held.document, revision: delta.to, digest: delta.digest };
    this.#hold({ document, items: /** @type {any} */ (compiled.snapshot), compiled, options, sum }, said);
    this.#took(delta, { isWhole: false });
    return true;
  }

  /** @param {Omit<Held, "flagsVersion" | "knownMs">} taken @param {Said} said */
  #hold(taken, { ageS, flagsVersion }) {
    const { revision, digest } = taken.document;
    const knownMs = ageS === null ? null : this.#elapsed() - ageS * 1000;
    this.#unlike = 0;
    this.#held = { ...taken, flagsVersion: flagsVersion ?? `v${revision}_${digest.slice(0, 8)}`, knownMs };
  }

  /** @param {unknown} raw @returns {Document} */
  #checked(raw) {
    const found = /** @type {Partial<Document>} */ (isRecord(raw) ? raw : {});
    const { spec = SPEC, epoch, revision, digest } = found;
    if (typeof spec === "number" && spec > SPEC) {
      throw new SourceFailed(`the snapshot is of protocol ${spec}, this reads ${SPEC}; update the package pennon`);
    }
    const isSnapshot = isCount(epoch) && isCount(revision) && typeof digest === "string" && digestSum(digest) !== null;
    const { flags, segments = {}, layers = {} } = found;
    if (!isSnapshot || !isRecord(flags) || !isRecord(segments) || !isRecord(layers)) throw new SourceFailed("what came is no snapshot");
    this.#checkEnvironment(found.environment);
    return /** @type {Document} */ ({ ...found, flags, segments, layers });
  }

  /** @param {unknown} environment */
  #checkEnvironment(environment) {
    if (environment === undefined || environment === "" || environment === this.#environment) return;
    const said = `what came is of the environment '${environment}', not of '${this.#environment}'`;
    throw new SourceFailed(`${said}; check which key or namespace is used`);
  }
}

/** Whether an item is one that is held, by what both claim of themselves. @param {any} held @param {any} item */
function isSame(held, item) {
  return Boolean(item?.hash) && held?.hash === item.hash && held.version === item.version;
}

/**
 * Return the items that are not the very same, null for those that are gone; null where they are so many that to begin anew is less work.
 * @param {Items} before
 * @param {Items} after
 * @returns {Items | null}
 */
function changesBetween(before, after) {
  /** @type {Items} */
  const changes = { flags: {}, segments: {}, layers: {} };
  let count = 0;
  for (const member of MEMBERS) {
    const [old, now, found] = [before[member], after[member], changes[member]];
    let left = Object.keys(old).length;
    for (const key of Object.keys(now)) {
      const isKept = old[key] === now[key];
      if (isKept || Object.hasOwn(old, key)) left--;
      if (isKept) continue;
      if (++count > MUCH) return null;
      put(found, key, now[key]);
    }
    if (left > 0) for (const key of Object.keys(old)) if (!Object.hasOwn(now, key)) put(found, key, null);
  }
  return changes;
}

/** Put an item under a key that may be anything. @param {Records} items @param {string} key @param {any} value */
function put(items, key, value) {
  Object.defineProperty(items, key, { value, enumerable: true, configurable: true, writable: true });
}

/** @param {unknown} value @returns {value is Records} */
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is number} */
function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** @param {unknown} raw @returns {raw is Delta} */
function isStep(raw) {
  if (!isRecord(raw) || !isCount(raw.epoch) || !isCount(raw.from) || !isCount(raw.to) || typeof raw.digest !== "string") return false;
  return MEMBERS.every((member) => raw[member] === undefined || isRecord(raw[member]));
}
