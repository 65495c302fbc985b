"use client";
/**
 * Flags in React 18 and 19: `PennonProvider` above, `useFlag` below. A component renders again only when what it shows is another.
 * @module
 */

import * as React from "react";

import { answersOf, CALLERS } from "./answers.js";

/** @typedef {import("./answers.js").Answers} Answers */
/** @typedef {import("./answers.js").Bootstrap} Bootstrap */
/** @typedef {import("./answers.js").Evaluation} Evaluation */
/** @typedef {import("../client/browser/index.js").Client} Client */
/** @typedef {import("./answers.js").Standing} Standing */
/** @typedef {{ suspend?: boolean | number }} Waiting suspend until the first values are known: for so many milliseconds, true is 1000 */

const SUSPEND_MS = 1000;
/** @type {React.Context<{ answers: Answers, suspend: boolean | number } | null>} */
const Flags = React.createContext(/** @type {any} */ (null));

/**
 * Give the components below it flags.
 * @param {object} props
 * @param {import("./answers.js").BrowserClient | null} [props.client] of `pennon/browser`; left out on a server, and in tests that say the values by *bootstrap*
 * @param {Bootstrap | string | null} [props.bootstrap] what the server rendered with, as it made it; in a browser, if it is left out,
 *   what stands in the page as `#pennon-bootstrap`
 * @param {boolean | number} [props.suspend] for all hooks below
 * @param {React.ReactNode} [props.children]
 */
export function PennonProvider({ client = null, bootstrap, suspend = false, children }) {
  const first = React.useMemo(() => read(bootstrap), [bootstrap]);
  const answers = React.useMemo(() => answersOf(client, first), [client, first]);
  const value = React.useMemo(() => ({ answers, suspend }), [answers, suspend]);
  return React.createElement(Flags.Provider, { value }, children);
}

/**
 * Return the value of a flag, and *fallback* where that is meant, nothing is known, or the flag is of another kind.
 * @template T
 * @param {string} key
 * @param {T} fallback
 * @param {Waiting} [options]
 * @returns {Widened<T>}
 */
export function useFlag(key, fallback, options) {
  const answers = useAnswers(options);
  const value = React.useSyncExternalStore(
    answers.subscribe,
    () => answers.read(key).value,
    () => answers.first(key).value,
  );
  return isFitting(value, fallback) ? value : /** @type {Widened<T>} */ (fallback);
}

/**
 * Return the values of several flags by their keys.
 * @template {Record<string, any>} T
 * @param {T} fallbacks the flags, with what to go on with
 * @param {Waiting} [options]
 * @returns {{ [K in keyof T]: Widened<T[K]> }}
 */
export function useFlags(fallbacks, options) {
  const answers = useAnswers(options);
  const keys = Object.keys(fallbacks);
  const steady = useSteady();
  const values = React.useSyncExternalStore(
    answers.subscribe,
    () => steady(Object.fromEntries(keys.map((key) => [key, answers.read(key).value]))),
    () => steady(Object.fromEntries(keys.map((key) => [key, answers.first(key).value]))),
  );
  const entries = keys.map((key) => [key, isFitting(values[key], fallbacks[key]) ? values[key] : fallbacks[key]]);
  return /** @type {any} */ (Object.fromEntries(entries));
}

/**
 * Return the whole evaluation of a flag: value, variation, reason, rule, version, error.
 * @param {string} key
 * @param {any} fallback
 * @param {Waiting} [options]
 * @returns {Evaluation}
 */
export function useEvaluation(key, fallback, options) {
  const answers = useAnswers(options);
  const found = React.useSyncExternalStore(
    answers.subscribe,
    () => answers.read(key),
    () => answers.first(key),
  );
  return React.useMemo(() => (found.value === CALLERS ? Object.freeze({ ...found, value: fallback }) : found), [found, fallback]);
}

/**
 * Return the client, for `track`, `identify`, `fetch`: in handlers and effects. Null while a server renders.
 * @returns {Client | null}
 */
export function useClient() {
  return /** @type {Client | null} */ (useAnswers().client);
}

/**
 * Return how the client stands, to say that it is offline or waits.
 * @returns {Standing}
 */
export function useStatus() {
  const answers = useAnswers();
  const steady = useSteady();
  return /** @type {Standing} */ (
    React.useSyncExternalStore(
      answers.subscribe,
      () => steady(standingOf(answers.standing())),
      () => steady(standingOf(answersOf(null, answers.bootstrap).standing())),
    )
  );
}

/** @param {Waiting} [options] @returns {Answers} */
function useAnswers(options) {
  const given = React.useContext(Flags);
  if (given === null) throw new Error("there is no <PennonProvider> above: put one around the application");
  const suspend = options?.suspend ?? given.suspend;
  const painting = suspend === false ? null : given.answers.painting(suspend === true ? SUSPEND_MS : suspend);
  if (painting !== null) wait(painting);
  return given.answers;
}

/** @param {import("./answers.js").Painting} painting */
function wait({ promise, isOver }) {
  const use = /** @type {{ use?: (promise: Promise<unknown>) => unknown }} */ (React).use;
  // Who has called `use` must do so again when it is over. React 18 has none: there a promise that is thrown is waited for.
  if (use !== undefined) use(promise);
  else if (!isOver) throw promise;
}

/** Return a function that returns what it was given last, while that has the same members. */
function useSteady() {
  return React.useMemo(() => {
    /** @type {Record<string, any>} */
    let last = {};
    return (/** @type {Record<string, any>} */ next) => {
      const names = Object.keys(next);
      const isSame = names.length === Object.keys(last).length && names.every((name) => Object.is(next[name], last[name]));
      return isSame ? last : (last = next);
    };
  }, []);
}

/** @param {Standing} standing */
function standingOf({ level, ready, source, revision, flagsVersion, problem }) {
  return { level, ready, source, revision, flagsVersion, problem };
}

/** @param {any} value @param {any} fallback */
function isFitting(value, fallback) {
  if (value === CALLERS) return false;
  return fallback === null || fallback === undefined || (typeof value === typeof fallback && value !== null);
}

/** @param {Bootstrap | string | null | undefined} given @returns {Bootstrap | null} */
function read(given) {
  const found = given === undefined ? globalThis.document?.getElementById("pennon-bootstrap")?.textContent : given;
  try {
    const bootstrap = typeof found === "string" ? JSON.parse(found) : found;
    return typeof bootstrap?.flags === "object" && bootstrap.flags !== null ? bootstrap : null;
  } catch {
    // The client says so: it reads the same.
    return null;
  }
}

/**
 * A fallback of `false` does not make the flag's type `false`.
 * @template T
 * @typedef {T extends boolean ? boolean : T extends string ? string : T extends number ? number : T} Widened
 */
