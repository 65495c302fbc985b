/**
 * What rules may need beyond what every program has. Programs that cannot wait have it all; pages load each where a snapshot needs it.
 * @module
 */

/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {import("./compiler.js").Run} Run */
/** @typedef {import("./compiler.js").Step} Step */
/** @typedef {import("./conditions.js").Test} Test */
/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Prerequisite} Prerequisite */
/** @typedef {import("../model/index.js").Segment} Segment */
/** @typedef {import("../model/index.js").Split} Split */

/**
 * Makes of a flag what depends on other items of its snapshot, or is as a vendor's SDK has it. All throw for what is broken.
 * @typedef {object} References
 * @property {(flag: Flag) => boolean} check throws for a flag that needs itself, or too many others behind one another; tells whether
 *   something is needed by two ways, so that its answer is worth remembering
 * @property {(prerequisite: Prerequisite, failing: Answer) => Step} prerequisite
 * @property {(condition: Condition) => Test} inSegment
 * @property {(split: Split) => { by: string, place: (context: Context) => number }} layered tells of a split in a layer whether its
 *   experiment owns the place of a context's unit: 1, 0, or -1 for one without a unit
 * @property {(condition: Condition, owner: Flag | Segment) => Test} condition of what is imported
 * @property {(attribute: string, owner: Flag | Segment) => (context: Context) => unknown} key reads what an imported list is compared with
 * @property {(split: Split, flag: Flag, answers: Answer[], missing: Answer) => Step} choice of an imported split
 * @property {(flag: Flag, run: Run) => Run} accepted runs an imported flag for contexts that the vendor's SDK takes
 */

/**
 * What all rule sets of one lineage share. `dialects`: how imported flags are read, see `dialectsFor`. `clock`: tells the
 * time, in epoch seconds, to imported flags where an evaluation is not given it. `exposed`: is told of each evaluation that
 * is an exposure, with where in the flag it happened and the context; it must be quick, and its answer is dropped.
 * @typedef {object} Options
 * @property {import("./dialects/seam.js").Dialects} [dialects]
 * @property {() => number} [clock]
 * @property {(site: import("./answers.js").ExposureSite, context: Context) => void} [exposed]
 */

export {};
