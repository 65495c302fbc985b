/** Local evaluation in the browser's client: rules come, contexts stay. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { localRules } from "pennon/browser/local";
import { sha256Hex } from "pennon/bucketing";

import { bootstrapOf, Browser, FarEnd, open, opened, settled } from "./browser-page.js";

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

test("rules are kept, without whose they were used for, and asked for again by their tag", async () => {
  const browser = new Browser();
  const far = giving();
  (await locally({ browser, far, context: { targetingKey: "zoe@shop.example", plan: "pro" } })).flags.close();
  assert.doesNotMatch(browser.store.text, /zoe/);
  const { flags } = open({ browser, far, rules: localRules(), context: { targetingKey: "zoe@shop.example", plan: "pro" } });
  assert.equal(flags.boolean("plan", false), true);
  assert.equal(flags.status().source, "cache");
  await settled();
  assert.deepEqual([flags.status().source, far.asked.at(-1).headers["If-None-Match"]], ["rules", '"7"']);
  flags.close();
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

test("dialects of imported flags are loaded before the rules answer", async () => {
  const asked = /** @type {any[]} */ ([]);
  const dialects = async (/** @type {any} */ snapshot) => (asked.push(snapshot.revision), {});
  const { flags } = await locally({ rules: localRules({ dialects }) });
  assert.deepEqual(asked, [7]);
  flags.close();
});
