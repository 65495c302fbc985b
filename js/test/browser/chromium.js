/**
 * Chromium for tests: one process a test file, a fresh profile each test. Debian's, or what `CHROMIUM` in the environment names. Where
 * Debian's headless shell is there, that: the same without windows and extensions, which takes two thirds of the computing.
 * @module
 */

import { existsSync } from "node:fs";
import { test } from "node:test";

import { chromium } from "playwright-core";

const [SHELL, WHOLE] = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
const PROGRAM = process.env.CHROMIUM ?? (existsSync(SHELL) ? SHELL : WHOLE);
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why tests in Chromium are skipped, or false. In CI they fail instead. */
export const skip = existsSync(PROGRAM) || process.env.CI ? false : `there is no ${PROGRAM}: apt install chromium`;

/** @returns {Promise<import("playwright-core").Browser>} */
export async function launch() {
  // People's browsers have that cache, and so pages that are frozen and come back.
  return chromium.launch({ executablePath: PROGRAM, args: ARGUMENTS, ignoreDefaultArgs: ["--disable-back-forward-cache"] });
}

/**
 * A profile of its own, with what its pages wrote on the console.
 * @typedef {import("playwright-core").BrowserContext & {said: string[]}} Profile
 */

/**
 * Return `inChromium(name, body)`, which is `test` with a fresh profile as the argument.
 * @param {() => import("playwright-core").Browser} browser
 * @returns {(name: string, body: (profile: Profile, t: import("node:test").TestContext) => Promise<void>) => void}
 */
export function testing(browser) {
  return (name, body) =>
    void test(name, { skip }, async (t) => {
      const profile = await freshProfile(browser());
      try {
        await body(profile, t);
      } catch (error) {
        if (error instanceof Error) error.message += `\nThe console said: ${JSON.stringify(profile.said, null, 2)}`;
        throw error;
      } finally {
        await profile.close();
      }
    });
}

/**
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @returns {Promise<Profile>}
 */
export async function freshProfile(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60_000);
  const said = /** @type {string[]} */ ([]);
  context.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  context.on("weberror", (error) => said.push(`uncaught: ${error.error()}`));
  return Object.assign(context, { said });
}
