/** docs/tutorial/first-page.md does what it says: its commands are typed, its page is opened. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

import { PENNON, until } from "../serving.js";
import { stage } from "./stage.js";

const PAGE = new URL("../../../docs/tutorial/first-page.md", import.meta.url);
const { test } = stage;

/** Return the blocks of the page in *language*. */
async function blocks(/** @type {string} */ language) {
  const text = await readFile(PAGE, "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].filter(([, name]) => name === language).map(([, , block]) => block);
}

/** Type a command line of the page, and return what it showed. */
async function typed(/** @type {string} */ line) {
  const words = [...line.replace("http://127.0.0.1:8080", stage.pages.url).matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  assert.equal(words.shift(), "pennon");
  const login = { PENNON_URL: stage.server.url, PENNON_TOKEN: stage.server.token, PENNON_ENVIRONMENT: "production" };
  return (await promisify(execFile)(PENNON, words, { env: { ...process.env, ...login } })).stdout;
}

test("the tutorial's page follows the tutorial's commands, and outlives the server", async (profile) => {
  const [making, tenth, all] = (await blocks("console")).map((block) => block.trim().split("\n"));
  const said = await Promise.all(making.map(typed));
  const key = /pennon_client_\S+/.exec(said.join("\n"))?.[0] ?? "";
  const [html] = await blocks("html");
  const page = await profile.newPage();
  await page.goto(stage.pages.put("/", html.replaceAll("http://127.0.0.1:8000", stage.server.url).replace("pennon_client_…", key)));
  assert.equal(await page.textContent("h1"), "Welcome");
  await Promise.all([typed(tenth[0]), until(async () => (await stage.server.metric("pennon_streams", { projection: "notify" })) === 1)]);
  await typed(tenth[1]);
  await typed(all[0]);
  // Which spares the test the five seconds within which pages take their turn.
  await stage.server.change({ do: "setCritical", flag: "new-home", critical: true });
  await page.waitForFunction(`document.querySelector("h1").textContent === "Welcome to the new shop"`);
  await page.route(`${stage.server.url}/ofrep/**`, (route) => route.abort());
  await page.reload();
  assert.equal(await page.textContent("h1"), "Welcome to the new shop");
  assert.deepEqual(profile.said.filter((line) => line.startsWith("uncaught")), []);
});

test("a file that is not the pinned one does not run", async (profile) => {
  const [html] = await blocks("html");
  const path = /\/js\/v1\/pennon-\w+\.js/.exec(html)?.[0] ?? "";
  stage.pages.put(path, (_, response) => response.writeHead(200, { "Content-Type": "text/javascript" }).end("window.pwned = true; export class Client {}"));
  const page = await profile.newPage();
  await page.goto(stage.pages.put("/", html.replaceAll("http://127.0.0.1:8000", stage.pages.url)));
  assert.equal(await page.evaluate("typeof pwned"), "undefined");
  assert.equal(await page.textContent("h1"), "Welcome");
  await until(() => profile.said.some((line) => /integrity/.test(line)));
});
