/**
 * An application in a process that lacks what React Native's engines lack. It prints what it is served, a line each time that changes.
 * Its one argument is JSON: `{"url", "key"}`.
 * @module
 */

import { NodeRequest } from "./xmlhttprequest.js";

const { url, key } = JSON.parse(process.argv[2]);
// Node's own `fetch` takes some of these when it is first used.
await fetch(`${url}/healthz`);
const MISSING = "AbortSignal.timeout BroadcastChannel Event EventTarget TextDecoder TextEncoder crypto navigator structuredClone".split(" ");
for (const name of MISSING) {
  const [holder, member] = name.includes(".") ? [globalThis[name.split(".")[0]], name.split(".")[1]] : [globalThis, name];
  delete holder[member];
  if (holder[member] !== undefined) throw new Error(`${name} is still there`);
}

const { Client } = await import("pennon/browser");
const { nativePlatform } = await import("pennon/react/native");
const stored = new Map();
const AsyncStorage = {
  getAllKeys: async () => [...stored.keys()],
  getItem: async (name) => stored.get(name) ?? null,
  setItem: async (name, value) => void stored.set(name, value),
  removeItem: async (name) => void stored.delete(name),
};
const platform = await nativePlatform({ AsyncStorage, XMLHttpRequest: NodeRequest });
const flags = new Client(url, { key, platform, start: true });
const say = () => console.log(JSON.stringify({ checkout: flags.boolean("checkout", false), ...flags.status() }));
flags.on("change", say);
flags.on("status", say);
flags.on("warning", say);
await flags.firstPaint();
await flags.flush();
process.stdin.on("data", () => process.exit(stored.size > 0 ? 0 : 1));
