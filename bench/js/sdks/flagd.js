/** flagd's evaluation in process, below the OpenFeature client that it is written for. */

import { FlagdCore } from "@openfeature/flagd-core";

import { itself, Unable } from "./way.js";

const HALVES = {
  fractional: [
    ["on", 50],
    ["off", 50],
  ],
};
const SILENT = { error() {}, warn() {}, info() {}, debug() {} };

/** @type {import("./way.js").Sdk} */
export const flagd = {
  title: "flagd-core",
  package: "@openfeature/flagd-core",
  note: "it counts nothing and knows no prerequisites",
  open(world, mode) {
    if (mode === "counted") throw new Unable("it counts nothing");
    if (world.flags.some((flag) => flag.needed !== null)) throw new Unable("no prerequisites in its definitions");
    const core = new FlagdCore(undefined, SILENT);
    const flags = Object.fromEntries(world.flags.map((flag) => [flag.key, flagOf(flag)]));
    const $evaluators = Object.fromEntries(world.segments.map((segment) => [segment.key, evaluatorOf(segment)]));
    core.setConfigurations(JSON.stringify({ flags, $evaluators }));
    return {
      ask: (flag, user) => core.resolveBooleanEvaluation(flag, false, user, SILENT),
      value: (details) => details.value,
      user: itself,
    };
  },
};

/** @param {import("../worlds.js").Flag} flag */
function flagOf({ rules, fallthrough, listed }) {
  const lists = listed.length > 0 ? [{ in: [{ var: "targetingKey" }, listed] }, "on"] : [];
  const branches = [...lists, ...rules.flatMap((rule) => [conditionOf(rule), served(rule.serve)])];
  const rest = served(fallthrough);
  const targeting = branches.length > 0 ? { if: [...branches, rest] } : rest === HALVES ? rest : undefined;
  return {
    state: "ENABLED",
    variants: { on: true, off: false },
    defaultVariant: typeof rest === "string" ? rest : "off",
    ...(targeting === undefined ? {} : { targeting }),
  };
}

/** @param {boolean | null} serve */
function served(serve) {
  return serve === null ? HALVES : serve ? "on" : "off";
}

/** @param {import("../worlds.js").Rule} rule */
function conditionOf({ op, literal, attribute }) {
  const found = { var: attribute };
  switch (op) {
    case "in":
      return { in: [found, literal] };
    case "version":
      return { sem_ver: [found, ">=", literal] };
    case "ends":
      return { ends_with: [found, literal] };
    case "above":
      return { ">": [found, literal] };
    case "segment":
      return { $ref: literal };
  }
}

/** @param {import("../worlds.js").Segment} segment */
function evaluatorOf({ plans, included }) {
  return included.length > 0 ? { in: [{ var: "targetingKey" }, included] } : { in: [{ var: "plan" }, plans] };
}
