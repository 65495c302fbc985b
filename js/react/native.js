/**
 * What React Native has in place of a page, for `new Client(url, { platform })`: storage that is read before the client begins, a stream
 * over XMLHttpRequest, and the application's state and network as a page's visibility and `online`. Needs no package: give it yours.
 * @module
 */

import { streamOver } from "./stream.js";

/**
 * @typedef {object} AsyncStorage as `@react-native-async-storage/async-storage` has it
 * @property {() => Promise<readonly string[]>} getAllKeys
 * @property {(key: string) => Promise<string | null>} getItem
 * @property {(key: string, value: string) => Promise<unknown>} setItem
 * @property {(key: string) => Promise<unknown>} removeItem
 */
/** @typedef {{ remove(): void }} Subscription */
/**
 * @typedef {object} AppState as `react-native` has it
 * @property {string | null} currentState
 * @property {(event: "change", listener: (state: string) => void) => Subscription} addEventListener
 */
/** @typedef {{ addEventListener(listener: (state: { isConnected: boolean | null }) => void): () => void }} NetInfo as `@react-native-community/netinfo` has it */
/** @typedef {import("../client/browser/page.js").Store & { settled(): Promise<void> }} PreloadedStorage */
/** @typedef {Partial<import("../client/browser/page.js").Page> & { storage: PreloadedStorage | null, close(): void }} NativePlatform */

/** What the client keeps has names that begin so. */
const PREFIX = "pennon.";

/**
 * Return the platform of a React Native application. Each part may be left out: without storage nothing is kept, without `AppState` it is
 * always visible, without `NetInfo` a return of the network is found by trying. It gives `AbortSignal` a `timeout` where it has none.
 * @param {object} parts
 * @param {AsyncStorage} [parts.AsyncStorage]
 * @param {AppState} [parts.AppState]
 * @param {NetInfo} [parts.NetInfo]
 * @param {typeof globalThis.XMLHttpRequest} [parts.XMLHttpRequest]
 * @param {number} [parts.withinMs] how long to wait for what is stored: 500; the client then begins without
 * @returns {Promise<NativePlatform>} `close()` it when the client is closed
 */
export async function nativePlatform({ AsyncStorage, AppState, NetInfo, XMLHttpRequest = globalThis.XMLHttpRequest, withinMs = 500 }) {
  globalThis.AbortSignal.timeout ??= aborted;
  const storage = AsyncStorage ? await preloaded(AsyncStorage, { withinMs }) : null;
  const screen = new Screen(AppState);
  const network = new Network(NetInfo);
  return {
    storage,
    EventSource: /** @type {any} */ (XMLHttpRequest && streamOver(XMLHttpRequest)),
    BroadcastChannel: undefined,
    locks: undefined,
    document: /** @type {any} */ (screen),
    window: /** @type {any} */ (network),
    beacon: () => false,
    close() {
      screen.close();
      network.close();
    },
  };
}

/**
 * Return an asynchronous storage as the client wants it: what is there is read now, what is written goes there in order, behind the
 * client's back. `settled()` resolves when all is written. What fails is left out: it is a cache.
 * @param {AsyncStorage} stored
 * @param {{ withinMs?: number, prefix?: string }} [bounds]
 * @returns {Promise<PreloadedStorage>}
 */
export async function preloaded(stored, { withinMs = 500, prefix = PREFIX } = {}) {
  /** @type {Map<string, string>} */
  const items = new Map();
  /** What was written before it could be read stands. */
  const written = new Set();
  const reading = readAll(stored, prefix, (key, value) => void (written.has(key) || items.set(key, value)));
  await within(withinMs, reading);
  let writing = Promise.resolve();
  /** @param {string} key @param {() => Promise<unknown>} write */
  const behind = (key, write) => {
    written.add(key);
    writing = writing.then(write).then(ignored, ignored);
  };
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem(key, value) {
      items.set(key, value);
      behind(key, () => stored.setItem(key, value));
    },
    removeItem(key) {
      items.delete(key);
      behind(key, () => stored.removeItem(key));
    },
    settled: () => writing,
  };
}

/** @param {number} ms @returns {AbortSignal} one that aborts after so long */
function aborted(ms) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}

/** @param {AsyncStorage} stored @param {string} prefix @param {(key: string, value: string) => void} take */
async function readAll(stored, prefix, take) {
  try {
    const keys = (await stored.getAllKeys()).filter((key) => key.startsWith(prefix));
    const values = await Promise.all(keys.map((key) => stored.getItem(key)));
    values.forEach((value, index) => void (typeof value === "string" && take(keys[index], value)));
  } catch {
    // A storage that cannot be read is an empty one.
  }
}

/** @param {number} ms @param {Promise<void>} done */
async function within(ms, done) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  await Promise.race([done, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

function ignored() {}

/** As much of an `EventTarget` as the client asks for: older versions of React Native have none. */
class Target {
  /** @type {Map<string, Set<(event: any) => void>>} */
  #listeners = new Map();

  /** @param {string} type @param {(event: any) => void} listener @param {{ signal?: AbortSignal } | boolean} [options] */
  addEventListener(type, listener, options) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    const signal = typeof options === "object" ? options.signal : undefined;
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener));
  }

  /** @param {string} type @param {(event: any) => void} listener */
  removeEventListener(type, listener) {
    this.#listeners.get(type)?.delete(listener);
  }

  /** @param {string} type */
  tell(type) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener({ type });
  }
}

/** The application's state as a document's visibility. `inactive` is a call that comes in, or the list of applications: still there. */
class Screen extends Target {
  /** Nothing is hidden from it before the first paint. */
  documentElement = { removeAttribute() {} };
  /** @type {DocumentVisibilityState} */
  visibilityState;
  #subscription;

  /** @param {AppState | undefined} state */
  constructor(state) {
    super();
    this.visibilityState = visibilityOf(state?.currentState ?? "active");
    this.#subscription = state?.addEventListener("change", (name) => this.#become(visibilityOf(name)));
  }

  /** A page's bootstrap is in an element: here there is none. */
  getElementById() {
    return null;
  }

  close() {
    this.#subscription?.remove();
  }

  /** @param {DocumentVisibilityState} next */
  #become(next) {
    if (next === this.visibilityState) return;
    this.visibilityState = next;
    this.tell("visibilitychange");
  }
}

/** @param {string} state @returns {DocumentVisibilityState} */
function visibilityOf(state) {
  return state === "background" ? "hidden" : "visible";
}

/** The network as a window that comes online. */
class Network extends Target {
  #wasConnected = true;
  #stop;

  /** @param {NetInfo | undefined} network */
  constructor(network) {
    super();
    this.#stop = network?.addEventListener(({ isConnected }) => this.#become(isConnected !== false));
  }

  close() {
    this.#stop?.();
  }

  /** @param {boolean} isConnected unknown counts as connected */
  #become(isConnected) {
    if (isConnected === this.#wasConnected) return;
    this.#wasConnected = isConnected;
    this.tell(isConnected ? "online" : "offline");
  }
}
