/**
 * Local evaluation: the client-side flags come with their rules, contexts stay in the page, and another context asks nobody.
 *
 *     new Client(url, { key, context, rules: localRules() });
 *
 * Only where the environment lets browsers have its rules.
 * @module
 */

import { compileSnapshot } from "../../engine/index.js";
import { trouble, unreadable } from "./asking.js";
import { readValues } from "./values.js";

/** @typedef {import("./cache.js").Kept} Kept */
/** @typedef {import("../../engine/index.js").RuleSet} RuleSet */
/** @typedef {import("../../engine/dialects/seam.js").Dialects} Dialects */

/** In place of the caller's default, which is not known yet. */
const OPEN = Object.freeze({});

/**
 * Return the origin of values for `rules`. *dialects* is `dialectsFor` of `pennon/engine/dialects`, for environments with imported flags;
 * without it those answer an error.
 * @param {{ dialects?: (snapshot: any) => Promise<Dialects> }} [options]
 * @returns {import("./remote.js").Origin}
 */
export function localRules({ dialects } = {}) {
  /** @type {Dialects} */
  const loaded = {};
  return {
    source: "rules",
    depends: () => "",
    request: (key) => [`/client/v1/rules/${encodeURIComponent(key)}`, { headers: {} }],
    prepare: async (body) => Object.assign(loaded, await dialects?.(body)),
    read(kept, base, context, key) {
      const { body } = kept;
      // A bootstrap has values.
      if (body?.flagsVersion) return readValues(kept, base);
      const { spec = 1, flags, epoch = 1, revision = 0, digest = "", ttl } = body ?? {};
      if (spec > 1) throw trouble("spec", `${base} speaks a newer protocol (spec ${spec}) than this page: update the package pennon`);
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
 * @param {Dialects} dialects
 * @returns {(flag: string, context: any) => import("./values.js").Found}
 */
function evaluator({ body, at }, dialects) {
  /** @type {import("../../engine/answers.js").ExposureSite[]} */
  const sites = [];
  const since = performance.now() - Math.max(Date.now() - at, 0);
  const clock = () => Date.now() / 1000;
  let rules = compileSnapshot(body, { dialects, clock, exposed: (site) => void sites.push(site) });
  return (flag, context) => {
    rules = rules.aged((performance.now() - since) / 1000);
    const { value, ...rest } = rules.evaluate(flag, context, OPEN);
    const site = sites.pop();
    return [{ value: value === OPEN ? undefined : value, ...rest }, site?.by, site?.experiment];
  };
}
