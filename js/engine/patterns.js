/**
 * The operator `matches`.
 * @module
 */

import { searchFor } from "./regex.js";
import { text } from "./values.js";

/** @type {import("./operators.js").Operators} */
export const PATTERNS = {
  matches: {
    read: (value) => text(value),
    what: "a string",
    holds: (found, search) => search(found),
    literal: (value, ignoreCase) => {
      const pattern = text(value);
      return pattern === undefined ? undefined : searchFor(pattern, { ignoreCase });
    },
  },
};
