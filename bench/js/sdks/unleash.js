/** Unleash's SDK, its features from a bootstrap. It counts in every mode. */

import { InMemStorageProvider, Unleash } from "unleash-client";

import { itself, Unable } from "./way.js";

/** @type {Record<string, any>} */
const OPERATORS = {
  in: { operator: "IN" },
  version: { operator: "SEMVER_LT", inverted: true },
  ends: { operator: "STR_ENDS_WITH" },
  above: { operator: "NUM_GT" },
};

/** @type {import("./way.js").Sdk} */
export const unleash = {
  title: "Unleash",
  package: "unleash-client",
  note: "its answer has no reason; a parent may have no parent",
  async open(world, mode) {
    if (mode === "detail") throw new Unable("its answer has no reason");
    const needed = new Set(world.flags.filter((flag) => flag.needed !== null).map((flag) => flag.key));
    if (world.flags.some((flag) => flag.needed !== null && needed.has(flag.needed)))
      throw new Unable("a parent may have no parent there: one prerequisite, no chain");
    const ids = new Map(world.segments.map((segment, index) => [segment.key, index + 1]));
    const client = new Unleash({
      appName: "bench",
      url: "http://127.0.0.1:9/api",
      bootstrap: {
        data: world.flags.map((flag) => featureOf(flag, ids)),
        segments: world.segments.map((segment, index) => segmentOf(segment, index + 1)),
      },
      storageProvider: new InMemStorageProvider(),
      refreshInterval: 0,
      metricsInterval: 0,
      disableMetrics: mode !== "counted",
      skipInstanceCountWarning: true,
    });
    client.on("error", () => {});
    client.on("warn", () => {});
    await new Promise((resolve) => client.once("ready", resolve));
    const user = (/** @type {import("../worlds.js").User} */ { targetingKey, ...attributes }) => ({
      userId: targetingKey,
      properties: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)])),
    });
    return { ask: (flag, who) => client.isEnabled(flag, who), value: itself, user, close: () => client.destroy() };
  },
};

/** @param {import("../worlds.js").Flag} flag @param {Map<string, number>} ids */
function featureOf(flag, ids) {
  const listed = flag.listed.length > 0 ? [{ name: "userWithId", parameters: { userIds: flag.listed.join(",") }, constraints: [] }] : [];
  const rest = flag.fallthrough === false ? [] : [rolloutOf(flag, flag.fallthrough)];
  const strategies = [...listed, ...flag.rules.map((rule) => strategyOf(rule, flag, ids)), ...rest];
  const dependencies = flag.needed === null ? [] : [{ feature: flag.needed, enabled: true }];
  return /** @type {any} */ ({
    name: flag.key,
    type: "release",
    enabled: true,
    stale: false,
    impressionData: false,
    project: "default",
    variants: [],
    strategies,
    dependencies,
  });
}

/** @param {import("../worlds.js").Flag} flag @param {boolean | null} serve */
function rolloutOf(flag, serve) {
  const parameters = { rollout: serve === null ? "50" : "100", stickiness: "userId", groupId: flag.key };
  return { name: "flexibleRollout", parameters, constraints: /** @type {any[]} */ ([]), segments: /** @type {any[]} */ ([]) };
}

/** @param {import("../worlds.js").Rule} rule @param {import("../worlds.js").Flag} flag @param {Map<string, number>} ids */
function strategyOf(rule, flag, ids) {
  const strategy = rolloutOf(flag, rule.serve);
  if (rule.op === "segment") return { ...strategy, segments: [ids.get(rule.literal)] };
  const values = Array.isArray(rule.literal) ? rule.literal : [rule.literal];
  const several = rule.op === "in" || rule.op === "ends" ? { values } : { values: [], value: String(rule.literal) };
  return {
    ...strategy,
    constraints: [{ contextName: rule.attribute, inverted: false, caseInsensitive: false, ...OPERATORS[rule.op], ...several }],
  };
}

/** @param {import("../worlds.js").Segment} segment @param {number} id */
function segmentOf({ plans, included }, id) {
  const [contextName, values] = included.length > 0 ? ["userId", included] : ["plan", plans];
  return /** @type {any} */ ({ id, constraints: [{ contextName, operator: "IN", inverted: false, caseInsensitive: false, values }] });
}
