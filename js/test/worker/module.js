/** A worker whose client lies in the module, made before there is a request: nothing in it may need one. */

import { env } from "cloudflare:workers";
import { Client } from "pennon/worker";

const flags = new Client({ environment: "default/production", kv: env.FLAGS, timeoutMs: 30_000 });

export default {
  /** @param {Request} request @param {any} _env @param {any} ctx */
  async fetch(request, _env, ctx) {
    if (request.method === "PUT") {
      const metadata = JSON.parse(request.headers.get("x-metadata") ?? "null");
      await env.FLAGS.put(request.headers.get("x-key"), await request.arrayBuffer(), { metadata });
      return new Response(null, { status: 204 });
    }
    const rules = await flags.load(ctx);
    return Response.json({ value: rules.boolean("checkout", { targetingKey: "u1" }, false), status: flags.status() });
  },
};
