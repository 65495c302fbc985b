/**
 * The stream that says when to evaluate again, and nothing else.
 * @module
 */

/** At most one stream at a time. */
export class Notices {
  /** @type {EventSource | null} */
  #stream = null;

  /**
   * @param {import("./page.js").Page["EventSource"]} Stream the platform's EventSource
   * @param {{ live: (live: boolean) => void, changed: (etag: string, isFirst: boolean) => void, ended: () => void }} told `ended`: it will not
   *   come back by itself
   */
  constructor(Stream, told) {
    this.Stream = Stream;
    this.told = told;
  }

  /** @param {string | null | undefined} url */
  open(url) {
    const { Stream, told } = this;
    if (!url || !Stream || this.#stream) return;
    const stream = (this.#stream = new Stream(url));
    let isFirst = true;
    stream.onopen = () => told.live(true);
    stream.onmessage = ({ data }) => {
      told.changed(/"etag":"([^"]*)/.exec(data)?.[1] ?? "", isFirst);
      isFirst = false;
    };
    stream.onerror = () => {
      told.live(false);
      // 2: refused, rather than cut off. A browser does not ask again then.
      if (stream.readyState === 2) {
        this.close();
        told.ended();
      }
    };
  }

  close() {
    this.#stream?.close();
    this.#stream = null;
    this.told.live(false);
  }
}
