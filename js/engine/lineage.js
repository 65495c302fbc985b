/**
 * Links of snapshots that follow on each other: what a change reaches.
 * @module
 */

import { keysOf, Links, namesOf } from "./links.js";

/** @typedef {import("./links.js").Link} Link */
/** @typedef {import("./links.js").Touched} Touched */
/** @typedef {import("../model/index.js").Snapshot} Snapshot */

/** Finds links, and notes who needs what; `after` carries both over to a later snapshot. */
export class Lineage extends Links {
  #users;
  /** Whether the users of everything are known. */
  #isWhole = false;

  /**
   * @param {Snapshot} snapshot
   * @param {Map<string, Link>} [known]
   * @param {Map<string, Set<string>>} [users] grows only, and is shared with later snapshots: an item too many is compiled again for
   *   nothing
   */
  constructor(snapshot, known, users = new Map()) {
    super(snapshot, known);
    this.#users = users;
  }

  /**
   * Return the links of *snapshot*, which differs in *touched* only, and the names of all items that may differ now.
   * @param {Snapshot} snapshot
   * @param {Touched} touched
   * @returns {[Lineage, Set<string>]}
   */
  after(snapshot, touched) {
    const affected = new Set(namesOf(touched).flatMap((name) => [name, ...(this.#users.get(name) ?? [])]));
    const known = new Map(this.known);
    for (const name of affected) known.delete(name);
    const links = new Lineage(snapshot, known, this.#users);
    if (this.#isWhole) links.#linkAll([...affected].filter((name) => name.startsWith("flag:")).map((name) => name.slice(5)));
    return [links, affected];
  }

  /**
   * Return the flags that may answer differently where *touched* differ: those among them, and who needs them. The first
   * time all flags are read; later, also of what `after` returns, what is touched only.
   * @param {Touched} touched
   * @returns {string[]}
   */
  using(touched) {
    if (!this.#isWhole) this.#linkAll(Object.keys(this.snapshot.flags ?? {}));
    const names = namesOf(touched);
    const users = names.flatMap((name) => [...(this.#users.get(name) ?? [])].filter((user) => user.startsWith("flag:")));
    const isUsing = users.map((user) => user.slice(5)).filter((key) => names.some((name) => this.ofFlag(key).everything.has(name)));
    return [...new Set([...keysOf(touched.flags ?? []), ...isUsing])];
  }

  /**
   * Note whom a change of what *link* has reaches, too.
   * @override
   * @param {string} name
   * @param {Link} link
   * @param {boolean} isAskedAgain
   */
  note(name, link, isAskedAgain) {
    for (const needed of link.everything) {
      const users = this.#users.get(needed);
      if (users === undefined) this.#users.set(needed, new Set([name]));
      else users.add(name);
    }
    return super.note(name, link, isAskedAgain);
  }

  /** @param {readonly string[]} flags */
  #linkAll(flags) {
    for (const key of flags) this.ofFlag(key);
    this.#isWhole = true;
  }
}
