/**
 * What a client is told when it is made, checked and completed from the process's environment. Nothing else here reads that.
 * @module
 */

import { nodePlatform } from "../../platform/node.js";
import { keyBytes } from "../../protocol/trust.js";
import { parseOverrides } from "./overrides.js";

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */
/** @typedef {import("../../platform/index.js").Platform} Platform */
/**
 * Keeps one environment's last known state: a text.
 * @typedef {{ load: () => Promise<string | null> | string | null, save: (text: string) => Promise<void> | void }} Store
 */
/**
 * @typedef {object} Given what a client takes beside its address; each is optional
 * @property {string} [key] a server key; `PENNON_KEY` stands in for it
 * @property {string | Store} [store] a folder in which the last known state is kept (`PENNON_STORE` stands in for it), or your own
 * @property {string} [file] a JSON file of flags, instead of a server
 * @property {string} [environment] which environment to read, `project/environment`: for edge keys, and with `strictSignatures`
 * @property {readonly string[]} [trustedKeys] public keys of the control plane, `ed25519:…`: what they did not sign is reported;
 *   `PENNON_TRUSTED_KEYS`, with commas between, stands in for them
 * @property {boolean} [strictSignatures] whether to adopt nothing that the trusted keys did not sign: no, unless told
 * @property {number} [maxHeadAgeMs] for how long a signature proves that a state is current, with `strictSignatures`: without end
 * @property {number} [lastKnownTtlMs] after which the last known state is not served any more: without end
 * @property {number} [pollIntervalMs] how often to ask while the stream is down: 30 s
 * @property {number} [flushIntervalMs] how often events are sent: 10 s
 * @property {number} [heartbeatMs] how often the server says that it is alive; a stream silent for two and a half of these is dead: 25 s
 * @property {number} [timeoutMs] how long to wait for a connection, an answer, or a stream's first frame: 10 s
 * @property {number} [maxBytes] the largest answer or frame that is read: 64 MiB
 * @property {boolean} [events] whether to count evaluations and report them: yes
 * @property {boolean} [sampleContexts] whether to send the server some of the contexts that flags are evaluated for, with what rules look
 *   at and nothing else, so that it can say whom a change would move: no
 * @property {readonly string[]} [privateAttributes] attributes of contexts that never leave the process in that sample: names, or JSON
 *   pointers into nested ones. The units of exposures and metrics are not among them: what is split by an attribute reports it
 * @property {string} [application] who evaluates, in which version, as in `checkout-web/2.3.0`: so the server knows who reads a flag's
 *   values
 * @property {readonly ((flag: string, context: Record<string, any>, evaluation: Evaluation) => void)[]} [hooks] called after each
 *   evaluation
 * @property {Readonly<Record<string, unknown>>} [overrides] values by flag key that go before everything, those of `PENNON_OVERRIDES` too
 * @property {Partial<Platform>} [platform] clock, chance, network and timers in place of the machine's: for tests, or another `fetch`
 */
/**
 * A client's settings, complete and checked.
 * @typedef {Required<Omit<Given, "store" | "file" | "maxHeadAgeMs" | "lastKnownTtlMs" | "overrides" | "platform">> & {
 *   urls: readonly string[], store: string | Store | null, file: string | null, maxHeadAgeMs: number | null,
 *   lastKnownTtlMs: number | null, overrides: Map<string, any>, platform: Platform }} Options
 */

const DURATIONS = /** @type {const} */ ({
  pollIntervalMs: 30_000,
  flushIntervalMs: 10_000,
  heartbeatMs: 25_000,
  timeoutMs: 10_000,
  maxBytes: 64 * 2 ** 20,
});
const APPLICATION = /^[A-Za-z0-9._-]{1,100}\/[0-9A-Za-z.+-]{1,64}$/;
const BOUNDS = /** @type {const} */ (["lastKnownTtlMs", "maxHeadAgeMs"]);
const KNOWN = new Set([
  ...["key", "store", "file", "environment", "trustedKeys", "strictSignatures", "events", "hooks", "overrides", "platform"],
  ...["sampleContexts", "privateAttributes", "application"],
  ...Object.keys(DURATIONS),
  ...BOUNDS,
]);

/**
 * Return the settings of a client. Throws a `TypeError` that names the option, over what cannot be.
 * @param {string | URL | readonly (string | URL)[] | null | undefined} url
 * @param {Given} given
 * @param {Record<string, string | undefined>} environ the process's environment
 * @returns {Options}
 */
export function checkedOptions(url, given, environ) {
  if (typeof given !== "object" || given === null) throw new TypeError("the options are an object: new Client(url, { key })");
  const stray = Object.keys(given).find((name) => !KNOWN.has(name));
  if (stray !== undefined) throw new TypeError(`there is no option '${stray}'; there are ${[...KNOWN].sort().join(", ")}`);
  const file = checkedFile(given, url);
  const urls = file === null ? checkedUrls(url ?? environ.PENNON_URL) : [];
  const key = checkedKey(given.key ?? environ.PENNON_KEY ?? "", urls);
  const durations = Object.fromEntries(Object.entries(DURATIONS).map(([name, without]) => [name, positive(given, name) ?? without]));
  return {
    .../** @type {Record<keyof typeof DURATIONS, number>} */ (durations),
    ...checkedSignatures(given, environ, urls),
    urls,
    key,
    file,
    store: urls.length === 0 ? null : checkedStore(given.store ?? environ.PENNON_STORE),
    lastKnownTtlMs: positive(given, "lastKnownTtlMs") ?? null,
    environment: text(given, "environment") ?? "",
    events: flag(given, "events") ?? true,
    sampleContexts: flag(given, "sampleContexts") ?? false,
    privateAttributes: checkedAttributes(given.privateAttributes ?? []),
    application: checkedApplication(given.application ?? ""),
    hooks: checkedHooks(given.hooks ?? []),
    overrides: new Map([...parseOverrides(environ.PENNON_OVERRIDES ?? ""), ...Object.entries(record(given, "overrides") ?? {})]),
    platform: { ...nodePlatform(), ...given.platform },
  };
}

/** @param {Given} given @param {unknown} url */
function checkedFile(given, url) {
  const file = text(given, "file");
  if (file !== undefined && url !== undefined && url !== null)
    throw new TypeError("flags come from a server or from a file: leave out url, or file");
  return file ?? null;
}

/** @param {unknown} url */
function checkedUrls(url) {
  const given = Array.isArray(url) ? url : [url];
  return given.filter((each) => each !== undefined && each !== null && each !== "").map(checkedUrl);
}

/** @param {unknown} url */
function checkedUrl(url) {
  const written = url instanceof URL ? url.href : url;
  const parsed = typeof written === "string" && URL.canParse(written) ? new URL(written) : null;
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol) || parsed.search !== "" || parsed.hash !== "") {
    throw new TypeError(`url: ${JSON.stringify(url)} is not the address of a server; write http://host:port or https://host`);
  }
  return parsed.href.replace(/\/+$/, "");
}

/** @param {unknown} key @param {readonly string[]} urls */
function checkedKey(key, urls) {
  if (urls.length > 0 && key === "") throw new TypeError("key: a server wants a key; pass { key }, or set PENNON_KEY");
  if (typeof key !== "string" || !/^[\x20-\x7e]*$/.test(key)) {
    throw new TypeError("key: a key has printable ASCII characters only; look for a stray line break or quote");
  }
  return key;
}

/** @param {unknown} store @returns {string | Store | null} */
function checkedStore(store) {
  if (store === undefined || store === null || store === "") return null;
  const { load, save } = /** @type {any} */ (store);
  if (typeof store === "string" || (typeof load === "function" && typeof save === "function")) return /** @type {string | Store} */ (store);
  throw new TypeError("store: expected a folder's path, or an object with load() and save(text)");
}

/** @param {unknown} attributes @returns {readonly string[]} */
function checkedAttributes(attributes) {
  if (Array.isArray(attributes) && attributes.every((each) => typeof each === "string")) return [...attributes];
  throw new TypeError('privateAttributes: expected a list; write privateAttributes: ["email", "/account/owner"]');
}

/** @param {unknown} application @returns {string} */
function checkedApplication(application) {
  if (application === "" || (typeof application === "string" && APPLICATION.test(application))) return application;
  throw new TypeError(`application: ${JSON.stringify(application)} is no name with a version; write one as in checkout-web/2.3.0`);
}

/** @param {unknown} hooks @returns {Options["hooks"]} */
function checkedHooks(hooks) {
  if (Array.isArray(hooks) && hooks.every((hook) => typeof hook === "function")) return hooks;
  throw new TypeError("hooks: expected a list of functions of (flag, context, evaluation)");
}

/** @param {Given} given @param {Record<string, string | undefined>} environ @param {readonly string[]} urls */
function checkedSignatures(given, environ, urls) {
  const named = given.trustedKeys ?? (environ.PENNON_TRUSTED_KEYS ?? "").split(",");
  if (!Array.isArray(named)) throw new TypeError('trustedKeys: expected a list; write trustedKeys: ["ed25519:…"]');
  const trustedKeys = named.map((each) => `${each}`.trim()).filter((each) => each !== "");
  const wrong = trustedKeys.find((each) => keyBytes(each) === null);
  if (wrong !== undefined)
    throw new TypeError(
      `trustedKeys: ${JSON.stringify(wrong)} is no public key; write ed25519: and 43 letters, as \`pennon key signing list\` shows it`,
    );
  const strictSignatures = flag(given, "strictSignatures") ?? false;
  const maxHeadAgeMs = positive(given, "maxHeadAgeMs") ?? null;
  if (urls.length === 0) {
    if (given.trustedKeys !== undefined || strictSignatures)
      throw new TypeError("trustedKeys: flags of a file are not signed; leave it out");
    return { trustedKeys: [], strictSignatures, maxHeadAgeMs };
  }
  if (strictSignatures && trustedKeys.length === 0)
    throw new TypeError("strictSignatures wants trustedKeys: pass them, or set PENNON_TRUSTED_KEYS");
  if (strictSignatures && !given.environment)
    throw new TypeError('strictSignatures wants to know whose flags: pass environment: "project/environment"');
  if (maxHeadAgeMs !== null && !strictSignatures) throw new TypeError("maxHeadAgeMs is for strictSignatures: true only");
  return { trustedKeys, strictSignatures, maxHeadAgeMs };
}

/** @param {object} given @param {string} name @returns {number | undefined} */
function positive(given, name) {
  const value = /** @type {any} */ (given)[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && value > 0) return value;
  throw new TypeError(`${name}: ${JSON.stringify(value)} is not a number above zero`);
}

/** @param {object} given @param {string} name @returns {string | undefined} */
function text(given, name) {
  const value = /** @type {any} */ (given)[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(`${name}: expected a text, got ${JSON.stringify(value)}`);
}

/** @param {object} given @param {string} name @returns {boolean | undefined} */
function flag(given, name) {
  const value = /** @type {any} */ (given)[name];
  if (value === undefined || typeof value === "boolean") return value;
  throw new TypeError(`${name}: expected true or false, got ${JSON.stringify(value)}`);
}

/** @param {object} given @param {string} name @returns {Record<string, unknown> | undefined} */
function record(given, name) {
  const value = /** @type {any} */ (given)[name];
  if (value === undefined || (typeof value === "object" && value !== null && !Array.isArray(value))) return value;
  throw new TypeError(`${name}: expected an object of values by flag key, got ${JSON.stringify(value)}`);
}
