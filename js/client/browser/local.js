/**
 * Local evaluation: the client-side flags come with their rules, contexts stay in the page, and another context asks nobody.
 *
 *     new Client(url, { key, context, rules: localRules() });
 *
 * Only where the environment lets browsers have its rules.
 * @module
 */

import { Compiler } from "../../engine/compiler.js";
import { OPERATORS } from "../../engine/operators.js";
import { Rules } from "../../engine/rules.js";
import { trouble, unreadable } from "./asking.js";
import { PARTS } from "./parts.js";
import { readValues } from "./values.js";

/** @typedef {import("./cache.js").Kept} Kept */
/** @typedef {import("../../engine/dialects/seam.js").Dialects} Dialects */
/** @typedef {import("./parts.js").Loaded} Loaded */

/** In place of the caller's default, which is not known yet. */
const OPEN = Object.freeze({});

/**
 * Return the origin of values for `rules`. *dialects* is `dialectsFor` of `pennon/engine/dialects`, for environments with imported flags;
 * without it those answer an error.
 * @param {{ dialects?: (snapshot: any) => Promise<Dialects> }} [options]
 * @returns {import("./remote.js").Origin}
 */
export function localRules({ dialects } = {}) {
  /** @type {Loaded} */
  const loaded = {};
  /** @type {typeof PARTS} */
  const parts = [...PARTS, [/"compat":{/, async (body) => ({ dialects: { ...loaded.dialects, ...(await dialects?.(body)) } })]];
  /** What was prepared last. @type {any} */
  let last;
  return {
    source: "rules",
    depends: () => "",
    request: (key) => [`/client/v1/rules/${encodeURIComponent(key)}`, { headers: {} }],
    prepare(body) {
      // Written anew it has no spaces, and a quote within a text has a backslash before it.
      const text = JSON.stringify(body);
      const needed = body === last ? [] : parts.filter(([needs]) => needs.test(text));
      if (!needed[0]) return;
      return Promise.all(needed.map(([, load]) => load(body))).then(
        (all) => {
          Object.assign(loaded, ...all);
          last = body;
        },
        () => {
          throw trouble("part", "a part of pennon is unreachable: is it up beside this file, does the page's policy allow it?");
        },
      );
    },
    read(kept, base, context, key) {
      const { body } = kept;
      // A bootstrap has values.
      if (body?.flagsVersion) return readValues(kept, base);
      const { spec = 1, flags, epoch = 1, revision = 0, digest = "", ttl } = body ?? {};
      if (spec > 1) throw trouble("spec", `${base} speaks a newer protocol (spec ${spec}): update the package pennon`);
      if (Object(flags) !== flags || Array.isArray(flags)) throw unreadable(base);
      const evaluate = evaluator(kept, loaded);
      return {
        revision: `${epoch}.${revision}`,
        flagsVersion: `v${revision}_${digest.slice(0, 8)}`,
        ttl,
        stream: `${base}/ofrep/v1/stream?key=${encodeURIComponent(key)}`,
        // Others are there because these need them.
        keys: () => Object.keys(flags).filter((flag) => flags[flag]?.clientSide),
        find: (flag) => Object.hasOwn(flags, flag) && flags[flag]?.clientSide && evaluate(flag, context),
      };
    },
  };
}

/**
 * Return what evaluates by *kept*. The flags whose bound passes while nothing newer comes answer STALE.
 * @param {Kept} kept
 * @param {Loaded} loaded
 * @returns {(flag: string, context: any) => import("./values.js").Found}
 */
function evaluator({ body, at }, { References, COMPARISONS, PATTERNS, dialects }) {
  /** @type {import("../../engine/answers.js").ExposureSite[]} */
  const sites = [];
  const since = performance.now() - Math.max(Date.now() - at, 0);
  const options = {
    dialects,
    clock: () => Date.now() / 1000,
    exposed: (/** @type {import("../../engine/answers.js").ExposureSite} */ site) => void sites.push(site),
  };
  const bounded = Object.keys(body.flags).filter((flag) => body.flags[flag]?.staleness);
  /** @type {string[]} */
  let stale;
  /** @type {Rules} */
  let rules;
  return (flag, context) => {
    const passed = bounded.filter((each) => body.flags[each].staleness.maxAgeS < (performance.now() - since) / 1000);
    if (passed.length !== stale?.length) {
      stale = passed;
      const compiler = new Compiler(body, options, { ...OPERATORS, ...COMPARISONS, ...PATTERNS }, new Set(stale));
      if (References) compiler.references = new References(compiler);
      rules = new Rules(compiler);
    }
    const { value, ...rest } = rules.evaluate(flag, context, OPEN);
    const site = sites.pop();
    return [{ value: value === OPEN ? undefined : value, ...rest }, site?.by, site?.experiment];
  };
}
