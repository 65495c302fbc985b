/** ConfigCat's SDK, local only: its configuration comes from its cache, and a snapshot of it answers at once. */

import { getClient, PollingMode, User } from "configcat-node";

import { itself, Unable } from "./way.js";

const [ONE_OF, VERSION_FROM, ABOVE, ENDS] = [0, 9, 14, 32];
const TRUE = { b: true };
const FALSE = { b: false };
/** @type {Record<string, string>} */
const NAMES = { country: "Country", email: "Email" };

/** @type {import("./way.js").Sdk} */
export const configcat = {
  title: "ConfigCat",
  package: "configcat-node",
  async open(world, mode) {
    if (mode === "counted") throw new Unable("it counts nothing");
    const text = `${Date.now()}\netag\n${JSON.stringify(configurationOf(world))}`;
    const client = getClient(`${"0".repeat(22)}/${"0".repeat(22)}`, PollingMode.ManualPoll, {
      offline: true,
      cache: { get: () => text, set: () => {} },
      logger: undefined,
    });
    await client.forceRefreshAsync();
    const snapshot = client.snapshot();
    const close = () => client.dispose();
    if (mode === "value") return { ask: (flag, user) => snapshot.getValue(flag, false, user), value: itself, user: userOf, close };
    return { ask: (flag, user) => snapshot.getValueDetails(flag, false, user), value: (details) => details.value, user: userOf, close };
  },
};

/** @param {import("../worlds.js").User} user */
function userOf({ targetingKey, email, country, ...custom }) {
  return new User(targetingKey, email, country, custom);
}

/** @param {import("../worlds.js").World} world */
function configurationOf({ flags, segments }) {
  const numbers = new Map(segments.map((segment, index) => [segment.key, index]));
  return {
    p: { u: "http://127.0.0.1:9", r: 0, s: "c2FsdA==" },
    s: segments.map(segmentOf),
    f: Object.fromEntries(flags.map((flag) => [flag.key, settingOf(flag, numbers)])),
  };
}

/** @param {import("../worlds.js").Flag} flag @param {Map<string, number>} numbers */
function settingOf({ rules, fallthrough, needed, listed }, numbers) {
  if (needed !== null && (rules.length > 0 || fallthrough !== true))
    throw new Unable("a prerequisite is a rule's condition there, and stands for all that follows");
  const first = needed === null ? [] : [ruleOf({ p: { f: needed, c: 0, v: TRUE } }, true)];
  const lists = listed.length > 0 ? [ruleOf({ u: { a: "Identifier", c: ONE_OF, l: listed } }, true)] : [];
  const tested = rules.map((rule) => ruleOf(conditionOf(rule, numbers), rule.serve));
  const halves = fallthrough === null ? { p: halvesOf() } : {};
  return { t: 0, r: [...first, ...lists, ...tested], v: fallthrough === true && needed === null ? TRUE : FALSE, ...halves };
}

/** @param {object} condition @param {boolean | null} serve */
function ruleOf(condition, serve) {
  return { c: [condition], ...(serve === null ? { p: halvesOf() } : { s: { v: serve ? TRUE : FALSE, i: "i" } }) };
}

const halvesOf = () => [
  { p: 50, v: TRUE, i: "on" },
  { p: 50, v: FALSE, i: "off" },
];

/** @param {import("../worlds.js").Rule} rule @param {Map<string, number>} numbers */
function conditionOf({ op, literal, attribute }, numbers) {
  const a = NAMES[attribute] ?? attribute;
  switch (op) {
    case "in":
      return { u: { a, c: ONE_OF, l: literal } };
    case "version":
      return { u: { a, c: VERSION_FROM, s: literal } };
    case "ends":
      return { u: { a, c: ENDS, l: [literal] } };
    case "above":
      return { u: { a, c: ABOVE, d: literal } };
    case "segment":
      return { s: { s: numbers.get(literal), c: 0 } };
  }
}

/** @param {import("../worlds.js").Segment} segment */
function segmentOf({ key, plans, included }) {
  const [a, l] = included.length > 0 ? ["Identifier", included] : ["plan", plans];
  return { n: key, r: [{ a, c: ONE_OF, l }] };
}
