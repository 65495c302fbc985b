/**
 * Why a context gets what it gets: the steps of an evaluation, in words and in fields, the same as in Python. A module of its
 * own, so that no bundle need carry it.
 * @module
 */

import { readFlag, readSegment } from "../../model/index.js";
import { OPERATORS } from "../index.js";
import { own } from "../own.js";
import { prepare } from "../operators.js";
import { Trace } from "./trace.js";
import * as words from "./words.js";

/** @typedef {import("./trace.js").Node} Node */
/** @typedef {import("../attributes.js").Context} Context */
/** @typedef {import("../index.js").RuleSet} RuleSet */
/** @typedef {import("../../model/index.js").Condition} Condition */
/** @typedef {import("../../model/index.js").Flag} Flag */
/** @typedef {import("../../model/index.js").Prerequisite} Prerequisite */
/** @typedef {import("../../model/index.js").Rule} Rule */
/** @typedef {import("../../model/index.js").SegmentRule} SegmentRule */
/** @typedef {import("../../model/index.js").Target} Target */
/** The buckets [from, to) of a split, and the variation that they get. @typedef {{ from: number, to: number, variation: string }} Slice */
/**
 * One step of an evaluation; what does not apply is left out. `matched` is null for a step that was not reached. `path` is the
 * JSON pointer to the part of the flag or segment, `key` names the flag, segment, layer, list or rule that it is about. `found`
 * is what the context has, shortened; `steps` are the steps within.
 * @typedef {{ what: "error" | "staleness" | "off" | "prerequisite" | "target" | "rule" | "condition" | "segment" | "list" | "layer"
 *   | "split" | "fallthrough", matched: boolean | null, why: string, path?: string, key?: string | null, attribute?: string | null,
 *   op?: string | null, found?: words.Shown, variation?: string | null, unit?: string | null, bucket?: number | null,
 *   slices?: Slice[], steps?: Step[] }} Step
 */
/**
 * An evaluation, and every step that led to it.
 * @typedef {{ flag: string, evaluation: import("../answers.js").Evaluation, steps: Step[] }} Explanation
 */

const FAILED = "reading the context failed here";

/**
 * Return what `rules.evaluate` returns, and each step on the way with why it matched or not. Counts nothing and tells of no
 * exposure. Never throws.
 * @param {RuleSet} rules
 * @param {string} flag
 * @param {Context} context
 * @param {any} [caller] the value where no variation is served
 * @param {number | null} [now] the time in epoch seconds; only imported flags look at it
 * @returns {Explanation}
 */
export function explain(rules, flag, context, caller = null, now = null) {
  const silent = rules.silent();
  const { compiler } = silent;
  const time = now ?? compiler.options.clock?.() ?? null;
  const evaluation = silent.evaluate(flag, context, caller, time);
  const { isSound, isShared } = compiler.flag(flag);
  const steps = isSound && evaluation.errorCode !== "INVALID_CONTEXT" ? followed(silent, flag, context, { time, isShared, evaluation }) : [];
  if (evaluation.reason === "ERROR")
    steps.push({ what: "error", matched: true, why: `${evaluation.errorCode}: ${evaluation.errorMessage}` });
  return { flag, evaluation, steps };
}

/**
 * @param {RuleSet} rules
 * @param {string} key
 * @param {Context} context
 * @param {{ time: number | null, isShared: boolean, evaluation: import("../answers.js").Evaluation }} asked
 * @returns {Step[]}
 */
function followed(rules, key, context, { time, isShared, evaluation }) {
  const flag = readFlag(key, own(rules.snapshot.flags, key));
  if (rules.references.dialect(flag)?.accepts?.(context) === false) return [];
  const trace = new Trace(rules, context, time, isShared);
  trace.follow(flag);
  const nodes = trace.root.children;
  if (evaluation.reason === "ERROR" && nodes.length === 0) return [];
  const explainer = new Explainer(rules.snapshot);
  const isStale = evaluation.reason === "STALE" || nodes.some((node) => node.path.startsWith("/staleness"));
  return isStale ? [explainer.stale(flag, nodes, evaluation.variation)] : explainer.flag(flag, nodes);
}

/** Return a step without what does not apply. @param {Step} step @returns {Step} */
function stepOf(step) {
  const kept = Object.entries(step).filter(([name, value]) => {
    if (name === "what" || name === "matched" || name === "why") return true;
    return value !== null && !(Array.isArray(value) && value.length === 0);
  });
  return /** @type {Step} */ (Object.fromEntries(kept));
}

/** Turns nodes into steps. What was explained once is not explained again. */
class Explainer {
  #snapshot;
  /** @type {Set<string>} */
  #explained = new Set();

  /** @param {import("../../model/index.js").Snapshot} snapshot */
  constructor(snapshot) {
    this.#snapshot = snapshot;
  }

  /** Explain a flag whose staleness bound has passed. @param {Flag} flag @param {Node[]} nodes @param {string | null} variation */
  stale(flag, nodes, variation) {
    const bound = flag.staleness === null ? "" : ` of ${flag.staleness.maxAgeS} s`;
    const why = `the state is older than the flag's bound${bound}`;
    return stepOf({ what: "staleness", matched: true, why, path: "/staleness", variation, steps: placing(nodes) });
  }

  /**
   * Explain a flag, the one asked for or a prerequisite, part by part in the order of evaluation.
   * @param {Flag} flag
   * @param {Node[]} nodes
   * @returns {Step[]}
   */
  flag(flag, nodes) {
    const why = flag.on ? "the flag is on" : `the flag is off, so it serves ${words.variation(flag.offVariation)}`;
    const steps = [stepOf({ what: "off", matched: !flag.on, why, path: "/on" })];
    const byPath = new Map(nodes.map((node) => [node.path, node]));
    let isDecided = !flag.on;
    for (const { what, path, key } of partsOf(flag)) {
      const node = isDecided ? undefined : byPath.get(path);
      if (node === undefined) {
        steps.push(stepOf({ what, matched: null, why: "not reached", path, key }));
        continue;
      }
      const { step, decides } = this.#part(
        node,
        nodes.filter((each) => each.path.startsWith(`${path}/`)),
        flag.compat !== null,
      );
      steps.push(step);
      isDecided = decides;
    }
    return [...steps, fallthroughStep(flag, nodes, !isDecided)];
  }

  /**
   * Explain a part that was reached, and tell whether it decided.
   * @param {Node} node
   * @param {Node[]} placed
   * @param {boolean} isForeign
   * @returns {{ step: Step, decides: boolean }}
   */
  #part(node, placed, isForeign) {
    const what = /** @type {"prerequisite" | "target" | "rule"} */ (node.kind);
    if (!node.isFinished) return { step: stepOf({ what, matched: false, why: FAILED, path: node.path }), decides: true };
    const step =
      what === "prerequisite" ? this.#prerequisite(node) : what === "target" ? targetStep(node) : this.#rule(node, placed, isForeign);
    return { step, decides: what === "prerequisite" ? !step.matched : step.matched === true };
  }

  /** @param {Node} node @returns {Step} */
  #prerequisite({ subject, outcome: served, path, children }) {
    const { flag: key, variations } = /** @type {Prerequisite} */ (subject);
    const wanted = words.anyOf(variations);
    const flag = this.#flagOf(key);
    let why = `the flag ${words.quoted(key)} does not exist or is broken; it must serve ${wanted}`;
    if (flag !== null) {
      const does = served === null ? "answers an error or no variation" : `serves ${words.quoted(served)}`;
      const isOff = "is off, and an off flag meets no prerequisite";
      why = `the flag ${words.quoted(key)} ${flag.on ? `${does}; it must serve ${wanted}` : isOff}`;
    }
    const steps = flag === null || !this.#isFirst("flag", key) ? [] : this.flag(flag, children);
    return stepOf({ what: "prerequisite", matched: variations.includes(served), why, path, key, variation: served, steps });
  }

  /** @param {string} key @returns {Flag | null} */
  #flagOf(key) {
    try {
      return readFlag(key, own(this.#snapshot.flags, key));
    } catch {
      return null;
    }
  }

  /** @param {string} kind @param {string} key */
  #isFirst(kind, key) {
    const isFirst = !this.#explained.has(`${kind}:${key}`);
    this.#explained.add(`${kind}:${key}`);
    return isFirst;
  }

  /** @param {Node} node @param {Node[]} placed @param {boolean} isForeign @returns {Step} */
  #rule(node, placed, isForeign) {
    const rule = /** @type {Rule} */ (node.subject);
    const conditions = this.#conditions(node, isForeign);
    const within = placing(placed);
    const isMissing = placed.some((each) => each.kind === "bucket" && each.bucket === null);
    const isOwned = !placed.some((each) => each.kind === "layer" && !each.outcome);
    const matched = Boolean(node.outcome) && (isOwned || isMissing);
    const why = !node.outcome || isOwned ? ruleWhy(rule, conditions) : within[within.length - 1].why;
    return stepOf({
      what: "rule",
      matched,
      why,
      path: node.path,
      key: rule.id,
      variation: matched ? rule.serve.variation : null,
      steps: [...conditions, ...within],
    });
  }

  /** @param {Node} node @param {boolean} isForeign @returns {Step[]} */
  #conditions(node, isForeign) {
    return node.children.filter(({ kind }) => kind === "condition").map((child) => this.#condition(child, isForeign));
  }

  /** @param {Node} node @param {boolean} isForeign @returns {Step} */
  #condition(node, isForeign) {
    const condition = /** @type {Condition} */ (node.subject);
    const why = node.isFinished ? conditionWhy(condition, node, isForeign) : FAILED;
    const attribute = condition.attribute || condition.by;
    return stepOf({
      what: "condition",
      matched: Boolean(node.outcome),
      why,
      path: node.path,
      attribute,
      op: condition.op,
      found: words.shown(node.found),
      steps: this.#within(condition, node),
    });
  }

  /**
   * Explain the segments, or the other flag, that a condition asks for.
   * @param {Condition} condition
   * @param {Node} node
   * @returns {Step[]}
   */
  #within({ op, attribute }, { children }) {
    if (op !== "serves" || attribute === null)
      return children.filter(({ kind }) => kind === "segment").map((child) => this.#segment(child));
    const flag = this.#flagOf(attribute);
    return flag !== null && children.length > 0 && this.#isFirst("flag", attribute) ? this.flag(flag, children) : [];
  }

  /** @param {Node} node @returns {Step} */
  #segment({ subject: key, outcome, path, children }) {
    const segment = readSegment(key, own(this.#snapshot.segments, key));
    const steps = this.#isFirst("segment", key) ? children.map((child) => this.#segmentPart(child, segment.compat !== null)) : [];
    return stepOf({ what: "segment", matched: Boolean(outcome), why: segmentWhy(steps, Boolean(outcome)), path, key, steps });
  }

  /** @param {Node} node @param {boolean} isForeign @returns {Step} */
  #segmentPart(node, isForeign) {
    const matched = Boolean(node.outcome);
    if (node.kind === "list")
      return stepOf({
        what: "list",
        matched,
        why: `the targeting key is ${matched ? "" : "not "}${node.subject}`,
        path: node.path,
        key: node.subject,
      });
    const rule = /** @type {SegmentRule} */ (node.subject);
    const conditions = this.#conditions(node, isForeign);
    return stepOf({ what: "rule", matched, why: ruleWhy(rule, conditions), path: node.path, key: rule.id || null, steps: conditions });
  }
}

/** @param {Flag} flag @returns {{ what: "prerequisite" | "target" | "rule", path: string, key: string | null }[]} */
function partsOf(flag) {
  return [
    ...flag.prerequisites.map((part, index) => ({
      what: /** @type {const} */ ("prerequisite"),
      path: `/prerequisites/${index}`,
      key: part.flag,
    })),
    ...flag.targets.map((_, index) => ({ what: /** @type {const} */ ("target"), path: `/targets/${index}`, key: null })),
    ...flag.rules.map((part, index) => ({ what: /** @type {const} */ ("rule"), path: `/rules/${index}`, key: part.id })),
  ];
}

/** @param {Node} node @returns {Step} */
function targetStep({ subject, outcome, found, path }) {
  const { attribute, variation } = /** @type {Target} */ (subject);
  const why = found === null ? `${attribute} is missing` : `${attribute} ${words.quoted(found)} is ${outcome ? "" : "not "}listed`;
  return stepOf({
    what: "target",
    matched: Boolean(outcome),
    why,
    path,
    attribute,
    found: words.shown(found),
    variation: outcome ? variation : null,
  });
}

/** @param {Condition} condition @param {Node} node @param {boolean} isForeign */
function conditionWhy(condition, { outcome, found }, isForeign) {
  const { op, attribute, values, negate, hash } = condition;
  const isIn = Boolean(outcome) !== negate;
  if (op === "inSegment") return `the context is ${isIn ? "in" : "in none of"} ${words.anyOf(values)}`;
  if (isForeign && op === "serves" && attribute !== null) {
    return `the flag ${words.quoted(attribute)} ${isIn ? "serves" : "does not serve"} ${words.anyOf(values)}`;
  }
  if (isForeign && hash !== "sha256") return `the dialect's ${op} ${outcome ? "holds" : "does not hold"}`; // only it knows what it found
  if (op === "exists") return words.existing(condition, found);
  if (op === "inBucket") return words.share(condition, found, isIn);
  return words.compared(condition, found, Object.hasOwn(OPERATORS, op) && found !== null ? beforeNegation(condition, found) : undefined);
}

/**
 * Return what a value or an array answers: true if anything does, else false if anything could.
 * @param {Condition} condition
 * @param {unknown} found
 */
function beforeNegation(condition, found) {
  const compare = prepare(condition, OPERATORS[condition.op]);
  if (!Array.isArray(found)) return compare(found);
  const answers = found.map((each) => compare(each));
  return answers.includes(true) ? true : answers.includes(false) ? false : undefined;
}

/** @param {Rule | SegmentRule} rule @param {Step[]} conditions */
function ruleWhy(rule, conditions) {
  if (rule.conditions.length === 0) return "it has no conditions, so it matches everybody";
  const failed = conditions.filter((step) => !step.matched);
  return failed.length > 0 ? failed.map((step) => step.why).join("; ") : "every condition holds";
}

/** @param {Step[]} within @param {boolean} isIn */
function segmentWhy(within, isIn) {
  const decisive = within.find((step) => step.matched);
  if (decisive === undefined) return isIn ? "as explained above" : "neither its lists nor its rules have the context";
  return decisive.what === "list" ? decisive.why : `its rule at ${decisive.path} holds`;
}

/** @param {Flag} flag @param {Node[]} nodes @param {boolean} isReached @returns {Step} */
function fallthroughStep(flag, nodes, isReached) {
  if (!isReached) return stepOf({ what: "fallthrough", matched: null, why: "not reached", path: "/fallthrough" });
  const why = flag.targets.length + flag.rules.length > 0 ? "no target and no rule matched" : "there are no targets and no rules";
  const steps = placing(nodes.filter(({ path }) => path.startsWith("/fallthrough")));
  return stepOf({ what: "fallthrough", matched: true, why, path: "/fallthrough", variation: flag.fallthrough.variation, steps });
}

/** Explain where a unit landed: in a layer, then in a split. @param {Node[]} nodes @returns {Step[]} */
function placing(nodes) {
  /** @type {Step[]} */
  const steps = [];
  for (const [index, node] of nodes.entries()) {
    if (node.kind === "layer" && index > 0) steps[steps.length - 1] = layerStep(node, nodes[index - 1]);
    else steps.push(bucketStep(node));
  }
  return steps;
}

/** @param {Node} node @returns {Step} */
function bucketStep({ subject, path, unit, bucket }) {
  const isSplit = "weights" in subject;
  const what = isSplit ? "split" : "layer";
  const { by } = subject;
  if (bucket === null)
    return stepOf({ what, matched: false, why: `${by} is missing, or neither a string nor an integer`, path, attribute: by });
  if (!isSplit || subject.hash !== "sha256") {
    return stepOf({ what, matched: true, why: isSplit ? `the hash '${subject.hash}' chooses weight ${bucket}` : "placed", path, bucket });
  }
  const slices = slicesOf(subject);
  const hit = /** @type {Slice} */ (slices.find((slice) => bucket < slice.to));
  const why = `${by} ${words.quoted(unit)} has bucket ${bucket}, in [${hit.from}, ${hit.to}) of ${words.quoted(hit.variation)}`;
  return stepOf({ what, matched: true, why, path, attribute: by, unit, bucket, variation: hit.variation, slices });
}

/** @param {import("../../model/index.js").Split} split @returns {Slice[]} */
function slicesOf({ weights }) {
  let start = 0;
  return weights.map(({ variation, weight }) => ({ from: start, to: (start += weight), variation }));
}

/** @param {Node} node @param {Node} placed @returns {Step} */
function layerStep({ subject: experiment, outcome, path }, { subject: layer, unit, bucket }) {
  const owns = outcome ? "owned" : "not owned";
  const why = `place ${bucket} of the layer ${words.quoted(layer.key)} is ${owns} by ${words.quoted(experiment.key)}`;
  return stepOf({ what: "layer", matched: Boolean(outcome), why, path, key: layer.key, attribute: layer.by, unit, bucket });
}
