/**
 * Web vitals and errors of a page as metrics, with the variations that the page showed: for guarded releases and experiments.
 *
 * Measured as https://web.dev/articles/vitals defines them, and reported once for each page view, when it is first hidden or left; a page
 * that comes back from the back/forward cache is a new view. What is sent are numbers: no address, no message of an error, no stack.
 * @module
 */

/** So many of the longest interactions are kept, and one in fifty is left out of account: the 98th percentile. */
const LONGEST = 10;
const OUT_OF = 50;
/** A session window of layout shifts ends after a second without one, and lasts five at most. */
const GAP_MS = 1000;
const WINDOW_MS = 5000;
/** Events that took less are not told of, beside the first. */
const NOTED_MS = 40;

/**
 * @typedef {{ track: (key: string, measured: { value: number }) => unknown }} Tracker `flags`, the browser's client
 * @typedef {object} VitalsOptions
 * @property {number} [sample] the share of page views that are measured, 0.1 unless told
 * @property {boolean} [errors] false: errors are not counted
 * @property {() => number} [random] chance, from 0 to 1
 */

/**
 * Measure this page: `web.lcp`, `web.inp` and `web.ttfb` in milliseconds, `web.cls`, and as `web.errors` how many errors and rejections
 * nobody caught. What a browser does not measure, or did not happen (no interaction, no INP), is not reported.
 * @param {Tracker} flags
 * @param {VitalsOptions} [options]
 * @returns {() => void} stops it; what was not reported is not
 */
export function measureVitals(flags, { sample = 0.1, errors = true, random = Math.random } = {}) {
  if (!globalThis.document || !globalThis.PerformanceObserver || random() >= sample) return () => {};
  const stop = new AbortController();
  const how = { signal: stop.signal };
  // Before the client's own listener, which sends what there is.
  const first = { ...how, capture: true };
  const sources = new Sources(stop.signal);
  let view = new View(sources, document.visibilityState === "hidden" && !(/** @type {any} */ (document).prerendering));

  sources.observe("largest-contentful-paint", (entry) => view.paint(entry.startTime));
  sources.observe("layout-shift", (entry) => view.shifts.add(entry));
  sources.observe("event", (entry) => view.interactions.add(entry), { durationThreshold: NOTED_MS });
  sources.observe("first-input", (entry) => view.interactions.add(entry));
  for (const name of ["keydown", "click"]) addEventListener(name, (event) => event.isTrusted && view.settle(), first);
  addEventListener("pageshow", (event) => void (event.persisted && (view = view.restored(event.timeStamp))), first);
  addEventListener("error", () => void (view.errors += 1), how);
  addEventListener("unhandledrejection", () => void (view.errors += 1), how);
  const report = () => {
    if (document.visibilityState !== "hidden") return;
    for (const [key, value] of view.end()) if (errors || key !== "web.errors") flags.track(key, { value });
  };
  addEventListener("visibilitychange", report, first);
  return () => stop.abort();
}

/** The browser's observers, which go on over all views of a page. */
class Sources {
  /** @type {(() => void)[]} */
  #drain = [];
  /** @type {Set<string>} */
  types = new Set();

  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = signal;
  }

  /** @param {string} type @param {(entry: any) => void} take @param {object} [options] */
  observe(type, take, options) {
    if (!PerformanceObserver.supportedEntryTypes?.includes(type)) return;
    const observer = new PerformanceObserver((list) => list.getEntries().forEach(take));
    observer.observe({ type, buffered: true, ...options });
    this.signal.addEventListener("abort", () => observer.disconnect());
    this.#drain.push(() => observer.takeRecords().forEach(take));
    this.types.add(type);
  }

  /** Take what was measured and not told yet. */
  drain() {
    for (const each of this.#drain) each();
  }
}

/** What was measured of one view of the page, from its load or its way back to when it is hidden. */
class View {
  errors = 0;
  shifts = new Shifts();
  interactions = new Interactions();
  /** @type {number | null} */
  #lcp = null;
  #ttfb = timeToFirstByte();
  #hasEnded = false;

  /** @param {Sources} sources @param {boolean} isSettled nothing that is painted now is waited for by anybody */
  constructor(sources, isSettled) {
    this.sources = sources;
    this.isSettled = isSettled;
  }

  /** @param {number} startTime */
  paint(startTime) {
    if (!this.isSettled) this.#lcp = Math.max(startTime - activation(), 0);
  }

  /** The visitor acted: what is painted from now on is an answer. */
  settle() {
    if (!this.isSettled) this.sources.drain();
    this.isSettled = true;
  }

  /** Begin another view, of a page that comes back. @param {number} since */
  restored(since) {
    this.sources.drain();
    const view = new View(this.sources, true);
    view.#ttfb = 0;
    view.interactions = new Interactions(this.interactions.counted);
    requestAnimationFrame(() => requestAnimationFrame(() => void (view.#lcp = performance.now() - since)));
    return view;
  }

  /** End, and return what is to be reported. @returns {[string, number][]} */
  end() {
    if (this.#hasEnded) return [];
    this.settle();
    this.sources.drain();
    this.#hasEnded = true;
    const inp = this.interactions.latency(/** @type {any} */ (performance).interactionCount);
    const cls = this.sources.types.has("layout-shift") ? Math.round(this.shifts.worst * 1e4) / 1e4 : null;
    const times = { "web.lcp": rounded(this.#lcp), "web.inp": rounded(inp), "web.ttfb": rounded(this.#ttfb) };
    const found = { ...times, "web.cls": cls, "web.errors": this.errors };
    return Object.entries(found).flatMap(([key, value]) => (value === null ? [] : [[key, value]]));
  }
}

/** Layout shifts that nobody asked for, by session windows: CLS is the worst of them. */
export class Shifts {
  worst = 0;
  #sum = 0;
  #first = -Infinity;
  #last = -Infinity;

  /** @param {{ value: number, startTime: number, hadRecentInput: boolean }} entry */
  add({ value, startTime, hadRecentInput }) {
    if (hadRecentInput) return;
    const isSame = startTime - this.#last < GAP_MS && startTime - this.#first < WINDOW_MS;
    if (!isSame) this.#first = startTime;
    this.#sum = isSame ? this.#sum + value : value;
    this.#last = startTime;
    this.worst = Math.max(this.worst, this.#sum);
  }
}

/** Interactions, and how long the page took to show that it had noticed: INP is the 98th percentile, of few the worst. */
export class Interactions {
  /** The longest ones, by their ids. @type {Map<number, number>} */
  #longest = new Map();
  #least = Infinity;
  #most = 0;
  /** How many there were on this page, views before this one too, where the browser does not say. */
  counted;

  /** @param {number} [before] how many there were in views before */
  constructor(before = 0) {
    this.before = before;
    this.counted = before;
  }

  /** @param {{ interactionId?: number, entryType: string, duration: number }} entry */
  add({ interactionId = 0, entryType, duration }) {
    if (!interactionId && entryType !== "first-input") return;
    this.#count(interactionId);
    const longest = this.#longest;
    longest.set(interactionId, Math.max(duration, longest.get(interactionId) ?? 0));
    if (longest.size > LONGEST) longest.delete([...longest].reduce((least, each) => (each[1] < least[1] ? each : least))[0]);
  }

  /**
   * Return the latency in milliseconds, null without an interaction.
   * @param {number} [total] how many there were on this page, where the browser says so
   */
  latency(total = this.counted) {
    if (total > this.counted) this.counted = total;
    const sorted = [...this.#longest.values()].sort((one, other) => other - one);
    return sorted[Math.min(sorted.length - 1, Math.floor((this.counted - this.before) / OUT_OF))] ?? null;
  }

  /** Ids rise by seven with each interaction, as browsers that do not tell the number give them. @param {number} id */
  #count(id) {
    if (!id) return;
    this.#least = Math.min(this.#least, id);
    this.#most = Math.max(this.#most, id);
    this.counted = Math.max(this.counted, this.before + (this.#most - this.#least) / 7 + 1);
  }
}

/** @param {number | null} ms */
const rounded = (ms) => ms && Math.round(ms);

/** @returns {any} */
const navigation = () => performance.getEntriesByType("navigation")[0];

/** When the page was first shown, of one that was prerendered; 0 of others. @returns {number} */
const activation = () => navigation()?.activationStart ?? 0;

/** @returns {number | null} */
function timeToFirstByte() {
  const start = navigation()?.responseStart;
  return start > 0 && start <= performance.now() ? Math.max(start - activation(), 0) : null;
}
