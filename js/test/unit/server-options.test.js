import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { Client, InvalidFile } from "../../client/server/index.js";
import { checkedOptions } from "../../client/server/options.js";
import { parseOverrides } from "../../client/server/overrides.js";
import { VERSION } from "../../client/server/version.js";
import { Machine } from "./server-far-end.js";

const URL_ = "http://flags.test";
const KEY = `ed25519:${"A".repeat(43)}`;
const OVERRIDES = /** @type {[string, [string, unknown][]][]} */ ([
  ["", []],
  [" , ", []],
  ["new-checkout=on", [["new-checkout", true]]],
  [
    'a=off, b=TRUE ,theme="dark,or not",limits={"max":3},n=1.5,word=some words,nothing=null',
    [
      ["a", false],
      ["b", true],
      ["theme", "dark,or not"],
      ["limits", { max: 3 }],
      ["n", 1.5],
      ["word", "some words"],
      ["nothing", null],
    ],
  ],
  [
    "a={broken,b=1",
    [
      ["a", "{broken"],
      ["b", 1],
    ],
  ],
  [
    "a=,b=2",
    [
      ["a", ""],
      ["b", 2],
    ],
  ],
]);

test("wrong options are refused with the option's name, before anything begins", () => {
  const wrong = [
    [undefined, "http://x", {}, /^key:/],
    [undefined, "ftp://x", { key: "k" }, /^url: "ftp:\/\/x"/],
    [undefined, "http://x?a=1", { key: "k" }, /^url:/],
    [undefined, [7], { key: "k" }, /^url: 7/],
    [undefined, URL_, { key: "k\n" }, /^key: .*stray line break/],
    [undefined, URL_, { key: "k", timeoutMs: 0 }, /^timeoutMs: 0/],
    [undefined, URL_, { key: "k", pollIntervalMs: "30" }, /^pollIntervalMs: "30"/],
    [undefined, URL_, { key: "k", events: "no" }, /^events:/],
    [undefined, URL_, { key: "k", store: { load() {} } }, /^store:/],
    [undefined, URL_, { key: "k", hooks: [7] }, /^hooks:/],
    [undefined, URL_, { key: "k", overrides: [] }, /^overrides:/],
    [undefined, URL_, { key: "k", timeout: 5 }, /no option 'timeout'.*timeoutMs/],
    [undefined, URL_, { key: "k", file: "f.json" }, /from a server or from a file/],
    [undefined, URL_, { key: "k", trustedKeys: KEY }, /^trustedKeys: expected a list/],
    [undefined, URL_, { key: "k", trustedKeys: ["ed25519:short"] }, /^trustedKeys: "ed25519:short"/],
    [undefined, URL_, { key: "k", strictSignatures: true }, /wants trustedKeys/],
    [undefined, URL_, { key: "k", strictSignatures: true, trustedKeys: [KEY] }, /environment:/],
    [undefined, URL_, { key: "k", maxHeadAgeMs: 5 }, /^maxHeadAgeMs/],
    [undefined, URL_, null, /options are an object/],
  ];
  for (const [, url, given, message] of wrong)
    assert.throws(
      () => checkedOptions(url, given, {}),
      (error) => error instanceof TypeError && message.test(error.message),
      `${message}`,
    );
});

test("the process's environment stands in for what the caller leaves out", () => {
  const environ = {
    PENNON_URL: "http://env.test/",
    PENNON_KEY: "env-key",
    PENNON_STORE: "/var/lib/x",
    PENNON_OVERRIDES: "a=on,b=1",
    PENNON_TRUSTED_KEYS: ` ${KEY},`,
  };
  const found = checkedOptions(undefined, { overrides: { b: 2 } }, environ);
  assert.deepEqual(
    [found.urls, found.key, found.store, [...found.overrides], found.trustedKeys],
    [
      ["http://env.test"],
      "env-key",
      "/var/lib/x",
      [
        ["a", true],
        ["b", 2],
      ],
      [KEY],
    ],
  );
  const told = checkedOptions(["http://a.test/flags/", new URL("https://b.test")], { key: "mine" }, environ);
  assert.deepEqual([told.urls, told.key], [["http://a.test/flags", "https://b.test"], "mine"]);
});

for (const [text, values] of OVERRIDES) {
  test(`PENNON_OVERRIDES ${JSON.stringify(text)} is read`, () => assert.deepEqual(parseOverrides(text), values));
}

test("PENNON_OVERRIDES without a value is refused", () => {
  for (const text of ["a", "=on", "a=1,b"]) assert.throws(() => parseOverrides(text), /PENNON_OVERRIDES: expected flag=value/);
});

test("a client without an address serves defaults, and is never ready", async (t) => {
  const client = new Client(null, { platform: new Machine().platform });
  t.after(() => client.close());
  assert.equal(await client.ready(), false);
  assert.deepEqual([client.boolean("a", {}, true), await client.flush()], [true, true]);
});

test("the version is that of the package", () => {
  assert.equal(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version, VERSION);
});

test("a file of flags is served, watched, and what cannot be read is warned of once and changes nothing", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pennon-file-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "flags.json");
  const write = (content) => writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  write({
    flags: {
      plain: true,
      word: "off",
      theme: "dark",
      limits: { value: { max: 3 } },
      layout: {
        variations: { wide: 2, narrow: 1 },
        serve: "narrow",
        rules: [{ id: "staff", conditions: [{ op: "inSegment", values: ["staff"] }], serve: { variation: "wide" } }],
      },
      half: { variations: { on: true, off: false }, serve: { on: 100, off: 0 } },
    },
    segments: { staff: { included: ["u1"] } },
  });
  const far = new Machine();
  const client = new Client(null, { file: path, platform: far.platform });
  t.after(() => client.close());
  assert.equal(await client.ready(), true);
  const values = (user) => [
    client.boolean("plain"),
    client.boolean("word", {}, true),
    client.string("theme"),
    client.object("limits"),
    client.number("layout", user),
    client.boolean("half", user),
  ];
  assert.deepEqual(values({ targetingKey: "u1" }), [true, false, "dark", { max: 3 }, 2, true]);
  assert.equal(client.number("layout", { targetingKey: "u2" }), 1);
  assert.deepEqual([client.status().level, client.status().ageS, client.status().environment], [0, 0, "file"]);
  const changes = [];
  client.on("change", ({ keys }) => changes.push(keys));
  write({ flags: { plain: false } });
  await far.advance(600);
  assert.equal(client.boolean("plain", {}, true), false);
  for (const broken of [
    '{"flags":',
    { flags: { plain: { nonsense: 1 } } },
    { flags: { plain: { variations: { a: 1 }, serve: { a: 10 } } } },
  ]) {
    write(broken);
    await far.advance(1200);
    assert.equal(client.boolean("plain", {}, true), false);
  }
  assert.equal(far.warnings.length, 1);
  write({ flags: { plain: true } });
  await far.advance(600);
  assert.deepEqual([client.boolean("plain"), client.status().problem, changes.at(-1)], [true, "", ["plain"]]);
});

test("a file that cannot be read at the start is refused with its name", () => {
  assert.throws(
    () => new Client(null, { file: "/nowhere/flags.json", platform: new Machine().platform }),
    (error) => error instanceof InvalidFile && /\/nowhere\/flags.json/.test(error.message),
  );
});
