/** Runs the vectors of spec/heads: what is signed, whose signature counts, what a replica does about it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { verify } from "../../client/server/signatures.js";
import { nodeSha256 } from "../../platform/node.js";
import { headsOf, rotationStatement, statement } from "../../protocol/heads.js";
import { Item, positionText, readSnapshot, Replica, Trust, VerifyingReplica } from "../../protocol/index.js";
import { Lines } from "../../protocol/roots.js";
import { keyBytes } from "../../protocol/trust.js";

const LENIENT = { isStrict: false, environment: "", projections: ["server", "edge"], maxHeadAgeS: null };
const [roots, statements, trust, replicas] = ["roots", "statements", "trust", "replicas"].map((slug) =>
  JSON.parse(readFileSync(new URL(`../../../spec/heads/${slug}.json`, import.meta.url), "utf8")),
);

test("there are vectors of every form", () => {
  const found = [roots.roots, statements.heads, statements.rotations, trust.sequences, replicas.sequences];
  assert.ok(found.every((cases) => cases.length > 0) && found.flat().length >= 60);
});

for (const { name, items, root } of roots.roots) {
  test(`root/${name}`, () => {
    const byKind = { flag: new Map(), segment: new Map(), layer: new Map(), key: new Map() };
    for (const { kind, key, text } of items) byKind[kind].set(key, new Item(key, text, parsed(text)));
    assert.equal(Lines.of(byKind, nodeSha256).root(), root);
    const empty = Lines.of({ flag: new Map(), segment: new Map(), layer: new Map(), key: new Map() }, nodeSha256);
    assert.equal(
      empty
        .after(
          byKind,
          items.map(({ kind, key }) => [kind, key]),
        )
        .root(),
      root,
    );
    if (items.length > 0) assert.notEqual(empty.root(), root);
  });
}

for (const { name, head, statement: said, isSigned } of statements.heads) {
  test(`head/${name}`, () => {
    const message = statement(head);
    assert.equal(message && new TextDecoder().decode(message), said);
    assert.equal(isSignedBy(head.key, message, head.signature), isSigned);
  });
}

for (const { name, rotation, statement: said, isSigned } of statements.rotations) {
  test(`rotation/${name}`, () => {
    const message = rotationStatement(rotation);
    assert.equal(message && new TextDecoder().decode(message), said);
    assert.equal(isSignedBy(rotation.from, message, rotation.signature), isSigned);
  });
}

for (const { name, trusted, heads } of trust.sequences) {
  test(`trust/${name}`, () => {
    const found = new Trust(trusted, verify, { time: () => 0, terms: LENIENT });
    for (const { head, isTrusted } of heads) assert.equal(found.fault(head) === "", isTrusted);
  });
}

for (const { name, terms, steps } of replicas.sequences) {
  test(`replica/${name}`, () => {
    let nowS = 0;
    const { isStrict, environment, projections, maxHeadAgeS = null } = terms;
    const held = new Trust(terms.trusted, verify, { time: () => nowS, terms: { isStrict, environment, projections, maxHeadAgeS } });
    let replica = new VerifyingReplica(held);
    for (const step of steps) {
      nowS = step.time / 1000;
      let actions = [];
      if ("restart" in step)
        replica = new VerifyingReplica(held, { snapshot: readSnapshot(JSON.stringify(step.restart)), knownAt: step.knownAt });
      else actions = replica.receive({ event: step.frame.event, data: JSON.stringify(step.frame.data) }, step.at);
      const found = {
        actions: actions.filter((action) => action.do !== "endorse").map(told),
        position: replica.position && positionText(replica.position),
        age: replica.age(step.at),
      };
      const expected = step.expect.actions.map((action) =>
        action.touched ? { ...action, touched: action.touched.map(String).sort() } : action,
      );
      assert.deepEqual(found, { ...step.expect, actions: expected }, step.name);
    }
  });
}

test("what a sender adds to a head is left aside, and what is no head is none", () => {
  const [head] = statements.heads.map((each) => each.head);
  assert.deepEqual(headsOf([{ ...head, do: "adopt", snapshot: {} }]), [head]);
  for (const wrong of [null, {}, [null], [{ ...head, epoch: "1" }], [{ ...head, rotations: {} }], [{ ...head, rotations: [{}] }]])
    assert.equal(headsOf(wrong), null);
});

test("a signature by what is no public key is none, and throws nothing", () => {
  assert.equal(verify(new Uint8Array(32).fill(255), new Uint8Array(1), new Uint8Array(64)), false);
  assert.equal(verify(new Uint8Array(3), new Uint8Array(1), new Uint8Array(64)), false);
});

test("who looks at no signatures adopts what has them", () => {
  const { frame, at } = replicas.sequences[0].steps[0];
  assert.equal(new Replica().receive({ event: frame.event, data: JSON.stringify(frame.data) }, at)[0].do, "adopt");
});

function isSignedBy(key, message, signature) {
  const head = { environment: "", projection: "server", epoch: 0, revision: 0, time: 0, root: "0".repeat(64), key, signature };
  const asked = [];
  const found = new Trust([key], (...given) => asked.push(given) > 0, { time: () => 0, terms: LENIENT });
  // What is written wrongly is never asked about.
  if (message === null || found.fault(head) !== "") return false;
  return verify(keyBytes(key), message, asked[0][2]);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function told(action) {
  if (action.do === "adopt")
    return { do: "adopt", position: positionText(action.snapshot.position), touched: action.touched && action.touched.map(String).sort() };
  assert.equal(action.do, "report");
  return { do: action.isRefusal ? "refuse" : "report", kind: action.kind };
}
