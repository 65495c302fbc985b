/**
 * Finding an attribute in a context: by its name, or by a JSON pointer (RFC 6901) where it begins with a slash.
 * @module
 */

import { refuse } from "./refused.js";

/** @typedef {Record<string, unknown>} Context */

const BAD_ESCAPE = /~(?![01])/;
const INDEX = /^(0|[1-9]\d{0,8})$/;

/**
 * Say what is wrong with an attribute that is a JSON pointer; undefined if nothing is.
 * @param {string} attribute
 * @returns {string | undefined}
 */
export function pointerProblem(attribute) {
  const at = attribute.search(BAD_ESCAPE);
  return attribute[0] === "/" && at >= 0 ? `'${attribute}' is no JSON pointer: write the ~ at ${at} as ~0` : undefined;
}

/**
 * Return the reader of an attribute, as a condition has it. Throws `Refused` for a pointer that is none.
 * @param {string} attribute
 */
export function reader(attribute) {
  const problem = pointerProblem(attribute);
  return problem === undefined ? attributeReader(attribute) : refuse(problem);
}

/**
 * Return a function that finds *attribute* in a context; undefined or null where it is not there. What every
 * object inherits, as `constructor`, is not there.
 * @param {string} attribute
 * @returns {(context: Context) => unknown}
 */
export function attributeReader(attribute) {
  if (attribute[0] === "/") {
    const steps = pointerSteps(attribute);
    return (context) => steps.reduce(step, /** @type {unknown} */ (context));
  }
  // Only names that every object inherits can be found without being there, so the others need no second look.
  if (!(attribute in Object.prototype)) return (context) => context[attribute];
  return (context) => step(context, attribute);
}

/**
 * Return the names that a JSON pointer goes through.
 * @param {string} pointer
 * @returns {string[]}
 */
export function pointerSteps(pointer) {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** @param {unknown} found @param {string} name */
function step(found, name) {
  if (Array.isArray(found)) return INDEX.test(name) ? found[Number(name)] : undefined;
  if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
  return /** @type {Record<string, unknown>} */ (found)[name];
}
