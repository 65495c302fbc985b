/** One SDK in a process of its own: opened, checked, and asked in slices. Commands come from the parent. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket } from "node:net";

import { Unable } from "./sdks/way.js";
import { WORKLOADS } from "./worlds.js";

/** @typedef {import("./sdks/way.js").Way} Way */

const [name] = process.argv.slice(2);
const WARM_S = 0.05;
/** The network is gone: whoever connects is refused. */
Socket.prototype.connect = function refuse() {
  process.nextTick(() => this.destroy(Object.assign(new Error("there is no network"), { code: "ENETUNREACH" })));
  return this;
};
globalThis.fetch = () => Promise.reject(new Error("there is no network"));

/** @type {Way | null} */
let way = null;
/** @type {[string, any][]} */
let pairs = [];
let next = 0;
let perSecond = 1;

/** Ask the probe users; throws where an answer is wrong. @param {Way} asked @param {import("./worlds.js").Probe[]} probes */
async function check(asked, probes) {
  /** @type {Map<string, boolean[]>} */
  const shares = new Map();
  for (const { flag, user, answer } of probes) {
    const found = asked.value(await asked.ask(flag, asked.user(user)));
    if (typeof found !== "boolean") throw new Error(`${flag} answered ${String(found)}`);
    if (answer !== null && found !== answer) throw new Error(`${flag} answered ${found} to ${JSON.stringify(user)}`);
    if (answer !== null) continue;
    if (asked.value(await asked.ask(flag, asked.user(user))) !== found) throw new Error(`${flag} answered ${user.targetingKey} two things`);
    shares.set(flag, [...(shares.get(flag) ?? []), found]);
  }
  for (const [flag, answers] of shares) {
    const share = answers.filter(Boolean).length / answers.length;
    // Five standard deviations for 1,000 users.
    if (share < 0.42 || share > 0.58) throw new Error(`${flag} split ${answers.length} users ${Math.round(share * 100)} % to the rest`);
  }
}

/** Ask so many times. @param {Way} asked @param {number} calls */
async function ask(asked, calls) {
  const { ask: question } = asked;
  let at = next;
  if (asked.isAsync) {
    for (let i = 0; i < calls; i++) {
      const [flag, user] = pairs[at];
      await question(flag, user);
      if (++at === pairs.length) at = 0;
    }
  } else {
    for (let i = 0; i < calls; i++) {
      const [flag, user] = pairs[at];
      question(flag, user);
      if (++at === pairs.length) at = 0;
    }
  }
  next = at;
}

/** @param {Way} asked @param {number} calls */
async function timed(asked, calls) {
  const before = process.cpuUsage();
  await ask(asked, calls);
  const { user, system } = process.cpuUsage(before);
  return Math.max((user + system) / 1e6, 1e-9);
}

/** @param {string} workload @param {import("./sdks/way.js").Mode} mode @param {number} crowd */
async function prepare(workload, mode, crowd) {
  await way?.close?.();
  way = null;
  const sdk = (await import("./sdks/index.js")).SDKS[name];
  const world = WORKLOADS[workload].make(crowd);
  way = await (await sdk()).open(world, mode);
  await check(way, world.probes);
  const opened = way;
  const known = new Map();
  pairs = world.asked.map(([flag, user]) => {
    if (!known.has(user)) known.set(user, opened.user(user));
    return [flag, known.get(user)];
  });
  next = 0;
  await warm(opened);
}

/** Ask everything once, unless that takes too long: what is compiled on first use is not what is measured. @param {Way} asked */
async function warm(asked) {
  let [done, spent, step] = [0, 0, 1];
  while (spent < WARM_S * 4 || (done < pairs.length && spent < 5)) {
    spent += await timed(asked, step);
    done += step;
    step = Math.min(step * 2, 100_000);
  }
  const calls = Math.max(Math.round((done / spent) * WARM_S), 1);
  perSecond = calls / (await timed(asked, calls));
}

/** @param {any} command */
async function answer(command) {
  if (command.do === "hello") return { version: versionOf((await (await import("./sdks/index.js")).SDKS[name]()).package) };
  if (command.do === "prepare") return prepare(command.workload, command.mode, command.crowd);
  const calls = Math.max(Math.round(perSecond * command.seconds), 1);
  return { rate: calls / (await timed(/** @type {Way} */ (way), calls)) };
}

/** @param {string} from */
function versionOf(from) {
  if (from === "pennon") return "";
  const at = createRequire(import.meta.url).resolve.paths(from)?.[0];
  return JSON.parse(readFileSync(`${at}/${from}/package.json`, "utf8")).version;
}

process.on("message", async (command) => {
  try {
    process.send?.((await answer(command)) ?? {});
  } catch (error) {
    process.send?.({ [error instanceof Unable ? "unable" : "wrong"]: error instanceof Error ? error.message : String(error) });
  }
});
process.on("unhandledRejection", () => {}); // an SDK misses the network
