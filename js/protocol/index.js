/**
 * The sync protocol: frames in, actions out. No I/O, no clock. See spec/sync.md.
 * @module
 */

export { InvalidDocument, readDelta, readSnapshot, Snapshot, SPEC } from "./documents.js";
export { headsOfHeader } from "./heads.js";
export { Item } from "./items.js";
export { comparePositions, parsePosition, positionText } from "./position.js";
export { Replica } from "./replica.js";
export { Decoder, FrameTooLarge } from "./sse.js";
export { difference, State } from "./state.js";
export { Trust } from "./trust.js";
export { VerifyingReplica } from "./verifying.js";
