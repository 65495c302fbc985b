/**
 * What React reads: the answers of one client, each the same object until it is another answer. Knows nothing of React.
 * @module
 */

/** @typedef {import("../engine/answers.js").Evaluation} Evaluation */
/** @typedef {{ flags: Record<string, any>, revision?: string | null, flagsVersion?: string | null }} Bootstrap as `POST /client/v1/bootstrap` answers it */
/**
 * @typedef {object} Standing how the client stands
 * @property {0 | 1 | 2 | 3} level
 * @property {boolean} ready
 * @property {"bootstrap" | "cache" | "network" | "defaults" | "rules"} source
 * @property {string | null} revision
 * @property {string | null} flagsVersion
 * @property {string | null} problem
 */
/**
 * @typedef {object} BrowserClient what is asked of a client
 * @property {(key: string, fallback: any) => Evaluation} evaluation
 * @property {(event: any, listener: (said: any) => void) => () => void} on
 * @property {() => Standing} status
 * @property {(bounds: { withinMs: number }) => Promise<unknown>} firstPaint
 */

/** @typedef {{ promise: Promise<unknown>, isOver: boolean }} Painting */

/** The value of an answer that is the caller's own. It goes in as the fallback, and is known again where it comes out. */
export const CALLERS = Object.freeze({});

/** @type {WeakMap<object, Answers>} */
const KNOWN = new WeakMap();

/**
 * Return the answers of a client: the same ones each time, for React throws away what a component that waits has made.
 * @param {BrowserClient | null} client null while a server renders
 * @param {Bootstrap | null} bootstrap
 * @returns {Answers}
 */
export function answersOf(client, bootstrap) {
  const key = client ?? bootstrap;
  if (key === null) return new Answers(null, null);
  let answers = KNOWN.get(key);
  if (answers === undefined) KNOWN.set(key, (answers = new Answers(client, bootstrap)));
  return answers;
}

/** Reads a flag once for each change of it, however many components show it, for as long as there is the client. */
export class Answers {
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Map<string, Evaluation>} */
  #last = new Map();
  /** @type {Set<string>} */
  #fresh = new Set();
  /** @type {Map<string, Evaluation>} */
  #first = new Map();
  /** @type {Painting | null} */
  #painting = null;

  /** @param {BrowserClient | null} client @param {Bootstrap | null} bootstrap what the page came with */
  constructor(client, bootstrap) {
    this.client = client;
    this.bootstrap = bootstrap;
    client?.on("change", ({ keys }) => this.#renew(keys));
    // What could not be answered before has another error now, or a value.
    client?.on("ready", () => this.#renew([...this.#last].filter(([, { errorCode }]) => errorCode !== null).map(([key]) => key)));
    client?.on("status", () => this.#renew([]));
  }

  /** Call *listener* whenever an answer, or how the client stands, may be another. @param {() => void} listener @returns {() => void} */
  subscribe = (listener) => {
    // One that is given twice counts twice.
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  /** Return what a flag answers now. @param {string} key @returns {Evaluation} */
  read(key) {
    if (this.client === null) return this.first(key);
    const last = this.#last.get(key);
    if (last !== undefined && this.#fresh.has(key)) return last;
    const found = settled(this.client.evaluation(key, CALLERS), last);
    this.#last.set(key, found);
    this.#fresh.add(key);
    return found;
  }

  /** Return what a flag answered in the page as it came: on the server, and while React takes over its HTML. @param {string} key @returns {Evaluation} */
  first(key) {
    let found = this.#first.get(key);
    if (found === undefined) this.#first.set(key, (found = evaluationOf(key, this.bootstrap)));
    return found;
  }

  /** @returns {Standing} how the client stands; without one, how the page came */
  standing() {
    if (this.client !== null) return this.client.status();
    const { revision = null, flagsVersion = null } = this.bootstrap ?? {};
    const known = this.bootstrap !== null;
    return { level: known ? 2 : 3, ready: known, source: known ? "bootstrap" : "defaults", revision, flagsVersion, problem: null };
  }

  /**
   * Return what to wait for, or was waited for, before the first values are shown; null if they were known from the beginning.
   * @param {number} withinMs
   * @returns {Painting | null}
   */
  painting(withinMs) {
    if (this.#painting === null && this.client?.status().source === "defaults") {
      const painting = { isOver: false, promise: this.client.firstPaint({ withinMs }).finally(() => (painting.isOver = true)) };
      this.#painting = painting;
    }
    return this.#painting;
  }

  /** @param {Iterable<string>} keys */
  #renew(keys) {
    for (const key of keys) this.#fresh.delete(key);
    for (const listener of [...this.#listeners]) listener();
  }
}

/**
 * Return *found*, or *last* where it says the same; its value is the last one's where they are equal, so that React sees no news.
 * @param {Evaluation} found
 * @param {Evaluation | undefined} last
 * @returns {Evaluation}
 */
function settled(found, last) {
  if (last === undefined || !isEqual(found.value, last.value)) return found;
  const names = /** @type {(keyof Evaluation)[]} */ (Object.keys(found));
  const isSame = names.every((name) => name === "value" || found[name] === last[name]);
  return isSame ? last : Object.freeze({ ...found, value: last.value });
}

/** @param {any} one @param {any} other */
function isEqual(one, other) {
  if (Object.is(one, other)) return true;
  const isObject = typeof one === "object" && typeof other === "object" && one !== CALLERS && other !== CALLERS;
  return isObject && JSON.stringify(one) === JSON.stringify(other);
}

/** @param {string} key @param {Bootstrap | null} bootstrap @returns {Evaluation} */
function evaluationOf(key, bootstrap) {
  const flags = bootstrap?.flags;
  const said = flags && Object.hasOwn(flags, key) ? flags[key] : null;
  const missing = { value: CALLERS, variation: null, reason: "ERROR", ruleId: null, flagVersion: null, errorMessage: null };
  if (said === null) {
    const errorCode = flags ? "FLAG_NOT_FOUND" : "PROVIDER_NOT_READY";
    return Object.freeze(/** @type {Evaluation} */ ({ ...missing, errorCode, errorMessage: `the page came without ${JSON.stringify(key)}` }));
  }
  const { value = CALLERS, variation = null, reason = "FALLTHROUGH", ruleId = null, flagVersion = null, errorCode = null } = said;
  return Object.freeze({ value, variation, reason, ruleId, flagVersion, errorCode, errorMessage: errorCode });
}
