/**
 * Server-sent events: from bytes to frames.
 *
 * Lines end at `\n`, `\r\n` or `\r` and nowhere else: U+2028, which JSON leaves as it is, does not cut a delta in two. Work is
 * linear in what comes, whatever pieces it comes in.
 * @module
 */

/**
 * One event of a stream. `id` is `epoch.revision`; `retryMs` asks the receiver to wait before it connects again.
 * @typedef {{ event: string, data: string, id: string | null, retryMs: number | null }} Frame
 */

/** What a decoder holds of one event at most, in characters, if it is not told otherwise. */
export const LARGEST_EVENT = 64 * 2 ** 20;

/** A stream sent an event that is larger than its reader holds. */
export class FrameTooLarge extends Error {
  name = "FrameTooLarge";

  /** @param {number} limit */
  constructor(limit) {
    super(`an event is larger than ${limit} characters`);
  }
}

/**
 * Takes a stream in any pieces and returns its frames.
 *
 * A frame has the `id` and `retryMs` that its own event gave. An event cut off at the end of the stream is none.
 */
export class Decoder {
  /** The last `retry:` of the stream, by an event without data too. @type {number | null} */
  retryMs = null;
  #limit;
  /** Made when bytes come: React Native, which has no `TextDecoder`, feeds text. @type {TextDecoder | null} */
  #utf8 = null;
  /** @type {string[]} */
  #line = [];
  #lineSize = 0;
  #isFirstLine = true;
  #afterReturn = false;
  #event = "";
  /** @type {string[]} */
  #data = [];
  /** @type {string | null} */
  #id = null;
  /** @type {number | null} */
  #retry = null;
  #size = 0;

  /** @param {{ limit?: number }} [options] how many characters an event may have */
  constructor({ limit = LARGEST_EVENT } = {}) {
    this.#limit = limit;
  }

  /**
   * Return the frames that *piece* completes. Throws `FrameTooLarge`; the decoder is then of no more use.
   * @param {Uint8Array | string} piece
   * @returns {Frame[]}
   */
  feed(piece) {
    let text = typeof piece === "string" ? piece : (this.#utf8 ??= new TextDecoder()).decode(piece, { stream: true });
    if (text === "") return [];
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    this.#afterReturn = text === "" ? false : text.endsWith("\r");
    /** @type {Frame[]} */
    const frames = [];
    const lines = (text.includes("\r") ? text.replaceAll("\r\n", "\n").replaceAll("\r", "\n") : text).split("\n");
    const rest = /** @type {string} */ (lines.pop());
    for (const line of lines) this.#endLine(line, frames);
    if (rest !== "") this.#line.push(rest);
    this.#lineSize += rest.length;
    if (this.#size + this.#lineSize > this.#limit) throw new FrameTooLarge(this.#limit);
    return frames;
  }

  /** @param {string} end the last piece of a line @param {Frame[]} frames */
  #endLine(end, frames) {
    let line = this.#line.length > 0 ? this.#line.join("") + end : end;
    this.#line = [];
    this.#lineSize = 0;
    this.#size += line.length;
    if (this.#size > this.#limit) throw new FrameTooLarge(this.#limit);
    if (this.#isFirstLine && line.startsWith("\ufeff")) line = line.slice(1);
    this.#isFirstLine = false;
    if (line === "") return this.#endEvent(frames);
    const colon = line.indexOf(":");
    if (colon < 0) return this.#take(line, "");
    const value = line.slice(colon + 1);
    this.#take(line.slice(0, colon), value.startsWith(" ") ? value.slice(1) : value);
  }

  /**
   * Take one field. A comment is one without a name; unknown ones are ignored.
   * @param {string} name
   * @param {string} value
   */
  #take(name, value) {
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = this.#retry = Number(value);
  }

  /** @param {Frame[]} frames */
  #endEvent(frames) {
    if (this.#data.length > 0) {
      frames.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id, retryMs: this.#retry });
    }
    this.#event = "";
    this.#data = [];
    this.#id = this.#retry = null;
    this.#size = 0;
  }
}
