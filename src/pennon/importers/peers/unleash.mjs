// Asks Unleash's own Node SDK, in a process that has it: a JSON value a line, no network, no Pennon.
// The configuration is its bootstrap; the client is never started, so it fetches nothing. A flag named
// `<feature>.variant` is asked by getVariant, any other by isEnabled. appName and environment are those of the
// contexts, the name of the machine is a context's hostname.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { InMemStorageProvider, Unleash } from "unleash-client";

const PACKAGE = "unleash-client";
const SUFFIX = ".variant";
const BUILT_IN = ["userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime"];
// How often an answer is asked for again where lots were drawn: one in a hundred is then seen for certain.
const DRAWS = 1500;
const MINUTE_MS = 60_000;
// How ECMAScript says that a time is written. What other texts are is left to each engine, and so is no answer to
// compare with.
const DATE = String.raw`(?:\d{4}|[+-]\d{6})(?:-\d{2}(?:-\d{2})?)?`;
const TIME = String.raw`T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})`;
const WRITTEN_TIME = new RegExp(`^${DATE}(?:${TIME})?$`);

const RealDate = Date;
let fakeNow = null;

// The SDK asks `new Date()` for the time.
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0 && fakeNow !== null) super(fakeNow);
    else super(...given);
  }
};

const random = Math.random;
let drew = false;
Math.random = () => {
  drew = true;
  return random();
};

/** Returns an export's tables as the client API would send them: disabled strategies are not sent. */
function joined(document, environment) {
  const rows = (document.featureEnvironments ?? []).filter(
    (row) => environment === undefined || row.environment === environment,
  );
  const here = new Map(rows.map((row) => [row.featureName ?? row.name, row]));
  const parents = new Map((document.dependencies ?? []).map((row) => [row.feature, row.dependencies]));
  const features = (document.features ?? []).map(({ name }) => ({
    name,
    enabled: here.get(name)?.enabled ?? false,
    strategies: document.featureStrategies
      .filter((strategy) => strategy.featureName === name && !strategy.disabled)
      .sort((one, other) => (one.sortOrder ?? 0) - (other.sortOrder ?? 0)),
    variants: here.get(name)?.variants ?? [],
    dependencies: parents.get(name) ?? [],
  }));
  return { features, segments: (document.segments ?? []).filter((segment) => segment.constraints) };
}

/** Returns the features and segments of a file, after all events. */
function stateOf(document, options) {
  if (document.featureStrategies) return joined(document, options.environment);
  if (!document.events) return { features: document.features, segments: document.segments ?? [] };
  let features = new Map();
  let segments = new Map();
  for (const event of document.events) {
    if (event.type === "hydration") {
      features = new Map(event.features.map((feature) => [feature.name, feature]));
      segments = new Map((event.segments ?? []).map((segment) => [segment.id, segment]));
    } else if (event.type === "feature-updated") features.set(event.feature.name, event.feature);
    else if (event.type === "feature-removed") features.delete(event.featureName);
    else if (event.type === "segment-updated") segments.set(event.segment.id, event.segment);
    else if (event.type === "segment-removed") segments.delete(event.segmentId);
  }
  return { features: [...features.values()], segments: [...segments.values()] };
}

async function clientOf({ features, segments }) {
  const client = new Unleash({
    url: "http://127.0.0.1:9",
    appName: "pennon",
    disableAutoStart: true,
    disableMetrics: true,
    refreshInterval: 0,
    storageProvider: new InMemStorageProvider(),
    bootstrap: { data: features, segments },
  });
  client.on("error", () => {});
  client.on("warn", () => {});
  if (features.length > 0) {
    const ready = new Promise((resolve, reject) => {
      client.once("ready", resolve);
      setTimeout(() => reject(new Error("the bootstrap was not taken")), MINUTE_MS).unref();
    });
    await client.repository.loadBootstrap();
    await ready;
  }
  return client;
}

function* variantsOf(feature) {
  yield* feature.variants ?? [];
  for (const strategy of feature.strategies ?? []) yield* strategy.variants ?? [];
}

// A payload that is null is handed on, one that is missing is not.
const keyOf = ({ name, payload }) => JSON.stringify([name, payload ? [payload.type, payload.value] : String(payload)]);

/** Names each distinct variant: its own name, with a number where two of one name differ. */
function labelsOf(feature) {
  const found = new Map();
  const taken = new Set(["disabled", "disabled-on"]);
  for (const variant of variantsOf(feature)) {
    if (found.has(keyOf(variant))) continue;
    let label = variant.name;
    for (let number = 2; taken.has(label); number += 1) label = `${variant.name} (${number})`;
    taken.add(label);
    found.set(keyOf(variant), label);
  }
  return found;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Makes a context of Unleash's: userId is the targeting key, all that is not built in is a property. */
function contextOf(context) {
  const found = { appName: undefined, environment: undefined };
  for (const name of BUILT_IN) if (Object.hasOwn(context, name)) found[name] = context[name];
  found.userId = context.userId ?? context.targetingKey;
  const own = new Set([...BUILT_IN, "targetingKey"]);
  if (isObject(context.properties)) own.add("properties");
  found.properties = Object.fromEntries(Object.entries(context).filter(([name]) => !own.has(name)));
  if (isObject(context.properties)) Object.assign(found.properties, context.properties);
  return found;
}

function booleanOf(client, name, context) {
  const value = client.isEnabled(name, context);
  return { value, variation: String(value), default: false, error: null };
}

function variantOf(client, name, labels, context) {
  const { featureEnabled: _alias, ...value } = client.getVariant(name, context);
  const label = value.enabled ? labels.get(keyOf(value)) : undefined;
  const variation = label ?? (value.feature_enabled ? "disabled-on" : "disabled");
  return { value, variation, default: false, error: null };
}

/** Whether a feature may look at the time: by itself, a segment or a parent. */
const readsTime = (feature) =>
  /"DATE_/.test(JSON.stringify(feature)) ||
  feature.dependencies?.length > 0 ||
  (feature.strategies ?? []).some(({ segments }) => segments?.length > 0);

const isOwnTime = ({ currentTime }) =>
  typeof currentTime === "string"
    ? currentTime !== "" && !WRITTEN_TIME.test(currentTime)
    : typeof currentTime === "object" && currentTime !== null;

function outcomeOf(ask, machine, mayReadTime, context) {
  machine.hostname = typeof context.properties.hostname === "string" ? context.properties.hostname.toLowerCase() : "\0";
  drew = false;
  try {
    const found = ask(context);
    const text = JSON.stringify(found);
    let chance = mayReadTime && isOwnTime(context);
    for (let draw = 0; drew && !chance && draw < DRAWS; draw += 1) chance = JSON.stringify(ask(context)) !== text;
    return { ...found, chance };
  } catch (error) {
    return { value: null, variation: null, default: true, error: String(error), chance: false };
  }
}

function versionOfPackage() {
  let folder = dirname(createRequire(import.meta.url).resolve(PACKAGE));
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === PACKAGE) return found.version;
    } catch {
      // Not a folder with a package of its own.
    }
    folder = dirname(folder);
  }
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

function answer(client, features, { flag, contexts, now }) {
  fakeNow = now === null ? null : now * 1000;
  const isVariant = !features.has(flag) && flag.endsWith(SUFFIX);
  const name = isVariant ? flag.slice(0, -SUFFIX.length) : flag;
  const feature = features.get(name) ?? {};
  const labels = labelsOf(feature);
  const ask = isVariant
    ? (context) => variantOf(client, name, labels, context)
    : (context) => booleanOf(client, name, context);
  const machine = client.client.getStrategy("applicationHostname");
  return contexts.map((context) => outcomeOf(ask, machine, readsTime(feature), contextOf(context)));
}

try {
  let client = null;
  let features = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    if (client === null) {
      const state = stateOf(JSON.parse(asked.document), asked.options);
      features = new Map(state.features.map((feature) => [feature.name, feature]));
      client = await clientOf(state);
      say({ sdk: PACKAGE, version: versionOfPackage() });
      continue;
    }
    say({ outcomes: answer(client, features, asked) });
  }
  client?.destroy();
} catch (error) {
  say({ failed: String(error) });
  process.exitCode = 1;
}
