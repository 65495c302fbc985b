/** The story of examples/checkout, as a visitor lives it: the kill switch is thrown while a tab holds `true`. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { PENNON, until } from "../serving.js";
import { stage } from "./stage.js";

const { test } = stage;
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BESIDE = join(dirname(PENNON), "python");
const PYTHON = existsSync(BESIDE) ? BESIDE : join(ROOT, ".venv/bin/python");

/** Start the shop with a Pennon server of its own. */
async function shop() {
  const running = spawn(PYTHON, ["-m", "examples.checkout", "--port", "0"], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const complaints = text(running.stderr);
  const exited = once(running, "exit");
  const line = await Promise.race([once(createInterface({ input: running.stdout }), "line"), exited.then(() => null)]);
  if (line === null) assert.fail(`the shop ended: ${await complaints}`);
  const close = async () => {
    running.kill("SIGTERM");
    await exited;
  };
  return { ...JSON.parse(line[0]), close };
}

test("a click that acts on an old flag is refused, the tab heals, and the retry goes the old way", async (profile) => {
  const { shop: url, pennon, token, flag, close } = await shop();
  try {
    const page = await profile.newPage();
    await page.goto(`${url}/?asleep`);
    await page.waitForSelector("[data-ready]");
    assert.equal(await page.textContent("#gateway"), "the new gateway");
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ edits: [{ do: "turnOff", flag }], why: "it charges twice" });
    assert((await fetch(`${pennon}/api/v1/projects/default/environments/production/changes`, { method: "POST", headers, body })).ok);
    await until(async () => /"variation":"off"/.test(await (await fetch(url)).text())); // the shop has heard of it
    assert.equal(await page.textContent("#gateway"), "the new gateway");

    await page.click("#pay");
    await page.waitForSelector("[data-refused='409']");
    assert.deepEqual(await (await fetch(`${url}/api/orders`)).json(), []);
    assert.equal(await page.textContent("#gateway"), "the old gateway");
    await page.click("#retry");
    await page.waitForSelector("[data-paid='old']");
    assert.deepEqual(await (await fetch(`${url}/api/orders`)).json(), ["old"]);
    assert.deepEqual(profile.said.filter((line) => !/^error: Failed to load/.test(line)), []);
  } finally {
    await close();
  }
});
