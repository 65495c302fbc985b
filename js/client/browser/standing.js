/**
 * What a client answers by, and how good that is. Values are swapped whole.
 * @module
 */

/** @typedef {import("./cache.js").Kept} Kept */
/** @typedef {import("./values.js").Context} Context */
/** @typedef {import("./values.js").Source} Source */
/** @typedef {import("./values.js").Values} Values */

/** A clock is taken for right if it is behind the server's by no more than this. */
const SKEW_MS = 60_000;

/** The values that answer now. */
export class Standing {
  /** @type {Values | null} */
  values = null;
  /** Whose they are: the context, and what stands for it. @type {Context} */
  context = {};
  whose = "";
  /** What they were read from; null for a bootstrap. @type {Kept | null} */
  kept = null;
  /** @type {Source} */
  source = "defaults";
  /** Whether they can be taken for right: neither past their time, nor another build's. */
  isFresh = false;
  #since = 0;

  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** How long ago they were known to be current, in seconds; null where nothing says so. */
  get ageS() {
    return this.values && (this.page.elapsed() - this.#since) / 1000;
  }

  /**
   * Take values, unless they are older than those for the same context. Return the keys of the flags that answer otherwise now.
   * @param {Values | null} values null: the defaults
   * @param {{ source: Source, whose: string, context: Context, at: number, kept?: Kept | null, isTrusted?: boolean }} what
   * @returns {string[]}
   */
  take(values, { source, whose, context, at, kept = null, isTrusted = false }) {
    const before = this.values;
    if (before && values && this.whose === whose && isOlder(values.revision, before.revision)) return [];
    // A clock that was wrong then, or is now, makes no value fresh.
    const waited = this.page.now() - at;
    const isAgeKnown = waited > -SKEW_MS;
    Object.assign(this, { values, source, whose, context, kept });
    this.isFresh = isTrusted && isAgeKnown && waited < (values?.ttlMs ?? 0);
    this.#since = this.page.elapsed() - (isAgeKnown ? Math.max(waited, 0) : 0);
    const keys = new Set([...(before?.keys() ?? []), ...(values?.keys() ?? [])]);
    return [...keys].filter((key) => told(before, key) !== told(values, key));
  }
}

/** @param {Values | null} values @param {string} key */
function told(values, key) {
  const { variation, value } = values?.find(key, null) ?? {};
  return JSON.stringify([variation, value]);
}

/**
 * Tell whether the position *left* is before *right*: the epochs are compared first.
 * @param {string | null} left `epoch.revision`
 * @param {string | null} right
 */
export function isOlder(left, right) {
  const [[epoch, revision], [otherEpoch, otherRevision]] = [left, right].map((each) => (each ?? "").split(".").map(Number));
  return epoch < otherEpoch || (epoch === otherEpoch && revision < otherRevision);
}
