// Asks LaunchDarkly's own Node SDK, in a process that has it: a JSON value a line, no network, no Pennon.
// The configuration goes through a file, which the SDK's own file source reads as its polling reads an answer.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { init } from "@launchdarkly/node-server-sdk";
import { FileDataSourceFactory } from "@launchdarkly/node-server-sdk/integrations";

const PACKAGE = "@launchdarkly/node-server-sdk";
const NOT_ATTRIBUTES = new Set(["kind", "key", "targetingKey", "privateAttributes", "_meta"]);

/** Returns the flags and segments of a payload, a streaming `put`, a file's dump or a list of FDv2 events. */
function documentParts(document) {
  if (document.events) {
    const found = { flags: {}, segments: {} };
    for (const { event, data } of document.events) {
      if (event === "put-object") found[`${data.kind}s`][data.key] = data.object;
    }
    return found;
  }
  if ("items" in document || "environments" in document) {
    throw new Error("no SDK reads what the REST API shows: give what SDKs receive");
  }
  const whole = "path" in document ? document.data : document;
  return { flags: whole.flags ?? {}, segments: whole.segments ?? {}, flagValues: whole.flagValues ?? {} };
}

function withoutTombstones(items) {
  return Object.fromEntries(Object.entries(items).filter(([, item]) => !item.deleted));
}

async function clientOf(document) {
  const parts = documentParts(document);
  const folder = mkdtempSync(join(tmpdir(), "launchdarkly-"));
  const path = join(folder, "flags.json");
  const silent = { error() {}, warn() {}, info() {}, debug() {} };
  try {
    const { flags, segments, ...rest } = parts;
    writeFileSync(
      path,
      JSON.stringify({ flags: withoutTombstones(flags), segments: withoutTombstones(segments), ...rest }),
    );
    const source = new FileDataSourceFactory({ paths: [path], autoUpdate: false });
    const client = init("no-key", {
      updateProcessor: source.getFactory(),
      sendEvents: false,
      diagnosticOptOut: true,
      logger: silent,
    });
    await client.waitForInitialization({ timeout: 30 });
    return client;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function keyOf(member) {
  for (const name of ["targetingKey", "key"]) {
    if (typeof member[name] === "string" && member[name] !== "") return member[name];
  }
  return "";
}

function attributes(member) {
  return Object.entries(member).filter(([name, value]) => {
    if (NOT_ATTRIBUTES.has(name)) return false;
    if (name === "name") return typeof value === "string";
    if (name === "anonymous") return typeof value === "boolean";
    return true;
  });
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Makes a context as LaunchDarkly's OpenFeature provider does. */
function contextOf(context) {
  if (context.kind !== "multi") {
    const kind = typeof context.kind === "string" && context.kind !== "" ? context.kind : "user";
    return { kind, key: keyOf(context), ...Object.fromEntries(attributes(context)) };
  }
  const members = Object.entries(context)
    .filter(([name, member]) => isObject(member) && name !== "targetingKey")
    .map(([name, member]) => [name, { key: keyOf(member), ...Object.fromEntries(attributes(member)) }]);
  return { ...Object.fromEntries(members), kind: "multi" };
}

async function outcome(client, flag, context) {
  const detail = await client.variationDetail(flag, contextOf(context), null);
  const index = detail.variationIndex ?? null;
  return {
    value: index === null ? null : detail.value,
    variation: index === null ? null : String(index),
    default: index === null,
    error: detail.reason?.errorKind ?? null,
  };
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

try {
  let client = null;
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    if (client === null) {
      client = await clientOf(JSON.parse(asked.document));
      say({ sdk: PACKAGE, version: versionOfPackage() });
      continue;
    }
    const outcomes = [];
    for (const context of asked.contexts) outcomes.push(await outcome(client, asked.flag, context));
    say({ outcomes });
  }
  client?.close();
} catch (error) {
  say({ failed: String(error) });
  process.exitCode = 1;
}
