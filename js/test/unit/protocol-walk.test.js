/** The law of the whole: whatever is lost, repeated, late or damaged, in the end a replica holds the log folded. */

import assert from "node:assert/strict";
import test from "node:test";

import { sha256Hex } from "../../bucketing/index.js";
import { digestText } from "../../protocol/digest.js";
import { travelling } from "../../protocol/items.js";
import { positionText, readSnapshot, Replica } from "../../protocol/index.js";

const WALKS = process.env.PENNON_LONG_TESTS === "1" ? 3000 : 150;
const STEPS = 60;
const KINDS = ["flags", "segments", "layers"];

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The sending side: a log of changes, and what may be said of it. It computes digests in its own, plain way. */
class Log {
  epoch = 1;
  versions = 0;
  states = [{ flags: {}, segments: {}, layers: {} }];

  change(random) {
    const [kind, key] = [KINDS[Math.floor(random() * 3)], `k${Math.floor(random() * 4)}`];
    const stored = JSON.stringify({
      key,
      note: ["\u2028", 'a"b{', "[]}", "Łódź", "🚀", "\\"][Math.floor(random() * 6)],
      version: ++this.versions,
    });
    const state = { ...this.states.at(-1), [kind]: { ...this.states.at(-1)[kind], [key]: travelling(stored, sha256Hex) } };
    if (random() < 0.3) delete state[kind][key];
    this.states.push(state);
  }

  restore(random) {
    this.epoch++;
    this.states = this.states.slice(0, 1 + Math.floor(random() * this.states.length));
  }

  get revision() {
    return this.states.length - 1;
  }

  digest(revision) {
    const sums = KINDS.flatMap((kind) =>
      Object.values(this.states[revision][kind]).map((text) => {
        const { key, version, hash } = JSON.parse(text);
        return BigInt(`0x${sha256Hex(`${kind.slice(0, -1)}:${key}:${version}:${hash}`)}`);
      }),
    );
    return sums
      .reduce((sum, each) => sum ^ each, 0n)
      .toString(16)
      .padStart(64, "0");
  }

  head(revision) {
    return { environment: "shop/production", epoch: this.epoch, digest: this.digest(revision) };
  }

  snapshot(revision = this.revision) {
    const members = KINDS.map(
      (kind) => `"${kind}":{${Object.entries(this.states[revision][kind]).map(([key, text]) => `"${key}":${text}`)}}`,
    );
    return `${JSON.stringify({ spec: 1, ...this.head(revision), revision }).slice(0, -1)},${members}}`;
  }

  delta(from, to) {
    const members = KINDS.map((kind) => {
      const [before, after] = [this.states[from][kind], this.states[to][kind]];
      const keys = [...new Set(this.states.slice(from, to + 1).flatMap((state) => Object.keys(state[kind])))].filter(
        (key) => before[key] !== after[key],
      );
      return `"${kind}":{${keys.map((key) => `"${key}":${after[key] ?? "null"}`)}}`;
    });
    return `${JSON.stringify({ spec: 1, ...this.head(to), from, to }).slice(0, -1)},${members}}`;
  }

  heartbeat(revision = this.revision) {
    return JSON.stringify({ age: 0, ...this.head(revision), revision });
  }
}

const aged = (text) => `{"age":0,${text.slice(1)}`;
const frame = (event, data) => ({ event, data });

/** Something that a network, or another hub, may bring. */
function message(log, sent, random) {
  const at = Math.floor(random() * (log.revision + 1));
  const kinds = [
    () => frame("delta", aged(log.delta(Math.max(log.revision - 1, 0), log.revision))),
    () => frame("delta", aged(log.delta(at, at + Math.floor(random() * (log.revision - at + 1))))),
    () => frame("heartbeat", log.heartbeat()),
    () => frame("heartbeat", log.heartbeat(at)),
    () => frame("snapshot", aged(log.snapshot(at))),
    () => sent[Math.floor(random() * sent.length)] ?? frame("heartbeat", log.heartbeat()),
    () => damaged(sent[Math.floor(random() * sent.length)] ?? frame("snapshot", aged(log.snapshot())), random),
  ];
  const made = kinds[Math.floor(random() * kinds.length)]();
  sent.push(made);
  return made;
}

function damaged({ event, data }, random) {
  const at = Math.floor(random() * data.length);
  return random() < 0.5 ? frame(event, data.slice(0, at)) : frame(event, `${data.slice(0, at)}7${data.slice(at + 1)}`);
}

/** Do what the replica asks of its shell, against a hub that has the log. */
function serve(replica, actions, log, now) {
  for (const action of actions) {
    if (action.do === "ask snapshot") replica.receiveDocument(log.snapshot(), { age: 0, now });
    if (action.do === "ask since") {
      const { epoch, revision } = action.position;
      const knows = epoch === log.epoch && revision <= log.revision;
      replica.receiveDocument(knows ? log.delta(revision, log.revision) : log.snapshot(), { age: 0, now });
    }
  }
}

test("a replica ends up with the log folded, whatever was lost, repeated, late, damaged or restored", () => {
  for (let seed = 1; seed <= WALKS; seed++) {
    const random = generator(seed);
    const log = new Log();
    const replica = new Replica();
    const sent = [];
    let now = 0;
    for (let step = 0; step < STEPS; step++, now++) {
      const chance = random();
      if (chance < 0.4) log.change(random);
      else if (chance < 0.43) log.restore(random);
      else {
        const actions = replica.receive(message(log, sent, random), now);
        if (random() < 0.7) serve(replica, actions, log, now);
      }
      const { snapshot } = replica;
      if (snapshot !== null) assert.equal(replica.standing().state.digest, digestText(new Replica({ snapshot }).standing().state.sum));
    }
    // Damage may have made the position look like the future; only a restore overtakes that, as it does any state from nowhere.
    log.epoch = Math.max(log.epoch, replica.position?.epoch ?? 0) + 1;
    for (let round = 0; round < 3; round++) serve(replica, replica.receive(frame("heartbeat", log.heartbeat()), (now += 61)), log, now);
    const whole = readSnapshot(log.snapshot());
    assert.equal(positionText(replica.position), positionText(whole.position), `seed ${seed}`);
    assert.equal(replica.snapshot.digest, log.digest(log.revision), `seed ${seed}`);
    const texts = (snapshot) =>
      Object.fromEntries(Object.entries(snapshot.items).map(([kind, items]) => [kind, [...items.values()].map(({ text }) => text).sort()]));
    assert.deepEqual(texts(replica.snapshot), texts(whole), `seed ${seed}`);
  }
});

test("a delta is applied whole or not at all: what it leads to has the digest that it says", () => {
  for (let seed = 1; seed <= WALKS; seed++) {
    const random = generator(seed);
    const log = new Log();
    for (let i = 0; i < 6; i++) log.change(random);
    const replica = new Replica({ snapshot: readSnapshot(log.snapshot(2)), knownAt: 0 });
    const before = replica.snapshot;
    const [action] = replica.receive(damaged(frame("delta", aged(log.delta(2, 6))), random), 1);
    if (action?.do === "adopt") assert.equal(replica.snapshot.digest, replica.standing().state.digest);
    else assert.equal(replica.snapshot, before);
  }
});
