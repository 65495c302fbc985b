/** LaunchDarkly's SDK for servers, its flags from its file source: its test data takes minutes for 10,000 of them. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as LaunchDarkly from "@launchdarkly/node-server-sdk";
import { FileDataSourceFactory } from "@launchdarkly/node-server-sdk/integrations";

import { itself } from "./way.js";

const ON = 0;
const OFF = 1;
const OPERATORS = { in: "in", version: "semVerLessThan", ends: "endsWith", above: "greaterThan", segment: "segmentMatch" };
const SILENT = { error() {}, warn() {}, info() {}, debug() {} };

/** @type {import("./way.js").Sdk} */
export const launchdarkly = {
  title: "LaunchDarkly",
  package: "@launchdarkly/node-server-sdk",
  note: "counted: its events are summarised, and its queue overflows and drops, which flatters it",
  async open(world, mode) {
    const folder = mkdtempSync(join(tmpdir(), "launchdarkly-bench-"));
    const file = join(folder, "flags.json");
    const flags = Object.fromEntries(world.flags.map((flag) => [flag.key, flagOf(flag)]));
    const segments = Object.fromEntries(world.segments.map((segment) => [segment.key, segmentOf(segment)]));
    writeFileSync(file, JSON.stringify({ flags, segments }));
    const client = LaunchDarkly.init("sdk-key", {
      updateProcessor: new FileDataSourceFactory({ paths: [file] }).getFactory(),
      sendEvents: mode === "counted",
      diagnosticOptOut: true,
      flushInterval: 86_400,
      logger: SILENT,
    });
    await client.waitForInitialization({ timeout: 60 });
    rmSync(folder, { recursive: true });
    const close = () => client.close();
    if (mode === "value")
      return { ask: (flag, user) => client.variation(flag, user, false), value: itself, user: contextOf, isAsync: true, close };
    return {
      ask: (flag, user) => client.variationDetail(flag, user, false),
      value: (detail) => detail.value,
      user: contextOf,
      isAsync: true,
      close,
    };
  },
};

/** @param {import("../worlds.js").User} user */
function contextOf({ targetingKey, ...attributes }) {
  return { kind: "user", key: targetingKey, ...attributes };
}

/** @param {import("../worlds.js").Flag} flag */
function flagOf({ key, rules, fallthrough, needed, listed, number }) {
  return {
    key,
    version: 3,
    on: true,
    salt: `k3v${String(number).padStart(5, "0")}`,
    variations: [true, false],
    offVariation: OFF,
    prerequisites: needed === null ? [] : [{ key: needed, variation: ON }],
    targets: listed.length > 0 ? [{ values: listed, variation: ON }] : [],
    rules: rules.map((rule, index) => ({ id: `r${index}`, clauses: [clauseOf(rule)], ...serveOf(rule.serve) })),
    fallthrough: serveOf(fallthrough),
  };
}

/** @param {import("../worlds.js").Rule} rule */
function clauseOf({ op, literal, attribute }) {
  return { attribute, op: OPERATORS[op], values: Array.isArray(literal) ? literal : [literal], negate: op === "version" };
}

/** @param {boolean | null} value */
function serveOf(value) {
  if (value !== null) return { variation: value ? ON : OFF };
  return {
    rollout: {
      variations: [
        { variation: ON, weight: 50_000 },
        { variation: OFF, weight: 50_000 },
      ],
    },
  };
}

/** @param {import("../worlds.js").Segment} segment */
function segmentOf({ key, plans, included }) {
  const clauses = [{ attribute: "plan", op: "in", values: plans, negate: false }];
  return { key, version: 1, salt: "m2", included, excluded: [], rules: plans.length > 0 ? [{ id: "r", clauses }] : [] };
}
