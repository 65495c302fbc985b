/**
 * A reporter for `node --test`, beside another one: says what tests have measured, `t.diagnostic("measured: …")`, and nothing else.
 * @module
 */

/** @param {AsyncIterable<{type: string, data: any}>} events */
export default async function* measured(events) {
  for await (const { type, data } of events) {
    if (type === "test:diagnostic" && data.message.startsWith("measured: ")) yield `\n${data.message}\n`;
  }
}
