import assert from "node:assert/strict";
import test from "node:test";

import { Ladder, Level } from "../../client/server/ladder.js";

const UNREACHABLE = { kind: "unreachable", message: "no answer" };

function ladder({ upstreams = 1, chance = 0.5 } = {}) {
  return new Ladder({ upstreams, pollS: 30, random: () => chance });
}

test("it connects first, and polls while it may not connect", () => {
  const steps = ladder({ chance: 1 });
  assert.deepEqual(steps.next(0), { do: "connect", upstream: 0 });
  steps.ended(UNREACHABLE, 0);
  assert.deepEqual(steps.next(0), { do: "poll" });
  steps.pollFailed(UNREACHABLE, 0);
  assert.equal(steps.level, Level.LAST_KNOWN);
  assert.deepEqual(steps.next(0), { do: "wait", until: 1 });
  assert.deepEqual(steps.next(1), { do: "connect", upstream: 0 });
});

test("every upstream is tried once before any waiting, and a stream that lived goes back to the first", () => {
  const steps = ladder({ upstreams: 3, chance: 1 });
  for (const upstream of [0, 1, 2]) {
    assert.deepEqual(steps.next(0), { do: "connect", upstream });
    if (upstream < 2) steps.ended(UNREACHABLE, 0);
  }
  steps.opened(1);
  assert.equal(steps.level, Level.STREAMING);
  steps.ended({ kind: "ended", message: "" }, 2);
  assert.equal(steps.level, Level.POLLING);
  assert.deepEqual(steps.next(10), { do: "connect", upstream: 0 });
});

test("waiting doubles with each failure up to 30 s, and a stream that lived long counts as a success", () => {
  const steps = ladder({ chance: 1 });
  const waits = [];
  let now = 0;
  for (let i = 0; i < 8; i++) {
    steps.ended(UNREACHABLE, now);
    steps.pollFailed(UNREACHABLE, 1e9);
    const { until } = steps.next(now);
    waits.push(until - now);
    now = until;
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
  steps.opened(now);
  steps.ended(UNREACHABLE, now + 10);
  assert.equal(steps.next(now + 10).until - now - 10, 1);
});

test("a server's retry is the base of the waiting, its Retry-After is waited for in full, a goodbye's to the second", () => {
  const steps = ladder({ chance: 1 });
  steps.askedToWait(5);
  steps.ended({ kind: "busy", message: "", notBeforeS: 20 }, 0);
  assert.deepEqual(steps.next(0), { do: "wait", until: 25 });
  steps.ended({ kind: "draining", message: "", notBeforeS: 3 }, 100);
  steps.polled(100);
  assert.deepEqual(steps.next(100), { do: "wait", until: 103 });
  steps.ended({ kind: "busy", message: "", notBeforeS: 1e9 }, 200);
  steps.polled(1e9);
  assert.ok(steps.next(200).until <= 200 + 3600 + 30);
});

test("a server without room for streams is polled all the same", () => {
  const steps = ladder({ chance: 0.5 });
  const polled = [0];
  for (let now = 0; now < 300; ) {
    const step = steps.next(now);
    if (step.do === "wait") now = step.until;
    else if (step.do === "connect") steps.ended({ kind: "busy", message: "" }, now);
    else {
      steps.polled(now);
      polled.push(now);
    }
  }
  assert.ok(polled.length > 5, `${polled}`);
  for (const [index, at] of polled.slice(1).entries()) assert.ok(at - polled[index] <= 60, `${polled}`);
});

test("a server that names no time at all to wait is not asked without end, and polled all the same", () => {
  const steps = ladder({ chance: 0.5 });
  steps.askedToWait(0);
  let [asked, polled] = [0, 0];
  for (let now = 0; now < 60 && asked < 1000; ) {
    const step = steps.next(now);
    if (step.do === "wait") now = step.until;
    else if (step.do === "connect") {
      asked++;
      steps.ended({ kind: "ended", message: "" }, now);
    } else {
      polled++;
      steps.polled(now);
    }
  }
  assert.ok(asked < 20 && polled >= 2, `${asked}, ${polled}`);
});

test("a refused key is tried again after one to two minutes, by nothing sooner", () => {
  for (const chance of [0, 1]) {
    const steps = ladder({ chance });
    steps.ended({ kind: "refused", message: "" }, 0);
    assert.equal(steps.level, Level.LAST_KNOWN);
    assert.deepEqual(steps.next(0), { do: "wait", until: 60 * (1 + chance) });
  }
});
