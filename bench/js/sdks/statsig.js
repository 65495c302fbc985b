/** Statsig's SDK on its Rust core: the configuration comes from its data store, the network is off. */

import { Statsig, StatsigUser } from "@statsig/statsig-node-core";

import { itself } from "./way.js";

const OPERATORS = { in: "any_case_sensitive", version: "version_gte", ends: "str_ends_with_any", above: "gt" };

/** @type {import("./way.js").Sdk} */
export const statsig = {
  title: "Statsig (Rust)",
  package: "@statsig/statsig-node-core",
  note: "counted drops exposures of a user who was seen before, which these 1,000 are",
  async open(world, mode) {
    const document = JSON.stringify(specificationOf(world));
    const client = new Statsig("secret-key", {
      dataStore: {
        initialize: async () => {},
        shutdown: async () => {},
        get: async () => ({ result: document, time: 1_700_000_000_000 }),
        set: async () => {},
        supportPollingUpdatesFor: async () => false,
      },
      disableNetwork: true,
      disableCountryLookup: true,
      waitForCountryLookupInit: false,
      outputLogLevel: "none",
    });
    await client.initialize();
    const quiet = { disableExposureLogging: true };
    const close = () => client.shutdown();
    if (mode === "detail")
      return { ask: (flag, user) => client.getFeatureGate(user, flag, quiet), value: (gate) => gate.value, user: userOf, close };
    const options = mode === "counted" ? undefined : quiet;
    return { ask: (flag, user) => client.checkGate(user, flag, options), value: itself, user: userOf, close };
  },
};

/** @param {import("../worlds.js").User} user */
function userOf({ targetingKey, country, email, appVersion, ...custom }) {
  return new StatsigUser({ userID: targetingKey, country, email, appVersion, custom });
}

/** @param {import("../worlds.js").World} world */
function specificationOf({ flags, segments }) {
  /** @type {Record<string, any>} */
  const conditions = {};
  const gates = [...segments.map((segment) => segmentOf(segment, conditions)), ...flags.map((flag) => gateOf(flag, conditions))];
  return {
    has_updates: true,
    time: 1_700_000_000_000,
    company_id: "company",
    response_format: "dcs-v2",
    feature_gates: Object.fromEntries(gates.map((gate) => [gate.name, gate])),
    dynamic_configs: {},
    layer_configs: {},
    condition_map: conditions,
    param_stores: {},
    id_lists: {},
    layers: {},
    sdk_configs: {},
    sdk_flags: {},
    experiment_to_layer: {},
  };
}

/** @param {string} name @param {any[]} rules @param {string} entity @param {string} salt */
function gate(name, rules, entity, salt) {
  return {
    type: "feature_gate",
    salt,
    enabled: true,
    defaultValue: false,
    rules,
    idType: "userID",
    entity,
    isDeviceBased: false,
    version: 3,
    name,
  };
}

/** @param {import("../worlds.js").Flag} flag @param {Record<string, any>} conditions */
function gateOf(flag, conditions) {
  const needed = flag.needed === null ? [] : [rule("needed", condition(conditions, "fail_gate", null, flag.needed), 0)];
  const listed = flag.listed.length > 0 ? [rule("listed", condition(conditions, "unit_id", "any_case_sensitive", flag.listed), 100)] : [];
  const tested = flag.rules.map((each, index) => rule(`r${index}`, testedBy(each, conditions), shareOf(each.serve)));
  const rest = flag.fallthrough === false ? [] : [rule("rest", condition(conditions, "public", null, null), shareOf(flag.fallthrough))];
  return gate(flag.key, [...needed, ...listed, ...tested, ...rest], "feature_gate", `k3v${flag.number}`);
}

/** @param {import("../worlds.js").Segment} segment @param {Record<string, any>} conditions */
function segmentOf({ key, plans, included }, conditions) {
  const listed = included.length > 0 ? [rule("included", condition(conditions, "unit_id", "any_case_sensitive", included), 100)] : [];
  const planned = plans.length > 0 ? [rule("plans", condition(conditions, "user_field", "any_case_sensitive", plans, "plan"), 100)] : [];
  return gate(key, [...listed, ...planned], "segment", "m2");
}

/** @param {import("../worlds.js").Rule} rule @param {Record<string, any>} conditions */
function testedBy({ op, literal, attribute }, conditions) {
  if (op === "segment") return condition(conditions, "pass_gate", null, literal);
  return condition(conditions, "user_field", OPERATORS[op], op === "ends" ? [literal] : literal, attribute);
}

/** @param {boolean | null} value */
const shareOf = (value) => (value === null ? 50 : value ? 100 : 0);

/** @param {string} id @param {string} found @param {number} passPercentage */
function rule(id, found, passPercentage) {
  return {
    id,
    name: id,
    groupName: id,
    salt: id,
    passPercentage,
    conditions: [found],
    returnValue: true,
    idType: "userID",
    isExperimentGroup: false,
  };
}

/**
 * @param {Record<string, any>} conditions
 * @param {string} type
 * @param {string | null} operator
 * @param {any} targetValue
 * @param {string | null} [field]
 */
function condition(conditions, type, operator, targetValue, field = null) {
  const found = { type, targetValue, operator, field, additionalValues: {}, isDeviceBased: false, idType: "userID" };
  const text = JSON.stringify(found);
  const known = Object.keys(conditions).length;
  const key = text.length < 300 ? text : `long-${known}`;
  conditions[key] = found;
  return key;
}
