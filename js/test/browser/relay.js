/**
 * A relay before a server, that keeps what is sent through it: bodies of beacons and blobs are seen nowhere else.
 * @module
 */

import { once } from "node:events";
import { createServer, request } from "node:http";
import { buffer } from "node:stream/consumers";

/**
 * Relay to *target*. `sent` is what came through by now: a line and headers, and the body, of each request.
 * @param {string} target
 * @returns {Promise<{url: string, sent: {head: string, body: string}[], close: () => void}>}
 */
export async function relayTo(target) {
  const sent = /** @type {{head: string, body: string}[]} */ ([]);
  const server = createServer(async (asked, answer) => {
    const { method, headers } = asked;
    const body = await buffer(asked);
    sent.push({ head: `${method} ${asked.url} ${JSON.stringify(headers)}`, body: body.toString() });
    const onward = request(target + asked.url, { method, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    onward.end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, sent, close };
}
