/** What every SDK is asked, as in bench/evaluation/worlds.py: flags and users in nobody's format, and the answers that are right. */

const USERS = 1000;
const PROBES = 20;
const SEGMENTS = 100;
const PLANS = ["pro", "team"];

/**
 * @typedef {"in" | "version" | "ends" | "above" | "segment"} Op
 * @typedef {{ op: Op, literal: any, serve: boolean | null, attribute: string }} Rule `serve` null: a 50/50 split
 * @typedef {{ key: string, rules: Rule[], fallthrough: boolean | null, needed: string | null, listed: string[], number: number }} Flag
 * @typedef {{ key: string, plans: string[], included: string[] }} Segment
 * @typedef {Record<string, any>} User
 * @typedef {{ flag: string, user: User, answer: boolean | null }} Probe null: half of those who are asked get true, the same ones each time
 * @typedef {{ flags: Flag[], segments: Segment[], asked: [string, User][], probes: Probe[] }} World
 */

/**
 * A user whom no rule but the fifth matches, unless *attributes* say otherwise.
 * @param {number} number
 * @param {User} [attributes]
 * @returns {User}
 */
function user(number, attributes = {}) {
  return {
    targetingKey: `user-${String(number).padStart(6, "0")}`,
    country: ["US", "GB", "CA", "AU", "BR", "JP"][number % 6],
    appVersion: `2.${number % 3}.${number % 10}`,
    email: `user${number}@example.org`,
    age: 18 + (number % 32),
    plan: PLANS[number % 2],
    ...attributes,
  };
}

/** @param {string} key @param {Partial<Flag>} [more] @returns {Flag} */
function flag(key, more = {}) {
  return { key, rules: [], fallthrough: false, needed: null, listed: [], number: 0, ...more };
}

/** A flag of which the fifth rule matches, and splits. @param {string} key @param {number} [number] varies its literals */
function fiveRules(key, number = 0) {
  return flag(key, {
    number,
    rules: [
      { op: "in", literal: [`D${number % 50}`, "FR", "IT"], serve: true, attribute: "country" },
      { op: "version", literal: "2.3.0", serve: true, attribute: "appVersion" },
      { op: "ends", literal: "@example.com", serve: true, attribute: "email" },
      { op: "above", literal: 50 + (number % 100), serve: true, attribute: "age" },
      { op: "segment", literal: `beta-${number % SEGMENTS}`, serve: null, attribute: "" },
    ],
  });
}

const users = () => Array.from({ length: USERS }, (_, number) => user(number));
const segments = () => Array.from({ length: SEGMENTS }, (_, number) => ({ key: `beta-${number}`, plans: PLANS, included: [] }));
const known = (/** @type {string} */ key, /** @type {(number: number) => boolean} */ answer) =>
  users()
    .slice(0, PROBES)
    .map((each, number) => ({ flag: key, user: each, answer: answer(number) }));
const split = (/** @type {string} */ key) => users().map((each) => ({ flag: key, user: each, answer: null }));
const asking = (/** @type {string} */ key) => users().map((each) => /** @type {[string, User]} */ ([key, each]));

/** @param {Flag} found @returns {Probe[]} */
function ofFiveRules({ key, rules }) {
  const outside = { plan: "free" };
  /** @type {[User, boolean][]} */
  const single = [
    [{ country: "FR", ...outside }, true],
    [{ country: "FRA", ...outside }, false],
    [{ appVersion: "2.3.0", ...outside }, true],
    [{ appVersion: "2.10.0", ...outside }, true],
    [{ appVersion: "2.2.99", ...outside }, false],
    [{ email: "a@example.com", ...outside }, true],
    [{ age: rules[3].literal + 1, ...outside }, true],
    [{ age: rules[3].literal, ...outside }, false],
  ];
  return single.map(([changed, answer], number) => ({ flag: key, user: user(USERS + number, changed), answer }));
}

/** @type {Record<string, { what: string, make: (crowd: number) => World }>} */
export const WORKLOADS = {
  W1: {
    what: "on, no rules",
    make: () => ({ flags: [flag("on", { fallthrough: true })], segments: [], asked: asking("on"), probes: known("on", () => true) }),
  },
  W2: {
    what: "five rules, of which the fifth matches, then 50/50",
    make: () => {
      const found = fiveRules("five-rules");
      return {
        flags: [found],
        segments: segments().slice(0, 1),
        asked: asking(found.key),
        probes: [...ofFiveRules(found), ...split(found.key)],
      };
    },
  },
  W3: {
    what: "50/50 alone",
    make: () => ({ flags: [flag("half", { fallthrough: null })], segments: [], asked: asking("half"), probes: split("half") }),
  },
  W4: {
    what: "W2 picked at random among many flags",
    make: (crowd) => {
      const flags = Array.from({ length: crowd }, (_, number) => fiveRules(`flag-${number}`, number));
      const all = users();
      const asked = shuffled(flags).map((each, number) => /** @type {[string, User]} */ ([each.key, all[number % USERS]]));
      const [first, last] = [flags[0], flags[crowd - 1]];
      return { flags, segments: segments(), asked, probes: [...ofFiveRules(first), ...ofFiveRules(last), ...split(last.key)] };
    },
  },
  W5: {
    what: "a chain of three prerequisites",
    make: () => {
      const last = flag("chain-3", { rules: [{ op: "in", literal: PLANS, serve: true, attribute: "plan" }] });
      const needing = (/** @type {string} */ key, /** @type {string} */ needed) => flag(key, { fallthrough: true, needed });
      const flags = [needing("chain", "chain-1"), needing("chain-1", "chain-2"), needing("chain-2", "chain-3"), last];
      const outsider = { flag: "chain", user: user(USERS, { plan: "free" }), answer: false };
      return { flags, segments: [], asked: asking("chain"), probes: [outsider, ...known("chain", () => true)] };
    },
  },
  W6: {
    what: "a target list of 10,000 keys, half of the users on it",
    make: () => {
      const listed = Array.from({ length: 10_000 }, (_, number) => user(number * 2).targetingKey);
      return {
        flags: [flag("listed", { listed })],
        segments: [],
        asked: asking("listed"),
        probes: known("listed", (number) => number % 2 === 0),
      };
    },
  },
  W7: {
    what: "a segment of 100,000 included keys, half of the users in it",
    make: () => {
      const included = Array.from({ length: 100_000 }, (_, number) => user(number * 2).targetingKey);
      const found = flag("members", { rules: [{ op: "segment", literal: "large", serve: true, attribute: "" }] });
      return {
        flags: [found],
        segments: [{ key: "large", plans: [], included }],
        asked: asking("members"),
        probes: known("members", (number) => number % 2 === 0),
      };
    },
  },
};

/** The same order each time. @template T @param {T[]} items @returns {T[]} */
function shuffled(items) {
  const found = [...items];
  let state = 4;
  for (let i = found.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = state % (i + 1);
    [found[i], found[other]] = [found[other], found[i]];
  }
  return found;
}
