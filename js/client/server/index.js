/**
 * The client for server processes: Node, Deno and Bun. It keeps the flags of an environment in memory, follows their changes, and evaluates
 * in the process: at once, whatever is dead.
 *
 *     import { Client } from "pennon/server";
 *
 *     const flags = new Client("http://127.0.0.1:8000", { key: process.env.PENNON_KEY });
 *     flags.boolean("new-checkout", { targetingKey: "u1", country: "DE" }, false);
 * @module
 */

export { Client } from "./client.js";
export { InvalidFile } from "./file.js";
export { Level } from "./ladder.js";
export { PinnedRules } from "./rules.js";
export { targetingKeySignature } from "./signature.js";
