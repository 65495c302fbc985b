/**
 * Finding an attribute in a context: by its name, or by a JSON pointer (RFC 6901) where it begins with a slash.
 * @module
 */

/** @typedef {Record<string, unknown>} Context */

const BAD_ESCAPE = /~(?![01])/;
const INDEX = /^(?:0|[1-9][0-9]{0,8})$/;

/**
 * Say what is wrong with an attribute that is a JSON pointer; undefined if nothing is.
 * @param {string} attribute
 * @returns {string | undefined}
 */
export function pointerProblem(attribute) {
  const found = attribute.startsWith("/") ? BAD_ESCAPE.exec(attribute) : null;
  return found === null ? undefined : `the JSON pointer '${attribute}' has a ~ at ${found.index} that is neither ~0 nor ~1`;
}

/**
 * Return a function that finds *attribute* in a context; undefined or null where it is not there. What every
 * object inherits, as `constructor`, is not there.
 * @param {string} attribute
 * @returns {(context: Context) => unknown}
 */
export function attributeReader(attribute) {
  if (!attribute.startsWith("/")) return nameReader(attribute);
  const steps = pointerSteps(attribute);
  return (context) => steps.reduce(step, /** @type {unknown} */ (context));
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

/**
 * @param {string} name
 * @returns {(context: Context) => unknown}
 */
function nameReader(name) {
  // Only names that every object inherits can be found without being there, so the others need no second look.
  if (!(name in Object.prototype)) return (context) => context[name];
  return (context) => (Object.hasOwn(context, name) ? context[name] : undefined);
}

/** @param {unknown} found @param {string} name */
function step(found, name) {
  if (Array.isArray(found)) return INDEX.test(name) ? found[Number(name)] : undefined;
  if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
  return /** @type {Record<string, unknown>} */ (found)[name];
}
