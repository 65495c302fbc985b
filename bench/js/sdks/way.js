/** How one SDK is asked. */

/** @typedef {"value" | "detail" | "counted"} Mode */
/** @typedef {import("../worlds.js").World} World */
/** @typedef {import("../worlds.js").User} User */
/**
 * `ask` returns what the SDK returns, a promise of it where it `isAsync`; `value` makes true or false of that; `user` makes the
 * SDK's own user, before anything is timed.
 * @typedef {{ ask: (flag: string, user: any) => any, value: (answer: any) => unknown, user: (user: User) => any, isAsync?: boolean,
 *   close?: () => unknown }} Way
 */
/** @typedef {{ title: string, package: string, note?: string, open: (world: World, mode: Mode) => Way | Promise<Way> }} Sdk */

/** What an SDK cannot do, and why. */
export class Unable extends Error {}

/** @param {unknown} answer */
export const itself = (answer) => answer;
