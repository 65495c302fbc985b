/** Runs the vectors of spec/sync: what a replica does, step by step, and what frames a stream has. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { Decoder, positionText, readSnapshot, Replica } from "../../protocol/index.js";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../../spec/sync");
const FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json") && name !== "schema.json")
  .map((name) => ({ slug: name.slice(0, -5), ...JSON.parse(readFileSync(join(FOLDER, name), "utf8")) }));
const REPLICAS = FILES.filter((file) => "steps" in file);
const STREAMS = FILES.flatMap((file) => (file.streams ?? []).map((stream) => ({ slug: file.slug, ...stream })));

test("there are vectors of both forms", () => {
  assert.ok(REPLICAS.length >= 12 && STREAMS.length >= 12);
});

for (const { slug, steps } of REPLICAS) {
  test(`a replica does what each step of ${slug} expects`, () => {
    let replica = new Replica();
    for (const step of steps) {
      const given = take(replica, step);
      ({ replica } = given);
      const { snapshot } = replica;
      const found = {
        actions: given.actions.map(told),
        position: snapshot && positionText(snapshot.position),
        digest: snapshot && snapshot.digest,
        age: rounded(replica.age(step.at)),
      };
      assert.deepEqual(found, { ...expected(step.expect), age: rounded(step.expect.age) }, step.name);
    }
  });
}

for (const { slug, name, text, frames, retryMs = null } of STREAMS) {
  test(`the stream ${slug}/${name} gives its frames however it is cut`, () => {
    const bytes = new TextEncoder().encode(text);
    const cuts = Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
    for (const pieces of [...cuts, Array.from(bytes, (byte) => Uint8Array.of(byte)), [text]]) {
      const decoder = new Decoder();
      const found = pieces.flatMap((piece) => decoder.feed(piece)).map(asVector);
      assert.deepEqual({ found, retryMs: decoder.retryMs }, { found: frames, retryMs });
    }
  });
}

function take(replica, step) {
  if ("restart" in step) {
    const snapshot = step.restart && readSnapshot(JSON.stringify(step.restart));
    return { replica: new Replica({ snapshot, knownAt: step.knownAt ?? null }), actions: [] };
  }
  if ("frame" in step) {
    const { event, data, text = JSON.stringify(data) } = step.frame;
    return { replica, actions: replica.receive({ event, data: text }, step.at) };
  }
  const at = { age: step.age, now: step.at };
  if ("document" in step) return { replica, actions: replica.receiveDocument(JSON.stringify(step.document), at) };
  return { replica, actions: replica.receiveUnchanged(at) };
}

function told(action) {
  if (action.do === "adopt") {
    return { do: "adopt", position: positionText(action.snapshot.position), touched: action.touched && action.touched.map(String).sort() };
  }
  if (action.do === "ask since") return { do: action.do, position: positionText(action.position) };
  return action.do === "report" ? { do: action.do, kind: action.kind } : action;
}

function expected(expect) {
  const actions = expect.actions.map((action) => (action.touched ? { ...action, touched: action.touched.map(String).sort() } : action));
  return { ...expect, actions };
}

function rounded(age) {
  return age === null ? null : Math.round(age * 1e6) / 1e6;
}

function asVector({ event, data, id, retryMs }) {
  return { event, data, ...(id === null ? {} : { id }), ...(retryMs === null ? {} : { retryMs }) };
}
