/**
 * A client's settings, complete. What cannot be used is said, and left out: a worker goes on with its defaults.
 * @module
 */

import { webPlatform } from "../../platform/index.js";

/** @typedef {import("../../platform/index.js").Platform} Platform */
/** @typedef {import("./edge.js").Edge} Edge */
/** @typedef {import("./kv.js").KvNamespace} KvNamespace */

/**
 * What a client is made with. Give `kv`, or `edge`, or both: then KV starts an isolate and the edge node keeps it current.
 * @typedef {object} Options
 * @property {string} environment whose flags: `project/environment`
 * @property {KvNamespace} [kv] the binding to the namespace that an edge node publishes to
 * @property {Edge} [edge] an edge node or a server, `{ url, key }` with a server key; events are reported there
 * @property {number} [timeoutMs] how long an isolate's first request waits for flags, then gets the defaults. 1000 unless told
 * @property {number} [kvIntervalS] how often KV is asked, where there is no node that answers. 30 unless told
 * @property {number} [edgeIntervalS] how often the node is asked what is new. 5 unless told
 * @property {number} [cacheTtlS] for how long a location may answer from its own cache of KV: Cloudflare's default is 60, the least 30
 * @property {number} [lastKnownTtlS] how old a state may be that is served; older ones are the defaults. Without end unless told
 * @property {boolean} [events] whether to count evaluations and report them to `edge`. True unless told
 * @property {boolean} [sampleContexts] whether to send `edge` a sample of the contexts that flags are evaluated for, with what rules look
 *   at and nothing else, so that the server can say whom a change would move. False unless told
 * @property {readonly string[]} [privateAttributes] attributes that this sample never holds: names, or JSON pointers into nested ones
 * @property {number} [flushIntervalS] how long counts wait at most to be reported. 5 unless told, 25 at most
 * @property {Platform} [platform] the clock, chance, timers and network, for tests
 */

/**
 * @typedef {{ environment: string, kv: KvNamespace | null, edge: Edge | null, timeoutMs: number, kvIntervalMs: number,
 *   edgeIntervalMs: number, cacheTtlS: number | undefined, lastKnownTtlS: number, events: boolean, sampleContexts: boolean,
 *   privateAttributes: readonly string[], flushMs: number, platform: Platform, problems: string[] }} Settings
 */

/** A runtime ends what is left to be done half a minute after the response. */
const LONGEST_FLUSH_S = 25;

/**
 * Return settings, with a line about each of *options* that cannot be used.
 * @param {Partial<Options>} options
 * @returns {Settings}
 */
export function settingsOf(options) {
  /** @type {string[]} */
  const problems = [];
  /** @param {keyof Options} name @param {number} otherwise */
  const positive = (name, otherwise) => {
    const given = options[name];
    if (given === undefined) return otherwise;
    if (typeof given === "number" && given > 0) return given;
    problems.push(`${name} is ${String(given)}: give a number above zero`);
    return otherwise;
  };
  const kv = usable(options.kv, "kv", (given) => typeof given.getWithMetadata === "function", "a binding to Workers KV", problems);
  const edge = usable(options.edge, "edge", isEdge, "{ url, key }, with a server key", problems);
  const environment = typeof options.environment === "string" ? options.environment : "";
  if (environment === "") problems.push("environment is missing: give 'project/environment'");
  if (kv === null && edge === null) problems.push("there is nowhere to take flags from: give kv, edge or both");
  const events = edge !== null && options.events !== false;
  return {
    environment,
    kv,
    edge,
    timeoutMs: positive("timeoutMs", 1000),
    kvIntervalMs: positive("kvIntervalS", 30) * 1000,
    edgeIntervalMs: positive("edgeIntervalS", 5) * 1000,
    cacheTtlS: options.cacheTtlS === undefined ? undefined : positive("cacheTtlS", 60),
    lastKnownTtlS: positive("lastKnownTtlS", Infinity),
    events,
    ...sampleOf(options, events, problems),
    flushMs: Math.min(positive("flushIntervalS", 5), LONGEST_FLUSH_S) * 1000,
    platform: options.platform ?? webPlatform(),
    problems,
  };
}

/**
 * Return whether a sample is taken, and without which attributes. In doubt none is: what is private cannot be taken back.
 * @param {Partial<Options>} options
 * @param {boolean} events
 * @param {string[]} problems
 */
function sampleOf({ sampleContexts = false, privateAttributes = [] }, events, problems) {
  const isList = Array.isArray(privateAttributes) && privateAttributes.every((each) => typeof each === "string");
  if (!isList) problems.push('privateAttributes is no list of names: write privateAttributes: ["email", "/account/owner"]');
  if (typeof sampleContexts !== "boolean") problems.push(`sampleContexts is ${String(sampleContexts)}: give true or false`);
  else if (sampleContexts && !events) problems.push("sampleContexts: the sample goes with events to edge: give edge, and leave events on");
  return { sampleContexts: sampleContexts === true && events && isList, privateAttributes: isList ? privateAttributes : [] };
}

/**
 * @template T
 * @param {T | undefined} given
 * @param {string} name
 * @param {(given: any) => boolean} isUsable
 * @param {string} wanted
 * @param {string[]} problems
 * @returns {T | null}
 */
function usable(given, name, isUsable, wanted, problems) {
  if (given === undefined || given === null) return null;
  if (isUsable(given)) return given;
  problems.push(`${name} is not ${wanted}`);
  return null;
}

/** @param {any} edge */
function isEdge(edge) {
  return typeof edge.key === "string" && edge.key !== "" && typeof edge.url === "string" && /^https?:\/\/[^?#]+$/.test(edge.url);
}
