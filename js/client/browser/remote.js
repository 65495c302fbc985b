/**
 * Values only: the server evaluates, and the rules stay there.
 * @module
 */

import { readValues } from "./values.js";

/** @typedef {import("./values.js").Context} Context */
/**
 * Where values come from.
 * @typedef {object} Origin
 * @property {import("./values.js").Source} source what values from the network are called
 * @property {(context: Context) => string} depends what the answer depends on
 * @property {(key: string, context: Context, hidden?: true | string[]) => [path: string, init: Omit<RequestInit, "headers"> & { headers:
 *   Record<string, string> }]} request `hidden`: what of the context may be in no sample, these attributes or all of it
 * @property {(body: any, isFresh?: boolean) => Promise<unknown> | void} [prepare] loads what is needed to read a body; nothing is to be
 *   waited for where all of it is there. `isFresh`: it came from the network
 * @property {(kept: import("./cache.js").Kept, base: string, context: Context, key: string) => import("./values.js").Values} read throws
 *   `Trouble` where it cannot
 */

/** @type {Origin} */
export const remote = {
  source: "network",
  // In one order, whatever the application's is.
  depends: (context) => JSON.stringify(Object.entries(context).sort()),
  request: (key, context, hidden) => [
    "/ofrep/v1/evaluate/flags",
    { method: "POST", headers: { "Content-Type": "application/json", "X-API-Key": key }, body: JSON.stringify({ context, private: hidden }) },
  ],
  read: readValues,
};
