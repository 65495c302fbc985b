/**
 * Rules that answer: the part of a rule set that every program needs.
 * @module
 */

import { versionOf } from "../model/index.js";
import { failed, given } from "./answers.js";
import { messageOf } from "./compiler.js";
import { own } from "./own.js";

/** @typedef {import("./answers.js").Evaluation} Evaluation */
/** @typedef {import("./answers.js").ErrorCode} ErrorCode */
/** @typedef {import("./answers.js").ExposureSite} ExposureSite */
/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./compiler.js").Compiled} Compiled */
/** @typedef {import("./compiler.js").Compiler} Compiler */

/** Answers by what *compiler* makes of each flag when it is first asked for. */
export class Rules {
  #isTimed;

  /**
   * @param {Compiler} compiler
   * @param {Map<string, Compiled>} [flags] those that are compiled already
   */
  constructor(compiler, flags = new Map()) {
    this.compiler = compiler;
    this.compiled = flags;
    // Only dialects look at the time, and most rules have none.
    this.#isTimed = Object.keys(compiler.options.dialects ?? {}).length > 0;
  }

  /**
   * Return what *flag* serves to *context*, and why. Never throws. The answer is shared: it is frozen, and mostly the
   * same object for the same answer.
   * @param {string} flag
   * @param {Context} context
   * @param {any} [caller] the value where no variation is served
   * @param {number | null} [now] the time in epoch seconds; only imported flags look at it
   * @returns {Evaluation}
   */
  evaluate(flag, context, caller = null, now = null) {
    const found = this.compiled.get(flag) ?? this.#compile(flag);
    const { options } = this.compiler;
    try {
      if (typeof context !== "object" || context === null || Array.isArray(context)) {
        // No context can change what an unsound flag answers.
        return found.isSound ? this.#failed(flag, "INVALID_CONTEXT", "the context is no object", caller) : given(found.run({}, null, null), caller);
      }
      const time = now === null && this.#isTimed ? (options.clock?.() ?? null) : now;
      const answer = found.run(context, found.isShared ? new Map() : null, time);
      if (answer.site !== null && options.exposed !== undefined) options.exposed(answer.site, context);
      return given(answer, caller);
    } catch (error) {
      // A context may hold getters and proxies that throw, and an imported flag fails where its vendor's SDK does.
      return this.#failed(flag, "GENERAL", `while reading the context: ${messageOf(error)}`, caller);
    }
  }

  /** @param {string} flag */
  #compile(flag) {
    const found = this.compiler.flag(flag);
    // Names may come from outside: those that are no flag's are not kept.
    if (own(this.compiler.snapshot.flags, flag) !== undefined) this.compiled.set(flag, found);
    return found;
  }

  /** @param {string} flag @param {ErrorCode} code @param {string} message @param {any} caller */
  #failed(flag, code, message, caller) {
    const raw = own(this.compiler.snapshot.flags, flag);
    return given(failed(code, message, raw === undefined ? null : versionOf(raw)), caller);
  }
}
