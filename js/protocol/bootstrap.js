/**
 * What a page is told of the client-side flags, so that its first paint is right: the document, safe in HTML.
 *
 * A server answers it, and a client makes it in its own process: for one context they say the same.
 * @module
 */

/**
 * An evaluation, as the engine answers it.
 * @typedef {Readonly<{ value: any, variation: string | null, reason: string, ruleId: string | null, flagVersion: number | null,
 *   errorCode: string | null }>} Told
 */

/** For how many seconds a page may go on with what it was told without asking again, unless told otherwise. */
export const TTL_S = 300;
export const ELEMENT_ID = "pennon-bootstrap";

const UNSAFE = /[<>&\u2028\u2029]/g;
/** @type {Readonly<Record<string, string>>} */
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

/**
 * Return a JSON text as one that means the same and ends no script element, comment or section of a page.
 *
 * The five characters are in no part of JSON but its strings, where an escape stands for the character. The two line separators
 * were no JavaScript once, and still are none for old readers.
 * @param {string} json
 * @returns {string}
 */
export function embeddable(json) {
  return json.replace(UNSAFE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Return the document.
 * @param {Iterable<readonly [string, Told, ...unknown[]]>} flags evaluations by flag key
 * @param {{ environment: string, revision: string, flagsVersion: string, ttlS?: number, ageS: number, atMs: number }} state whose they
 *   are; how old it was, in seconds, and when that was, in milliseconds since 1970
 * @returns {string} JSON that is safe in HTML
 */
export function bootstrapJson(flags, { environment, revision, flagsVersion, ttlS = TTL_S, ageS, atMs }) {
  const told = [...flags].map(([key, evaluation]) => `${JSON.stringify(key)}:${entryJson(evaluation)}`);
  const head = JSON.stringify({ environment, revision, flagsVersion, ttl: ttlS }).slice(0, -1);
  return embeddable(`${head},"flags":{${told.join(",")}},"age":${ageS.toFixed(3)},"at":${Math.trunc(atMs)}}`);
}

/**
 * Return the element that carries a document in a page.
 * @param {string} json as `bootstrapJson` returns it
 * @param {string} [nonce] no policy asks for one, for no browser runs it; some check it
 * @returns {string} HTML
 */
export function bootstrapElement(json, nonce) {
  const said = nonce === undefined ? "" : ` nonce="${nonce.replace(/[&<>"']/g, (found) => ENTITIES[found])}"`;
  return `<script type="application/json" id="${ELEMENT_ID}"${said}>${json}</script>`;
}

/** @param {Told} evaluation */
function entryJson(evaluation) {
  try {
    return JSON.stringify(entry(evaluation));
  } catch {
    // A value that is no JSON, which an application may have given, harms no other.
    return JSON.stringify({ variation: null, reason: "ERROR", errorCode: "GENERAL" });
  }
}

/** There is no `value` where the caller's default is to be used. @param {Told} evaluation */
function entry({ value, variation, reason, ruleId, flagVersion, errorCode }) {
  return {
    variation: reason === "ERROR" ? null : variation,
    reason,
    ...(reason === "ERROR" ? { errorCode: errorCode ?? "GENERAL" } : {}),
    ...(reason !== "ERROR" && (variation !== null || (value ?? null) !== null) ? { value } : {}),
    ...(ruleId === null ? {} : { ruleId }),
    ...(flagVersion === null ? {} : { flagVersion }),
  };
}
