/** What a client is tested with: a server by hand, and the states that it has. */

import { Client } from "../../client/server/index.js";
import { flag, snapshot } from "./server-documents.js";
import { json, Machine, rest } from "./server-far-end.js";

export const URL_ = "http://flags.test";
export const USER = { targetingKey: "u1" };
export const ONE = snapshot({ revision: 1, flags: [flag("checkout")] });
export const OFF = flag("checkout", { on: false, version: 2, changedAt: 2 });
export const TWO = { revision: 2, flags: [OFF] };

/** A machine whose server has the state *document*. */
export function machine(document = ONE) {
  return new Machine()
    .on("/sdk/v1/snapshot", () => json(document, { headers: { ETag: '"1"', "X-Pennon-Age": "0.5" } }))
    .streamAt()
    .on("/sdk/v1/events", () => json({}, { status: 202 }));
}

/** Start a client of *far*, and let it ask first. It ends with the test. */
export async function started(t, far, given = {}, url = URL_) {
  const client = new Client(url, { key: "pennon_server_x", platform: far.platform, ...given });
  t.after(async () => {
    far.die();
    await client.close({ timeoutMs: 1 });
  });
  await rest();
  return client;
}
