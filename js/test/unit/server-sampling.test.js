/** The sample of contexts that a client takes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Client } from "../../client/server/index.js";
import { Sampler } from "../../events/sampler.js";
import { CONTEXT_BYTES, contextText, Lowest, priority } from "../../events/sampling.js";
import { flag, snapshot } from "./server-documents.js";
import { json, refused } from "./server-far-end.js";
import { machine, started } from "./server-started.js";

const HOUR_MS = 3_600_000;
const VECTORS = JSON.parse(readFileSync(new URL("../../../spec/vectors/sampling/contexts.json", import.meta.url), "utf8"));

/** A flag that looks at an attribute. */
function asking(attribute, key = "checkout") {
  return flag(key, { rules: [{ id: "r", conditions: [{ op: "in", attribute, values: ["DE"] }], serve: { variation: "off" } }] });
}

/** What a sampler is given of flags, segments and layers by key. */
function items({ flags = {}, segments = {}, layers = {} }) {
  const given = (kind, all) => Object.entries(all).map(([key, value]) => [kind, key, value]);
  return [...given("flag", flags), ...given("segment", segments), ...given("layer", layers)];
}

/** A sampler of rules that look at `country`, with a clock by hand. */
function taking(...hidden) {
  const time = { ms: 100 * HOUR_MS };
  const sampler = new Sampler({ now: () => time.ms, random: Math.random, hidden });
  sampler.follow(items({ flags: { checkout: asking("country") } }), { isWhole: true });
  return { sampler, time };
}

/** All that a sampler would send. */
function sent(sampler) {
  const found = [];
  for (let taken; (taken = sampler.taken(Infinity)).length > 0; ) found.push(...taken.map(({ context }) => context));
  return found;
}

for (const { name, sample, private: hidden = [], hour, expect } of VECTORS.cases) {
  test(`sampling/contexts/${name}`, () => {
    const sampler = new Sampler({ now: () => hour * HOUR_MS, random: () => 0, hidden });
    sampler.follow(items(VECTORS.snapshot), { isWhole: true });
    sampler.saw(sample);
    assert.deepEqual(sent(sampler), [expect.context]);
    assert.equal(String(priority(hour, contextText(expect.context))), expect.priority);
  });
}

test("a context is sent once an hour", () => {
  const { sampler, time } = taking();
  for (let i = 0; i < 3; i++) sampler.saw({ targetingKey: "u1", country: "DE", email: "u1@mail.example" });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u1", country: "DE" }]);
  sampler.saw({ targetingKey: "u1", country: "DE" });
  assert.deepEqual(sent(sampler), []);
  time.ms += HOUR_MS;
  sampler.tick();
  sampler.saw({ targetingKey: "u1" });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u1" }]);
});

test("rules that change are followed", () => {
  const { sampler } = taking();
  sampler.follow(items({ flags: { checkout: asking("plan") } }), { isWhole: false });
  sampler.saw({ targetingKey: "u1", country: "DE", plan: "pro" });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u1", plan: "pro" }]);
  sampler.follow([["flag", "checkout", null]], { isWhole: false });
  sampler.saw({ targetingKey: "u2", country: "DE", plan: "pro" });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u2" }]);
});

test("the sample is bounded, few are looked at where there are many, and all of a quiet process", () => {
  const { sampler } = taking();
  let looks = 0;
  const saw = (number) => sampler.saw({ targetingKey: `u${number}`, get country() { return looks++; } }); // prettier-ignore
  for (let number = 0; number < 20_000; number++) saw(number);
  assert.ok(looks >= 100 && looks < 5000, `${looks}`);
  assert.ok(sent(sampler).length <= 1000);
  for (let i = 0; i < 40; i++) sampler.tick();
  looks = 0;
  for (let number = 0; number < 99; number++) saw(-number);
  assert.equal(looks, 99);
});

test("what nobody fetches does not grow", () => {
  const { sampler, time } = taking();
  for (let hour = 0; hour < 3; hour++, time.ms += HOUR_MS) {
    for (let number = 0; number < 1500; number++) {
      if (number % 90 === 0) for (let i = 0; i < 20; i++) sampler.tick();
      sampler.saw({ targetingKey: `${hour} ${number}` });
    }
  }
  const { length } = sent(sampler);
  assert.ok(length >= 1000 && length < 2000, `${length}`);
});

test("a context that is no JSON or too large is left out, and nobody hears of it", () => {
  const { sampler } = taking();
  const ring = {};
  ring.self = ring;
  const thrower = { get targetingKey() { throw new Error("no"); } }; // prettier-ignore
  const bad = [ring, 1n, () => {}, Symbol("x"), "x".repeat(CONTEXT_BYTES), "ü".repeat(CONTEXT_BYTES / 2), "\ud800", { "\udc00": 1 }];
  for (const country of bad) sampler.saw({ targetingKey: "u1", country });
  for (const context of [thrower, null, undefined, "u1", 7, [], () => {}]) sampler.saw(context);
  assert.deepEqual(sent(sampler), []);
  sampler.saw({ targetingKey: "u2", country: undefined });
  sampler.saw({ targetingKey: "u3", country: { toJSON: undefined, at: Number.NaN } });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u2" }, { targetingKey: "u3", country: { at: null } }]);
});

test("what toJSON says is not asked for: nobody looked through it for what is private", () => {
  const { sampler } = taking("/country/owner");
  sampler.saw({ targetingKey: "u1", country: { owner: "o1", toJSON: () => ({ owner: "o1" }) } });
  class Country {
    name = "DE";
    owner = "o1";
    toJSON() {
      return { owner: this.owner };
    }
  }
  sampler.saw({ targetingKey: "u2", country: new Country() });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u2", country: { name: "DE" } }]);
});

test("the lowest are kept, whatever order they come in", () => {
  const numbers = Array.from({ length: 50 }, (_, at) => BigInt((at * 37) % 50));
  const lowest = new Lowest(5);
  for (const each of [...numbers, ...numbers]) lowest.offer(each);
  assert.deepEqual(numbers.filter((each) => lowest.holds(each)).sort(), [0n, 1n, 2n, 3n, 4n]);
  assert.equal(lowest.offer(3n), false);
});

const DOCUMENT = snapshot({ revision: 1, flags: [asking("country"), asking("email", "mail")] });
const bodies = (far) => far.asked("/sdk/v1/events").map(({ body }) => body);

test("contexts go with the events, private attributes never, and a batch that is sent again has them again", async (t) => {
  const far = machine(DOCUMENT);
  far.on("/sdk/v1/events", refused);
  const client = await started(t, far, { sampleContexts: true, privateAttributes: ["email"], application: "shop/1.2.3" });
  client.boolean("checkout", { targetingKey: "u1", country: "DE", email: "u1@mail.example", age: 31 });
  assert.equal(await client.flush(), false);
  far.on("/sdk/v1/events", () => json({}, { status: 202 }));
  assert.equal(await client.flush(), true);
  const [first, again] = bodies(far);
  assert.deepEqual(again, first);
  assert.deepEqual(again.contexts, [{ time: far.platform.now(), context: { targetingKey: "u1", country: "DE" } }]);
  assert.match(again.sdk, /^pennon-js\/\S+ shop\/1\.2\.3$/);
  assert.ok(!JSON.stringify(bodies(far)).includes("mail.example"));
});

test("more than a batch takes goes with the next, without another evaluation", async (t) => {
  const far = machine(DOCUMENT);
  const client = await started(t, far, { sampleContexts: true });
  for (let number = 0; number < 150; number++) {
    if (number === 90) await far.advance(2000);
    client.boolean("checkout", { targetingKey: `u${number}` });
  }
  await far.advance(30_000);
  assert.deepEqual(
    bodies(far).map(({ contexts }) => contexts?.length),
    [100, 50],
  );
});

test("nothing is sampled unless told, nor without events, nor where nobody is served", async (t) => {
  for (const given of [{}, { sampleContexts: false }, { sampleContexts: true, events: false }]) {
    const far = machine(DOCUMENT);
    const client = await started(t, far, given);
    client.boolean("checkout", { targetingKey: "u1" });
    await client.flush();
    assert.ok(bodies(far).every((body) => !("contexts" in body)));
  }
  const far = machine(DOCUMENT);
  const client = await started(t, far, { sampleContexts: true });
  client.explain("checkout", { targetingKey: "u1" });
  client.bootstrap({ targetingKey: "u1" });
  await client.flush();
  assert.ok(bodies(far).every((body) => !("contexts" in body)));
});

test("options that cannot be are named", () => {
  const made = (given) => () => new Client("http://flags.test", { key: "k", ...given });
  assert.throws(made({ sampleContexts: "yes" }), /sampleContexts: expected true or false/);
  assert.throws(made({ privateAttributes: "email" }), /privateAttributes: expected a list/);
  assert.throws(made({ application: "shop" }), /application: "shop" is no name with a version/);
});

test("who asks may hide more than the sampler does", () => {
  const { sampler } = taking("email");
  sampler.saw({ targetingKey: "u1", country: "DE", email: "u1@mail.example" }, ["country"]);
  sampler.saw({ targetingKey: "u2", country: "DE" }, []);
  assert.equal(sampler.size, 2);
  assert.deepEqual(sent(sampler), [{ targetingKey: "u1" }, { targetingKey: "u2", country: "DE" }]);
  assert.equal(sampler.size, 0);
});

test("an attribute is looked at for as long as some rule looks at it", () => {
  const { sampler } = taking();
  sampler.follow(items({ flags: { other: asking("country", "other") } }), { isWhole: false });
  sampler.follow([["flag", "checkout", undefined]], { isWhole: false });
  sampler.saw({ targetingKey: "u1", country: "DE" });
  sampler.follow([["flag", "other", null]], { isWhole: false });
  sampler.saw({ targetingKey: "u2", country: "DE" });
  assert.deepEqual(sent(sampler), [{ targetingKey: "u1", country: "DE" }, { targetingKey: "u2" }]);
});
