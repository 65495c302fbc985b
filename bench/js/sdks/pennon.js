/** Pennon's client for servers, its flags from a file. It counts in every mode. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client } from "../../../js/client/server/index.js";
import { itself } from "./way.js";

/** @typedef {import("../worlds.js").Flag} Flag */
/** @typedef {import("../worlds.js").Rule} Rule */

const OPERATORS = { in: "in", version: "versionGreaterOrEqual", ends: "endsWith", above: "greaterThan", segment: "inSegment" };

/** @type {import("./way.js").Sdk} */
export const pennon = {
  title: "Pennon",
  package: "pennon",
  async open(world, mode) {
    const folder = mkdtempSync(join(tmpdir(), "pennon-bench-"));
    try {
      const file = join(folder, "flags.json");
      writeFileSync(file, JSON.stringify(snapshotOf(world)));
      const client = new Client(null, { file });
      await client.ready();
      const close = () => client.close();
      if (mode === "value") return { ask: (flag, user) => client.boolean(flag, user, false), value: itself, user: itself, close };
      return { ask: (flag, user) => client.evaluation(flag, user, false), value: (found) => found.value, user: itself, close };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** @param {import("../worlds.js").World} world */
export function snapshotOf({ flags, segments }) {
  return {
    spec: 1,
    environment: "bench/bench",
    revision: 1,
    flags: Object.fromEntries(flags.map((flag) => [flag.key, flagOf(flag)])),
    segments: Object.fromEntries(segments.map((segment) => [segment.key, segmentOf(segment)])),
  };
}

/** @param {Flag} flag */
function flagOf({ key, rules, fallthrough, needed, listed, number }) {
  return {
    key,
    version: 3,
    on: true,
    salt: `k3v${String(number).padStart(5, "0")}`,
    variations: [{ key: "on", value: true }, { key: "off", value: false }],
    offVariation: "off",
    prerequisites: needed === null ? [] : [{ flag: needed, variations: ["on"] }],
    targets: listed.length > 0 ? [{ values: listed, variation: "on" }] : [],
    rules: rules.map((rule, index) => ({ id: `r${index}`, conditions: [conditionOf(rule)], serve: serveOf(rule.serve) })),
    fallthrough: serveOf(fallthrough),
  };
}

/** @param {Rule} rule */
function conditionOf({ op, literal, attribute }) {
  const values = Array.isArray(literal) ? literal : [literal];
  return op === "segment" ? { op: OPERATORS[op], values } : { op: OPERATORS[op], attribute, values };
}

/** @param {boolean | null} value */
function serveOf(value) {
  if (value !== null) return { variation: value ? "on" : "off" };
  return { split: { weights: [{ variation: "on", weight: 50_000 }, { variation: "off", weight: 50_000 }] } };
}

/** @param {import("../worlds.js").Segment} segment */
function segmentOf({ key, plans, included }) {
  const rules = plans.length > 0 ? [{ conditions: [{ op: "in", attribute: "plan", values: plans }] }] : [];
  return { key, version: 1, salt: "m2", included, rules };
}
