/**
 * What went wrong with a source, as far as what to do next depends on it.
 * @module
 */

/** A source gave nothing that can be served. The message says why, and what to do about it. */
export class SourceFailed extends Error {
  name = "SourceFailed";

  /**
   * @param {string} message
   * @param {{ retryAfterMs?: number }} [how] how long the source wants to be left alone
   */
  constructor(message, { retryAfterMs = 0 } = {}) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}
