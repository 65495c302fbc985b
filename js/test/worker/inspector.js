/**
 * The inspector of an isolate: what is on its heap.
 * @module
 */

import { fetch as upgraded } from "miniflare";

/** Speaks with the isolate's inspector. */
export class Inspector {
  #number = 0;
  /** @type {Map<number, (result: any) => void>} */
  #waiting = new Map();

  /** @param {any} socket */
  constructor(socket) {
    this.socket = socket;
    socket.accept();
    socket.addEventListener("message", (/** @type {any} */ { data }) => {
      const { id, result } = JSON.parse(data);
      this.#waiting.get(id)?.(result);
    });
  }

  /**
   * Connect to a worker that was run with `{ name, inspectorPort: 0 }`.
   * @param {import("./running.js").RunningWorker} worker
   * @param {string} name
   */
  static async of(worker, name) {
    const { host } = await worker.miniflare.getInspectorURL();
    const { webSocket } = await upgraded(`http://${host}/core:user:${name}`, { headers: { Upgrade: "websocket" } });
    return new Inspector(webSocket);
  }

  close() {
    this.socket.close();
  }

  /** @param {string} method @returns {Promise<any>} */
  async ask(method) {
    const id = ++this.#number;
    const answered = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method }));
    return answered;
  }

  /** What is on the heap, garbage and all, in bytes. */
  async used() {
    const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await this.ask("Runtime.getHeapUsage");
    return usedSize + embedderHeapUsedSize + backingStorageSize;
  }

  /** What is on the heap once what nobody needs is off it, in bytes. @param {() => Promise<unknown>} request */
  async heap(request) {
    // It is collected with the isolate's next turn, and not answered before.
    void this.ask("HeapProfiler.collectGarbage");
    await request();
    return this.used();
  }
}
