/** A server behind TLS whose certificate an authority of one's own has made: trusted where Node is told of it, and nowhere else. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { boolean, snapshot } from "../worker/documents.js";

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=flags -addext subjectAltName=DNS:localhost";
const PROGRAM = `
  import { Client } from "pennon/server";
  const warnings = [];
  console.warn = (message) => void warnings.push(message);
  const flags = new Client(process.env.ADDRESS, { key: "pennon_server_k", environment: "default/production" });
  const ready = await flags.ready({ timeoutMs: Number(process.env.WAIT_MS) });
  while (!ready && warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const value = flags.boolean("checkout", { targetingKey: "u1" }, false);
  console.log(JSON.stringify({ ready, value, problem: flags.status().problem, warnings }));
  await flags.close();
`;
const missing = await run("openssl", ["version"]).then(() => "", String);
const skip = missing !== "" && !process.env.CI ? `there is no openssl: ${missing}` : false;

test("a certificate of an authority of one's own is taken where NODE_EXTRA_CA_CERTS names it, and else refused with that mend", { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "pennon-tls-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await run("openssl", [...CERTIFICATE.split(" "), "-keyout", key, "-out", cert]);
  const body = snapshot(7, [boolean("checkout")]);
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, ({ url }, answer) => {
    if (url?.startsWith("/sdk/v1/snapshot")) answer.setHeader("Content-Type", "application/json").end(body);
    else answer.writeHead(404).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  /** @param {Record<string, string>} more */
  const asked = async (more) => {
    const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env;
    const env = { ...inherited, ADDRESS: `https://localhost:${port}`, WAIT_MS: "30000", ...more };
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", PROGRAM], { env, cwd: PACKAGE });
    return JSON.parse(stdout);
  };
  const trusted = await asked({ NODE_EXTRA_CA_CERTS: cert });
  assert.deepEqual([trusted.ready, trusted.value], [true, true]);
  const refused = await asked({ WAIT_MS: "1000" });
  assert.deepEqual([refused.ready, refused.value], [false, false]);
  assert.match(`${refused.problem} ${refused.warnings}`, /self-signed certificate.*NODE_EXTRA_CA_CERTS/);
});
