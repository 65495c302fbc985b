/** Local evaluation in the browser's client: rules come, contexts stay. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { localRules } from "pennon/browser/local";
import { sha256Hex } from "pennon/bucketing";

import { bootstrapOf, Browser, FarEnd, open, opened, settled } from "./browser-page.js";
import { until } from "../serving.js";

const variations = [
  { key: "on", value: true },
  { key: "off", value: false },
];
const BOOLEAN = { version: 3, kind: "boolean", on: true, clientSide: true, salt: "s1", offVariation: "off", variations };
const PLAN = { conditions: [{ attribute: "plan", op: "in", values: ["pro"] }], id: "r1", serve: { variation: "on" } };
const BETA = { ...PLAN, conditions: [{ op: "inSegment", values: ["beta"] }] };
const split = { by: "targetingKey", hash: "sha256", weights: [{ variation: "on", weight: 100_000 }], experiment: { key: "exp-a" } };
const RULES = {
  spec: 1,
  environment: "shop/production",
  epoch: 1,
  revision: 7,
  digest: "9f2c1a2b00",
  ttl: 300,
  flags: {
    plan: { ...BOOLEAN, key: "plan", rules: [PLAN], fallthrough: { variation: "off" } },
    beta: { ...BOOLEAN, key: "beta", rules: [BETA], fallthrough: { variation: "off" } },
    tried: { ...BOOLEAN, key: "tried", fallthrough: { split } },
    open: { ...BOOLEAN, key: "open", on: false, offVariation: null, fallthrough: { variation: "on" } },
    frail: { ...BOOLEAN, key: "frail", fallthrough: { variation: "on" }, staleness: { maxAgeS: 60, serve: { variation: "off" } } },
    base: { ...BOOLEAN, key: "base", clientSide: false, fallthrough: { variation: "on" } },
    needy: { ...BOOLEAN, key: "needy", prerequisites: [{ flag: "base", variations: ["on"] }], fallthrough: { variation: "on" } },
  },
  segments: { beta: { key: "beta", salt: "m2", hashed: true, included: [sha256Hex("m2.u9")] } },
  layers: {},
};

/** A server that gives its rules. */
function giving(/** @type {any} */ rules = RULES) {
  const far = new FarEnd();
  far.instead = ({ headers, path }) => {
    if (path !== "/client/v1/rules/pennon_client_a") return null;
    const etag = `"${rules.revision}"`;
    if (headers["If-None-Match"] === etag) return new Response(null, { status: 304, headers: { etag } });
    return Response.json(rules, { headers: { etag } });
  };
  return far;
}

/** @param {Parameters<typeof open>[0]} [options] */
const locally = (options) => opened({ far: giving(), rules: localRules(), ...options });

test("rules answer in the page, and another context asks nobody", async () => {
  const { flags, far, told } = await locally();
  assert.deepEqual([flags.status().source, flags.status().revision, flags.flagsVersion], ["rules", "1.7", "v7_9f2c1a2b"]);
  assert.equal(flags.boolean("plan", true), false);
  const done = flags.updateContext({ plan: "pro" });
  assert.equal(flags.boolean("plan", false), true);
  assert.deepEqual(told("change").at(-1).keys, ["plan"]);
  assert.equal(await done, true);
  const { reason, ruleId, flagVersion } = flags.evaluation("plan");
  assert.deepEqual([reason, ruleId, flagVersion], ["RULE_MATCH", "r1", 3]);
  await flags.identify("u9");
  assert.equal(flags.boolean("beta", false), true, "a list of hashes is matched by hash");
  await flags.logout();
  assert.equal(flags.boolean("beta", true), false);
  assert.equal(far.asked.length, 1);
  assert(far.asked.every(({ body }) => !body), "no context leaves the page");
  flags.close();
});

/** Rules that need nothing beyond what every page has. */
const PLAIN = { ...RULES, flags: { plan: RULES.flags.plan }, segments: {} };

test("rules are kept, without whose they were used for, and asked for again by their tag", async () => {
  const browser = new Browser();
  const far = giving(PLAIN);
  (await locally({ browser, far, context: { targetingKey: "zoe@shop.example", plan: "pro" } })).flags.close();
  assert.doesNotMatch(browser.store.text, /zoe/);
  const { flags } = open({ browser, far, rules: localRules(), context: { targetingKey: "zoe@shop.example", plan: "pro" } });
  assert.equal(flags.boolean("plan", false), true, "at once");
  assert.equal(flags.status().source, "cache");
  await settled();
  assert.deepEqual([flags.status().source, far.asked.at(-1).headers["If-None-Match"]], ["rules", '"7"']);
  flags.close();
});

test("kept rules that need a part answer when it is there, without the network, and with what it takes", async () => {
  const browser = new Browser();
  const far = giving();
  (await locally({ browser, far })).flags.close();
  far.instead = () => Promise.reject(new TypeError("gone"));
  const told = /** @type {any[]} */ ([]);
  const { flags } = open({ browser, far, rules: localRules() });
  flags.on("change", (event) => told.push(event));
  assert.deepEqual([flags.boolean("needy", false), flags.status().source], [false, "defaults"]);
  await until(() => flags.status().source === "cache");
  assert.equal(flags.boolean("needy", false), true);
  assert.deepEqual([told.length, told[0].revision], [1, "1.7"]);
  flags.close();
});

/** One flag for each part, whose condition needs it. */
const PARTED = Object.entries({
  matches: { op: "matches", attribute: "plan", values: ["^p"] },
  after: { op: "after", attribute: "since", values: ["2026-01-01T00:00:00Z"] },
  versions: { op: "versionGreater", attribute: "app", values: ["1.9"] },
  addresses: { op: "inCidr", attribute: "ip", values: ["10.0.0.0/8"] },
  segments: { op: "inSegment", values: ["beta"] },
}).map(([key, condition]) => {
  const rule = { conditions: [condition], id: "r1", serve: { variation: "on" } };
  return { ...BOOLEAN, key, rules: [rule], fallthrough: { variation: "off" } };
});

for (const flag of PARTED) {
  test(`rules with ${flag.key} answer, for what they need is loaded`, async () => {
    const far = giving({ ...RULES, flags: { [flag.key]: flag } });
    const context = { targetingKey: "u9", plan: "pro", since: "2026-02-01T00:00:00Z", app: "1.10", ip: "10.1.2.3" };
    const { flags } = open({ far, rules: localRules(), context });
    assert.equal(await flags.whenReady(), true);
    assert.deepEqual([flags.evaluation(flag.key).reason, flags.evaluation(flag.key).errorMessage], ["RULE_MATCH", null]);
    flags.close();
  });
}

test("rules whose part cannot be loaded are not taken: those before answer on, and one warning says so", async () => {
  const browser = new Browser();
  const far = giving(PLAIN);
  let isGone = false;
  const dialects = async () => (isGone ? Promise.reject(new TypeError("gone")) : {});
  const { flags, page, told } = await locally({ browser, far, rules: localRules({ dialects }), context: { targetingKey: "u1", plan: "pro" } });
  const imported = { ...BOOLEAN, key: "plan", compat: { vendor: "unleash", dialect: "node" }, fallthrough: { variation: "off" } };
  isGone = true;
  far.instead = () => Response.json({ ...PLAIN, revision: 8, flags: { plan: imported } });
  for (let n = 0; n < 2; n++) assert.equal(await flags.refresh(), false);
  assert.deepEqual([flags.boolean("plan", false), flags.status().revision], [true, "1.7"]);
  assert.match(flags.status().problem ?? "", /a part of pennon/);
  assert.equal(page.warned.length, 1);
  assert.deepEqual(told("warning").map(({ cause }) => cause), ["part"]);
  isGone = false;
  assert.equal(await flags.refresh(), true);
  assert.deepEqual([flags.status().revision, flags.status().problem], ["1.8", null]);
  flags.close();
});

test("rules that another tab brings wait for what they need, too", async () => {
  const browser = new Browser();
  const far = giving(PLAIN);
  const first = await locally({ browser, far });
  const second = await locally({ browser, far });
  const later = { ...RULES, revision: 8 };
  far.instead = giving(later).instead;
  assert.equal(await first.flags.refresh(), true);
  await until(() => second.flags.status().revision === "1.8");
  assert.equal(second.flags.boolean("needy", false), true);
  first.flags.close();
  second.flags.close();
});

test("what is not for clients is no flag, and still what others need", async () => {
  const { flags } = await locally();
  assert.equal(flags.evaluation("base").errorCode, "FLAG_NOT_FOUND");
  assert.equal(flags.boolean("needy", false), true);
  assert.equal(flags.string("constructor", "none"), "none");
  const { value, reason } = flags.evaluation("open", "mine");
  assert.deepEqual([value, reason], ["mine", "OFF"]);
  flags.close();
});

test("what is read of an experiment is an exposure, once", async () => {
  const { flags, far } = await locally();
  for (let n = 0; n < 3; n++) flags.boolean("tried", false);
  flags.boolean("plan", false);
  await flags.flush();
  const exposures = far.events[0].exposures.map(({ flag: key, experiment, unit, variation }) => [key, experiment, unit, variation]);
  assert.deepEqual(exposures, [["tried", "exp-a", "u1", "on"]]);
  flags.close();
});

test("a bootstrap answers with its values until the rules are there", async () => {
  const browser = new Browser();
  const bootstrap = bootstrapOf({ plan: true }, { revision: 7, at: browser.wall });
  const { flags } = open({ browser, far: giving(), rules: localRules(), bootstrap });
  assert.deepEqual([flags.boolean("plan", false), flags.status().source], [true, "bootstrap"]);
  await settled();
  assert.deepEqual([flags.boolean("plan", true), flags.status().source], [false, "rules"]);
  flags.close();
});

test("notices come for the key", async () => {
  const { flags, browser } = await locally();
  assert.equal(browser.stream.url, "http://pennon.test/ofrep/v1/stream?key=pennon_client_a");
  flags.close();
});

test("a flag whose bound has passed answers STALE", async () => {
  const browser = new Browser();
  browser.wall = Date.now();
  const far = giving();
  (await locally({ browser, far })).flags.close();
  const store = browser.store;
  const [[name, text]] = [...store.items].filter(([, kept]) => kept.includes("frail"));
  const [kept] = JSON.parse(text);
  store.items.set(name, JSON.stringify([{ ...kept, at: kept.at - 120_000 }]));
  far.instead = () => Promise.reject(new TypeError("gone"));
  const { flags } = await locally({ browser, far });
  assert.deepEqual([flags.boolean("frail", true), flags.evaluation("frail").reason], [false, "STALE"]);
  flags.close();
});

for (const [what, rules, mend] of /** @type {[string, any, RegExp][]} */ ([
  ["of a newer protocol", { ...RULES, spec: 2 }, /newer protocol \(spec 2\).*update/],
  ["that are none", { flags: [1] }, /JSON/],
  ["that are null", null, /JSON/],
])) {
  test(`rules ${what} are warned of, and leave what there is`, async () => {
    const browser = new Browser();
    (await locally({ browser })).flags.close();
    const far = new FarEnd();
    far.instead = () => Response.json(rules);
    const { flags, page } = await locally({ browser, far, context: { targetingKey: "u1", plan: "pro" } });
    assert.equal(flags.boolean("plan", false), true);
    assert.equal(page.warned.length, 1);
    assert.match(page.warned[0], mend);
    flags.close();
  });
}

test("dialects of imported flags are loaded before the rules answer, and not where there are none", async () => {
  const asked = /** @type {any[]} */ ([]);
  const dialects = async (/** @type {any} */ snapshot) => (asked.push(snapshot.revision), {});
  const far = giving(PLAIN);
  const { flags } = await locally({ far, rules: localRules({ dialects }) });
  assert.deepEqual(asked, []);
  const imported = { ...BOOLEAN, key: "plan", compat: { vendor: "unleash", dialect: "node" }, fallthrough: { variation: "off" } };
  far.instead = giving({ ...PLAIN, revision: 8, flags: { plan: imported } }).instead;
  await flags.refresh();
  assert.deepEqual(asked, [8]);
  assert.match(flags.evaluation("plan").errorMessage ?? "", /dialect/);
  flags.close();
});
