/** What is measured: a constant, a flag for a program, one and twenty over OFREP, and a page with its flags. */

import { answerOfrep, bootstrapHtml, Client } from "../../js/client/worker/index.js";

const PAGE = `<!doctype html><html><head><title>Shop</title></head><body>${"<p>Some text of a page.</p>".repeat(200)}</body></html>`;

/** @type {Client | undefined} */
let flags;

export default {
  /** @param {Request} request @param {any} env @param {any} ctx */
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "PUT") return write(request, env.FLAGS);
    if (pathname === "/constant") return Response.json({ value: true });
    const kvIntervalS = Number(env.KV_INTERVAL_S);
    flags ??= new Client({ kv: env.FLAGS, environment: "default/production", kvIntervalS, timeoutMs: 30_000 });
    const rules = await flags.load(ctx);
    const answer = await answerOfrep(request, rules);
    if (answer !== null) return answer;
    const context = { targetingKey: searchParams.get("user"), country: "DE", plan: "free" };
    if (pathname === "/page") return bootstrapHtml(new Response(PAGE, { headers: { "content-type": "text/html" } }), rules, context);
    const { value, reason } = rules.evaluation(searchParams.get("flag") ?? "", context, null);
    return Response.json({ value, reason, revision: rules.revision });
  },
};

/** @param {Request} request @param {any} kv */
async function write(request, kv) {
  const { name, metadata } = JSON.parse(request.headers.get("x-document") ?? "{}");
  await kv.put(name, await request.arrayBuffer(), { metadata });
  return new Response(null, { status: 204 });
}
