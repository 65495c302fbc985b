/**
 * Values only: the server evaluates, and the rules stay there.
 * @module
 */

import { readValues } from "./values.js";

/**
 * Where values come from.
 * @typedef {object} Origin
 * @property {import("./values.js").Source} source what values from the network are called
 * @property {(context: import("./values.js").Context) => string} depends what of the context the answer depends on
 * @property {(key: string, context: import("./values.js").Context) => { path: string, init: RequestInit & { headers: Record<string, string> } }} request
 * @property {(body: any, base: string, context: import("./values.js").Context, key: string) => import("./values.js").Values} read throws what is unreadable
 */

/** @type {Origin} */
export const remote = {
  source: "network",
  // In one order, whatever the application's is.
  depends: (context) => JSON.stringify(Object.entries(context).sort()),
  request: (key, context) => ({
    path: "/ofrep/v1/evaluate/flags",
    init: {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
      body: JSON.stringify({ context }),
    },
  }),
  read: readValues,
};
