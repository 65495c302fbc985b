/**
 * Flags in Cloudflare Workers and other V8 isolates: taken from Workers KV or an edge node, evaluated in the isolate.
 * @module
 */

export { Client } from "./client.js";
export { bootstrapHtml } from "./html.js";
export { answerOfrep } from "./ofrep.js";
export { Rules } from "./rules.js";

/** @typedef {import("./client.js").Status} Status */
/** @typedef {import("./settings.js").Options} Options */
