/** GrowthBook's SDK: one client for all users, its payload handed over. */

import { GrowthBookClient } from "@growthbook/growthbook";

import { itself } from "./way.js";

const OPERATORS = { in: "$in", version: "$vgte", ends: "$regex", above: "$gt" };

/** @type {import("./way.js").Sdk} */
export const growthbook = {
  title: "GrowthBook",
  package: "@growthbook/growthbook",
  note: "counted is a callback, not a summary",
  open(world, mode) {
    /** @type {Map<string, number>} */
    const counts = new Map();
    const count = (/** @type {string} */ key, /** @type {any} */ result) => {
      const name = `${key} ${result.ruleId}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    };
    const client = new GrowthBookClient(mode === "counted" ? { onFeatureUsage: count } : {});
    client.initSync({ payload: /** @type {any} */ (payloadOf(world)) });
    const user = (/** @type {import("../worlds.js").User} */ { targetingKey, ...attributes }) => ({
      attributes: { id: targetingKey, ...attributes },
    });
    if (mode === "value") return { ask: (flag, who) => client.isOn(flag, who), value: itself, user };
    return { ask: (flag, who) => client.evalFeature(flag, who), value: (found) => found.on, user };
  },
};

/** @param {import("../worlds.js").World} world */
function payloadOf({ flags, segments }) {
  const plans = new Map(segments.filter((segment) => segment.plans.length > 0).map((segment) => [segment.key, segment.plans]));
  const groups = segments.filter((segment) => segment.included.length > 0).map((segment) => [segment.key, segment.included]);
  return { features: Object.fromEntries(flags.map((flag) => [flag.key, featureOf(flag, plans)])), savedGroups: Object.fromEntries(groups) };
}

/** @param {import("../worlds.js").Flag} flag @param {Map<string, string[]>} plans */
function featureOf({ rules, fallthrough, needed, listed }, plans) {
  const parents = needed === null ? [] : [{ id: "needed", parentConditions: [{ id: needed, condition: { value: true }, gate: true }] }];
  const lists = listed.length > 0 ? [ruleOf("listed", { id: { $in: listed } }, true)] : [];
  const tested = rules.map((rule, index) => ruleOf(`r${index}`, conditionOf(rule, plans), rule.serve));
  const rest = fallthrough === null ? [ruleOf("rest", null, null)] : [];
  return { defaultValue: fallthrough === true, rules: [...parents, ...lists, ...tested, ...rest] };
}

/** @param {string} id @param {object | null} condition @param {boolean | null} serve */
function ruleOf(id, condition, serve) {
  return {
    id,
    force: serve !== false,
    ...(condition === null ? {} : { condition }),
    ...(serve === null ? { coverage: 0.5, hashAttribute: "id" } : {}),
  };
}

/** @param {import("../worlds.js").Rule} rule @param {Map<string, string[]>} plans */
function conditionOf({ op, literal, attribute }, plans) {
  if (op === "segment") return plans.has(literal) ? { plan: { $in: plans.get(literal) } } : { id: { $inGroup: literal } };
  return { [attribute]: { [OPERATORS[op]]: op === "ends" ? `${literal.replaceAll(".", "\\.")}$` : literal } };
}
