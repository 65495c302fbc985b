/**
 * The worker that the tests ask: it keeps clients by name, as an application keeps its one, and does what a request tells it to.
 *
 * Below `/client/v4` it is the part of Cloudflare's API that writes to Workers KV, over its own binding: what an edge node publishes
 * there is read back by the runtime's own KV.
 */

import { answerOfrep, bootstrapHtml, Client } from "pennon/worker";

const TOKEN = "secret-token";
const NAMESPACE = "/client/v4/accounts/a1b2c3/storage/kv/namespaces/f00d";

/** @type {Map<string, { client: Client, kv: FaultyKv | undefined, warnings: string[] }>} */
const kept = new Map();

/** A binding that a test can have fail: the far end of a wire. */
class FaultyKv {
  mode = "ok";
  reads = 0;

  /** @param {any} kv */
  constructor(kv) {
    this.kv = kv;
  }

  /** @param {string} key @param {object} options */
  async getWithMetadata(key, options) {
    this.reads++;
    if (this.mode === "gone") throw new Error("KV GET failed: 500 Internal Server Error");
    if (this.mode === "hangs") await new Promise(() => {});
    return this.kv.getWithMetadata(key, options);
  }
}

export default {
  /** @param {Request} request @param {{ FLAGS: any }} env @param {any} ctx */
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/client/v4/")) return cloudflare(request, env.FLAGS);
    if (pathname === "/kv") return write(request, env.FLAGS);
    const { context = {}, ...asked } = JSON.parse(decodeURIComponent(request.headers.get("x-asked") ?? "{}"));
    const { client, kv, warnings } = find(asked, env);
    if (kv && asked.mode) kv.mode = asked.mode;
    const rules = await client.load(asked.withoutContext ? undefined : ctx);
    if (pathname === "/page") return page(request, rules, context, asked);
    if (pathname === "/flush") await client.flush();
    const answer = await answerOfrep(request, rules, asked.ofrep);
    if (answer !== null) return answer;
    for (const [key, value] of asked.tracked ?? []) rules.track(key, context, { value });
    const evaluated = (/** @type {string} */ flag) => [flag, rules.evaluation(flag, context, "fallback")];
    const values = Object.fromEntries((asked.flags ?? []).map(evaluated));
    const { revision, ready, flagsVersion, ageS } = rules;
    const bootstrap = asked.bootstrap ? rules.bootstrap(context) : undefined;
    const told = { revision, ready, flagsVersion, ageS, bootstrap, status: client.status(), reads: kv?.reads, warnings };
    return Response.json({ values, ...told, tally: tally(rules, context, asked.first ?? 0) });
  },
};

/**
 * Evaluate the first *count* of numbered flags; return how often each reason was given.
 * @param {any} rules
 * @param {any} context
 * @param {number} count
 */
function tally(rules, context, count) {
  /** @type {Record<string, number>} */
  const found = {};
  for (let i = 0; i < count; i++) {
    const { reason } = rules.evaluation(`flag-${String(i).padStart(5, "0")}`, context, null);
    found[reason] = (found[reason] ?? 0) + 1;
  }
  return found;
}

/** @param {any} asked @param {{ FLAGS: any }} env */
function find({ name = "one", usesKv = false, options = {} }, env) {
  let found = kept.get(name);
  if (found === undefined) {
    const kv = usesKv ? new FaultyKv(env.FLAGS) : undefined;
    /** @type {string[]} */
    const warnings = [];
    const platform = {
      fetch: (/** @type {any} */ input, /** @type {any} */ init) => fetch(input, init),
      now: () => Date.now(),
      elapsed: () => performance.now(),
      random: () => 0.5,
      later: (/** @type {number} */ ms, /** @type {() => void} */ run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      warn: (/** @type {string} */ message) => void warnings.push(message),
    };
    kept.set(name, (found = { client: new Client({ kv, platform, ...options }), kv, warnings }));
  }
  return found;
}

/**
 * Answer the request's own body as if the application's origin had, with its flags.
 * @param {Request} request
 * @param {any} rules
 * @param {any} context
 * @param {any} asked
 */
function page(request, rules, context, { origin = {}, how }) {
  return bootstrapHtml(new Response(request.body, origin), rules, context, how);
}

/** @param {Request} request @param {any} kv */
async function write(request, kv) {
  const key = /** @type {string} */ (request.headers.get("x-key"));
  const metadata = JSON.parse(request.headers.get("x-metadata") ?? "null");
  await kv.put(key, await request.arrayBuffer(), { metadata });
  return new Response(null, { status: 204 });
}

/** @param {Request} request @param {any} kv */
async function cloudflare(request, kv) {
  const { pathname } = new URL(request.url);
  if (request.headers.get("authorization") !== `Bearer ${TOKEN}`) return failure(401, "Authentication error");
  if (!pathname.startsWith(NAMESPACE)) return failure(404, "namespace not found");
  const rest = pathname.slice(NAMESPACE.length);
  if (request.method === "PUT" && rest === "/bulk") {
    const pairs = /** @type {any[]} */ (await request.json());
    for (const { key, value, metadata, base64 } of pairs) {
      await kv.put(key, base64 ? Uint8Array.from(atob(value), (each) => each.charCodeAt(0)) : value, { metadata });
    }
    return success({ successful_key_count: pairs.length, unsuccessful_keys: [] });
  }
  if (request.method === "GET" && rest.startsWith("/metadata/")) {
    const { value, metadata } = await kv.getWithMetadata(decodeURIComponent(rest.slice("/metadata/".length)), { type: "arrayBuffer" });
    return value === null ? failure(404, "key not found") : success(metadata);
  }
  return failure(405, "method not allowed");
}

/** @param {unknown} result */
function success(result) {
  return Response.json({ success: true, errors: [], messages: [], result });
}

/** @param {number} status @param {string} message */
function failure(status, message) {
  return Response.json({ success: false, errors: [{ code: 10000 + status, message }], messages: [], result: null }, { status });
}
