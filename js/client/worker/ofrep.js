/**
 * OFREP 0.3, answered in the isolate: client-side flags for OpenFeature's own providers and for browsers, as a server answers a client key.
 * @module
 */

import { wellFormed } from "../../bucketing/index.js";

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("../../engine/index.js").Evaluation} Evaluation */
/** @typedef {import("./rules.js").Rules} Rules */
/**
 * A client key that is taken. With a `signingSecret` it answers for signed targeting keys only, as servers do.
 * @typedef {{ key: string, signingSecret?: string }} ClientKey
 */
/**
 * How to answer. `keys`: the client keys that are taken; anybody is answered unless told. `origins`: the pages that may read answers; all
 * unless told. `context`: what is evaluated for, given what was sent: put in here what a browser may not choose. `ttlS`: for how many
 * seconds a client may go on without asking again; 300 unless told. `sample`: whether what is evaluated for may be in the client's sample
 * of contexts (`sampleContexts`); anybody can make contexts up, so false unless told.
 * @typedef {{ keys?: readonly (string | ClientKey)[], origins?: readonly string[], context?: (sent: Context, request: Request) => Context,
 *   ttlS?: number, sample?: boolean }} How
 */

const PATH = "/ofrep/v1/evaluate/flags";
const SIGNATURE = "X-Pennon-Signature";
const BODY_BYTES = 2 ** 20;
const CONTEXT_BYTES = 64 * 1024;
const CONTEXT_DEPTH = 16;
const TTL_S = 300;
const RETRY_S = "1";
/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  OFF: "DISABLED",
  PREREQUISITE_FAILED: "DISABLED",
  TARGET_MATCH: "TARGETING_MATCH",
  RULE_MATCH: "TARGETING_MATCH",
  FALLTHROUGH: "DEFAULT",
};
const JSON_TYPE = { "content-type": "application/json" };
const PREFLIGHT = {
  "access-control-allow-methods": "POST",
  "access-control-allow-headers": "If-None-Match, Content-Type, Authorization, X-API-Key, Last-Event-ID, X-Pennon-Signature",
  "access-control-max-age": "86400",
};
const EXPOSED = "ETag, Retry-After, X-Pennon-Age, X-Pennon-Revision";

/** A request that gets no answer but an error. */
class Refusal extends Error {
  /** @param {number} status @param {string} code @param {string} details @param {Record<string, string>} [headers] */
  constructor(status, code, details, headers = {}) {
    super(details);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * Answer `POST /ofrep/v1/evaluate/flags` and `…/{key}`, and their preflights; null for any other path. Only client-side flags are there.
 * Never rejects.
 * @param {Request} request
 * @param {Rules} rules
 * @param {How} [how]
 * @returns {Promise<Response | null>}
 */
export async function answerOfrep(request, rules, how = {}) {
  const { pathname } = new URL(request.url);
  const key = keyOf(pathname);
  if (key === undefined) return null;
  const origin = readersOf(request, how);
  if (request.method === "OPTIONS") return withOrigin(new Response(null, { status: 204, headers: PREFLIGHT }), "*");
  try {
    const secret = admit(request, origin, how);
    if (!rules.ready) throw new Refusal(503, "GENERAL", "the flags are not loaded yet", { "retry-after": RETRY_S });
    const { context: sent, hidden } = await askedIn(request);
    if (secret) await requireSignature(request, secret, sent);
    const context = how.context?.(sent, request) ?? sent;
    // Who wants not to be tracked says so with every request of his browser: https://w3c.github.io/gpc/
    if (how.sample === true && hidden !== null && request.headers.get("sec-gpc") !== "1") rules.sample(context, hidden);
    return withOrigin(key === null ? await all(request, rules, context, how) : single(key, rules, context), origin);
  } catch (error) {
    return withOrigin(refused(key, error), origin);
  }
}

/** Return the flag that *path* asks for, null for all, undefined where it is none of OFREP's. @param {string} path */
function keyOf(path) {
  if (path === PATH) return null;
  if (!path.startsWith(`${PATH}/`) || path.length === PATH.length + 1) return undefined;
  const rest = path.slice(PATH.length + 1);
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}

/** @param {string} key @param {Rules} rules @param {Context} context */
function single(key, rules, context) {
  const [evaluation, site] = rules.isClientSide(key) ? rules.exposure(key, context) : [unknown(key), null];
  const { metadata, ...rest } = entryOf(key, evaluation, site);
  const status = evaluation.reason !== "ERROR" ? 200 : evaluation.errorCode === "FLAG_NOT_FOUND" ? 404 : 400;
  const body = JSON.stringify({ ...rest, metadata: { revision: rules.revision, ...metadata, age: seconds(rules.ageS) } });
  return new Response(body, { status, headers: { ...JSON_TYPE, "cache-control": "no-store", ...standing(rules) } });
}

/** @param {Request} request @param {Rules} rules @param {Context} context @param {How} how */
async function all(request, rules, context, { ttlS = TTL_S }) {
  const { revision, flagsVersion } = rules;
  const metadata = { revision, flagsVersion, ttl: ttlS };
  const basis = rules.basisOf(context);
  let flags = basis === null ? entriesOf(rules, context) : undefined;
  // The age changes with every answer and is no news, so the tag leaves it out, and is a weak one.
  const tag = `W/"${await hashOf(`${JSON.stringify(metadata)} ${basis ?? flags}`)}"`;
  const headers = { "cache-control": "private, no-cache", etag: tag, ...standing(rules) };
  if (matches(request, tag)) return new Response(null, { status: 304, headers });
  flags ??= entriesOf(rules, context);
  const body = `{"flags":[${flags}],"metadata":${JSON.stringify({ ...metadata, age: seconds(rules.ageS) })}}`;
  return new Response(body, { headers: { ...JSON_TYPE, ...headers } });
}

/** Return the client-side flags as JSON, with commas between. @param {Rules} rules @param {Context} context */
function entriesOf(rules, context) {
  const revision = JSON.stringify(rules.revision);
  const found = rules.clientSide(context).map(([key, evaluation, site]) => {
    const [before, after] = textsOf(key, evaluation, site);
    return before + revision + after;
  });
  return found.join(",");
}

/** What is before and after the revision in an entry: an evaluation is the same object for all whom it answers. @type {WeakMap<Evaluation, [string, string]>} */
const TEXTS = new WeakMap();

/**
 * @param {string} key
 * @param {Evaluation} evaluation
 * @param {import("../../engine/answers.js").ExposureSite | null} site that of the evaluation
 * @returns {[string, string]}
 */
function textsOf(key, evaluation, site) {
  let texts = TEXTS.get(evaluation);
  if (texts === undefined) {
    const { metadata, ...rest } = entryOf(key, evaluation, site);
    const more = JSON.stringify(metadata).slice(1);
    texts = [`${JSON.stringify(rest).slice(0, -1)},"metadata":{"revision":`, `${more === "}" ? "" : ","}${more}}`];
    TEXTS.set(evaluation, texts);
  }
  return texts;
}

/**
 * @param {string} key
 * @param {Evaluation} evaluation
 * @param {import("../../engine/answers.js").ExposureSite | null} site
 */
function entryOf(key, { reason, variation, value, flagVersion, ruleId, errorCode, errorMessage }, site) {
  const metadata = {
    // OFREP has one word for this and for a flag that is off; who reports what it read needs the right one.
    ...(reason === "PREREQUISITE_FAILED" ? { reason } : {}),
    ...(site === null ? {} : { exposureBy: site.by, ...(site.experiment === null ? {} : { experiment: site.experiment }) }),
    ...(flagVersion === null ? {} : { flagVersion }),
    ...(ruleId === null ? {} : { ruleId }),
  };
  if (reason === "ERROR") return { key, errorCode: errorCode ?? "GENERAL", errorDetails: errorMessage || errorCode || "GENERAL", metadata };
  // Without a variation the caller's default is meant.
  return { key, reason: REASONS[reason] ?? reason, variant: variation, ...(variation === null ? {} : { value }), metadata };
}

/** @param {string} key @returns {Evaluation} */
function unknown(key) {
  const rest = { value: null, variation: null, ruleId: null, flagVersion: null };
  return { ...rest, reason: "ERROR", errorCode: "FLAG_NOT_FOUND", errorMessage: `there is no flag '${key}'` };
}

/** Return the secret by which the targeting key has to be signed, if it has to. @param {Request} request @param {string | null} origin @param {How} how */
function admit(request, origin, { keys }) {
  if (request.method !== "POST") throw new Refusal(405, "GENERAL", "Method not allowed", { allow: "POST, OPTIONS" });
  if (origin === null) throw new Refusal(403, "GENERAL", `this is not for pages from '${request.headers.get("origin")}'`);
  const presented = keyIn(request);
  const known = keys?.map((each) => (typeof each === "string" ? { key: each } : each)).find(({ key }) => key === presented);
  if (keys !== undefined && known === undefined) {
    throw new Refusal(401, "GENERAL", "give a client key as Authorization: Bearer or X-API-Key");
  }
  const kind = (request.headers.get("content-type") ?? "application/json").split(";")[0].trim().toLowerCase();
  if (kind !== "application/json" && !kind.endsWith("+json")) throw new Refusal(415, "GENERAL", `send application/json, not '${kind}'`);
  return known?.signingSecret;
}

/**
 * Refuse a context whose targeting key is not signed. One without a targeting key claims to be nobody.
 * @param {Request} request
 * @param {string} secret
 * @param {Context} context
 */
async function requireSignature(request, secret, { targetingKey = null }) {
  if (targetingKey === null) return;
  const signature = request.headers.get(SIGNATURE);
  if (signature === null) throw unsigned("the client key demands that the targeting key is signed");
  if (typeof targetingKey !== "string" || !(await isSignature(signature, secret, targetingKey))) {
    throw unsigned("the signature is not that of the targeting key");
  }
}

/** @param {string} signature @param {string} secret @param {string} targetingKey */
async function isSignature(signature, secret, targetingKey) {
  if (!/^[0-9a-f]{64}$/.test(signature)) return false;
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => Number.parseInt(signature.slice(at * 2, at * 2 + 2), 16));
  // How long it takes tells nothing of the right one.
  return crypto.subtle.verify("HMAC", key, bytes, encoder.encode(wellFormed(targetingKey)));
}

/** @param {string} why */
function unsigned(why) {
  const mend = `send ${SIGNATURE}: the HMAC-SHA256 of the targeting key by the key's signing secret, in hex, made on your server`;
  return new Refusal(401, "INVALID_CONTEXT", `${why}: ${mend}`, { "www-authenticate": 'Bearer realm="pennon"' });
}

/** @param {Request} request */
function keyIn(request) {
  const bearer = /^bearer +(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "");
  return bearer?.[1] ?? request.headers.get("x-api-key")?.trim() ?? "";
}

/**
 * Return the context, and what of it may be in no sample: these attributes, null for all of it.
 * @param {Request} request
 * @returns {Promise<{ context: Context, hidden: readonly string[] | null }>}
 */
async function askedIn(request) {
  const body = await bodyOf(request);
  if (body.length === 0) return { context: {}, hidden: [] };
  const { context = {}, private: hidden = false } = parsed(body);
  const isList = Array.isArray(hidden) && hidden.every((each) => typeof each === "string");
  return { context: checked(context ?? {}, body), hidden: isList ? hidden : hidden === false ? [] : null };
}

/** @param {any} context @param {Uint8Array} body @returns {Context} */
function checked(context, body) {
  if (typeof context !== "object" || Array.isArray(context)) throw invalid("the context is not a JSON object");
  if (body.length > CONTEXT_BYTES) {
    const bytes = new TextEncoder().encode(JSON.stringify(context)).length;
    if (bytes > CONTEXT_BYTES) throw invalid(`the context has ${bytes} bytes, at most ${CONTEXT_BYTES} are read`);
  }
  if (isDeeper(context)) throw invalid(`the context is nested more than ${CONTEXT_DEPTH} deep`);
  return context;
}

/** @param {Request} request @returns {Promise<Uint8Array>} */
async function bodyOf(request) {
  const tooLarge = new Refusal(413, "GENERAL", `at most ${BODY_BYTES} bytes`);
  if (Number(request.headers.get("content-length")) > BODY_BYTES) throw tooLarge;
  const pieces = [];
  let size = 0;
  for await (const piece of /** @type {AsyncIterable<Uint8Array>} */ (/** @type {unknown} */ (request.body ?? []))) {
    size += piece.length;
    if (size > BODY_BYTES) throw tooLarge;
    pieces.push(piece);
  }
  return new Uint8Array(await new Blob(/** @type {BlobPart[]} */ (pieces)).arrayBuffer());
}

/** @param {Uint8Array} body @returns {Record<string, any>} */
function parsed(body) {
  let found;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new Refusal(400, "PARSE_ERROR", `the body is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found;
  throw new Refusal(400, "PARSE_ERROR", "the body is no JSON object");
}

/** @param {string} details */
function invalid(details) {
  return new Refusal(400, "INVALID_CONTEXT", details);
}

/** Tell whether containers lie too deep within each other. No recursion: it comes from outside. @param {object} context */
function isDeeper(context) {
  /** @type {object[]} */
  let level = [context];
  for (let depth = 0; depth < CONTEXT_DEPTH; depth++) {
    level = level.flatMap((outer) => Object.values(outer).filter((inner) => typeof inner === "object" && inner !== null));
    if (level.length === 0) return false;
  }
  return true;
}

/** @param {string | null} key @param {unknown} error */
function refused(key, error) {
  const { status, code, message, headers } =
    error instanceof Refusal ? error : new Refusal(500, "GENERAL", `the worker failed: ${error instanceof Error ? error.message : error}`);
  const body = { ...(key === null ? {} : { key }), errorCode: code, errorDetails: message };
  return new Response(JSON.stringify(body), { status, headers: { ...JSON_TYPE, ...headers } });
}

/** Return the pages that may read the answer: those of one origin, `*` for all, null for none. @param {Request} request @param {How} how */
function readersOf(request, { origins }) {
  const origin = request.headers.get("origin");
  if (origins === undefined || origin === null) return "*";
  return origins.includes(origin) ? origin : null;
}

/** @param {Response} answer @param {string | null} origin */
function withOrigin(answer, origin) {
  if (origin !== "*") answer.headers.set("vary", "Origin");
  if (origin === null) return answer;
  answer.headers.set("access-control-allow-origin", origin);
  answer.headers.set("access-control-expose-headers", EXPOSED);
  return answer;
}

/** @param {Rules} rules */
function standing({ revision, ageS }) {
  return { "x-pennon-revision": revision, "x-pennon-age": ageS.toFixed(3) };
}

/** @param {number} ageS */
function seconds(ageS) {
  return Number(ageS.toFixed(3));
}

/** @param {Request} request @param {string} tag */
function matches(request, tag) {
  const given = (request.headers.get("if-none-match") ?? "").split(",").map((each) => each.trim());
  return given.some((each) => each === "*" || each.replace(/^W\//, "") === tag.slice(2));
}

/** @param {string} text @returns {Promise<string>} 32 hex digits */
async function hashOf(text) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
