/**
 * Which attributes of a context rules look at, and a context with no others. Pure.
 * @module
 */

import { pointerSteps } from "./attributes.js";

/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Layer} Layer */
/** @typedef {import("../model/index.js").Segment} Segment */
/** Attributes by their first steps. One that leads no further is wanted whole. @typedef {Map<string, any>} Tree */

export const KEY = "targetingKey";
const PARTS = /[./:]/;
const INDEX = /^(?:0|[1-9][0-9]{0,3})$/;

/**
 * Return the attributes that a flag looks at by itself, as it names them: names and JSON pointers. Of what is imported, each name in an
 * expression counts, wherever it stands: too many, but none too few.
 * @param {Flag} flag
 * @returns {Set<string>}
 */
export function attributesOfFlag({ targets, rules, fallthrough, staleness, compat }) {
  const serves = [...rules.map(({ serve }) => serve), fallthrough, ...(staleness === null ? [] : [staleness.serve])];
  return new Set([
    ...targets.map(({ attribute }) => attribute),
    ...asked(rules, compat !== null),
    ...serves.flatMap(({ split }) => (split === null ? [] : [split.by])),
    ...(compat === null ? [] : [KEY]),
  ]);
}

/** Return the attributes that a segment looks at, likewise. @param {Segment} segment @returns {Set<string>} */
export function attributesOfSegment({ rules, compat }) {
  return new Set([KEY, ...asked(rules, compat !== null)]);
}

/** Return the attributes that a layer looks at. @param {Layer} layer @returns {Set<string>} */
export function attributesOfLayer({ by }) {
  return new Set([by]);
}

/** @param {readonly { conditions: Condition[] }[]} rules @param {boolean} isForeign @returns {string[]} */
function asked(rules, isForeign) {
  return rules
    .flatMap(({ conditions }) => conditions)
    .flatMap(({ op, attribute, by, value }) => {
      const named = [attribute, by].filter((name) => name !== null && op !== "serves").map(String);
      return isForeign ? [...named, ...[...named, ...strings(value)].flatMap((text) => [text, ...text.split(PARTS)])] : named;
    });
}

/** @param {any} value @returns {string[]} */
function strings(value) {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(strings);
  return Object.entries(value).flatMap(([name, inner]) => [name, ...strings(inner)]);
}

/** Some attributes, without the private ones: cuts a context down to them. */
export class Attributes {
  #wanted;
  #private;

  /** @param {Iterable<string>} wanted @param {Iterable<string>} [hidden] the private ones */
  constructor(wanted, hidden = []) {
    this.#wanted = tree(wanted);
    this.#private = tree(hidden);
  }

  /**
   * Return *context* with the wanted attributes only: a part of an object as an object with that part alone.
   * @param {Context} context
   * @returns {Record<string, unknown>}
   */
  of(context) {
    const found = [...this.#wanted].filter(([name]) => has(context, name));
    return without(Object.fromEntries(found.map(([name, inner]) => [name, cut(context[name], inner)])), this.#private);
  }
}

/**
 * Whether rules find *name* in a context: also where its class has it, but not what every object inherits.
 * @param {Context} context
 * @param {string} name
 */
function has(context, name) {
  return name in Object.prototype ? Object.hasOwn(context, name) : name in context;
}

/** @param {Iterable<string>} attributes @returns {Tree} */
function tree(attributes) {
  /** @type {Tree} */
  const root = new Map();
  const whole = [];
  for (const attribute of attributes) {
    let at = root;
    for (const step of attribute.startsWith("/") ? pointerSteps(attribute) : [attribute]) {
      if (!at.has(step)) at.set(step, new Map());
      at = at.get(step);
    }
    whole.push(at);
  }
  // Who wants an object wants its parts.
  for (const at of whole) at.clear();
  return root;
}

/** @param {any} value @param {Tree} wanted @returns {any} */
function cut(value, wanted) {
  if (wanted.size === 0) return value;
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) return cutList(value, wanted);
  const found = [...wanted].filter(([step]) => Object.hasOwn(value, step));
  return Object.fromEntries(found.map(([step, inner]) => [step, cut(value[step], inner)]));
}

/** @param {any[]} value @param {Tree} wanted */
function cutList(value, wanted) {
  const places = [...wanted.keys()].filter((step) => INDEX.test(step)).map(Number);
  const end = Math.min(value.length, Math.max(-1, ...places) + 1);
  // Null stands for what is left out before one that is wanted: to a rule it is missing.
  return value.slice(0, end).map((each, place) => (wanted.has(`${place}`) ? cut(each, wanted.get(`${place}`)) : null));
}

/** @param {any} value @param {Tree} hidden @returns {any} */
function without(value, hidden) {
  if (hidden.size === 0 || typeof value !== "object" || value === null) return value;
  const kept = (/** @type {string} */ step, /** @type {any} */ inner) => without(inner, hidden.get(step) ?? new Map());
  const isHidden = (/** @type {string} */ step) => hidden.get(step)?.size === 0;
  if (Array.isArray(value)) return value.map((each, place) => (isHidden(`${place}`) ? null : kept(`${place}`, each)));
  const entries = Object.entries(value).filter(([step]) => !isHidden(step));
  return Object.fromEntries(entries.map(([step, inner]) => [step, kept(step, inner)]));
}
