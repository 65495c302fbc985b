// Asks GrowthBook's own JavaScript SDK what it answers: a JSON value a line, as `pennon.importers.peers` has it.

import { GrowthBookClient, StickyBucketService } from "@growthbook/growthbook";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const PACKAGE = "@growthbook/growthbook";
const OFF = "off";

/** Sticky buckets as they were exported: whatever the SDK stores meanwhile is forgotten. */
class Stored extends StickyBucketService {
  constructor(documents) {
    super();
    this.documents = documents;
  }

  async getAssignments(name, value) {
    const found = this.documents.get(`${name}||${value}`);
    return found === undefined ? null : structuredClone(found);
  }

  async saveAssignments() {}
}

function storeOf(option) {
  if (option === undefined || option === null || option.trim() === OFF) return null;
  const given = JSON.parse(option);
  const documents = Array.isArray(given) ? given : Object.values(given);
  return new Stored(new Map(documents.map((each) => [`${each.attributeName}||${each.attributeValue}`, each])));
}

/** A Pennon context as GrowthBook's attributes: its `id` is the targeting key, unless it has one. */
function attributesOf(context) {
  const attributes = { ...context };
  const hasId = attributes.id !== undefined && attributes.id !== null;
  if (!hasId && attributes.targetingKey !== undefined) attributes.id = attributes.targetingKey;
  return attributes;
}

async function answer(client, store, flag, context) {
  try {
    const user = { attributes: attributesOf(context) };
    const known = store === null ? user : await client.applyStickyBuckets(user, store);
    const { value } = client.evalFeature(flag, known);
    const isDefault = value === null || value === undefined;
    return { value: isDefault ? null : value, variation: null, default: isDefault, error: null };
  } catch (error) {
    return { value: null, variation: null, default: true, error: String(error) };
  }
}

function versionOf() {
  const path = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  return JSON.parse(readFileSync(path, "utf8")).version;
}

function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

console.error = () => {}; // what the SDK says of odd conditions, at each of them

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]();
try {
  const first = await lines.next();
  const { document, options } = JSON.parse(first.value);
  const client = new GrowthBookClient({}).initSync({ payload: JSON.parse(document) });
  const store = storeOf(options.sticky);
  say({ sdk: PACKAGE, version: versionOf() });
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const { flag, contexts } = JSON.parse(line.value);
    const outcomes = [];
    for (const context of contexts) outcomes.push(await answer(client, store, flag, context));
    say({ outcomes });
  }
} catch (error) {
  say({ failed: String(error) });
}
