/** Documents as a server sends them, for tests: each item with its hash, each state with its digest. @module */

import { nodeSha256 } from "../../platform/node.js";
import { travelling } from "../../protocol/items.js";
import { readSnapshot, State } from "../../protocol/index.js";

/** A flag that serves `on`, unless told. @param {string} key @param {Record<string, any>} [rest] */
export function flag(key, rest = {}) {
  const variations = [
    { key: "on", value: true },
    { key: "off", value: false },
  ];
  return { key, variations, on: true, offVariation: "off", fallthrough: { variation: "on" }, version: 1, changedAt: 1, ...rest };
}

/** @param {{ revision?: number, epoch?: number, environment?: string, flags?: any[], segments?: any[] }} state */
export function snapshot({ revision = 1, epoch = 1, environment = "shop/production", flags = [], segments = [] }) {
  const head = { spec: 1, environment, epoch, revision };
  const items = [
    ["flags", flags],
    ["segments", segments],
    ["layers", []],
  ]
    .map(([name, each]) => `"${name}":{${each.map(text)}}`)
    .join(",");
  const bare = readSnapshot(`${JSON.stringify(head).slice(0, -1)},${items}}`);
  const { digest } = new State(bare.items, nodeSha256);
  return `${JSON.stringify({ ...head, digest }).slice(0, -1)},${items}}`;
}

/** The step to *after*, with these flags in it. @param {number} from @param {any[]} flags @param {Parameters<typeof snapshot>[0]} after */
export function delta(from, flags, after) {
  const { environment, epoch, revision, digest } = JSON.parse(snapshot(after));
  const head = JSON.stringify({ age: 0, spec: 1, environment, epoch, from, to: revision, digest });
  return { toString: () => `${head.slice(0, -1)},"flags":{${flags.map(text)}}}` };
}

/** @param {{ key: string }} item */
function text(item) {
  return `${JSON.stringify(item.key)}:${travelling(JSON.stringify(item), nodeSha256)}`;
}

/** @param {string} document @param {number} [age] */
export function heartbeat(document, age = 0) {
  const { epoch, revision, digest, environment } = JSON.parse(document);
  return { age, epoch, revision, digest, environment };
}
