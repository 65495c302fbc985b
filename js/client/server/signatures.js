/**
 * Ed25519 by the machine, and whom a client trusts, as it was configured.
 * @module
 */

import { createPublicKey, verify as verifyBy } from "node:crypto";

import { nodeSha256 } from "../../platform/node.js";
import { Replica } from "../../protocol/replica.js";
import { Trust } from "../../protocol/trust.js";
import { VerifyingReplica } from "../../protocol/verifying.js";

/** @typedef {import("../../protocol/documents.js").Snapshot} Snapshot */
/** @typedef {import("./options.js").Options} Options */

/**
 * Tell whether *signature* is that of *message* by an Ed25519 public key, all raw bytes.
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 * @returns {boolean}
 */
export function verify(publicKey, message, signature) {
  try {
    const x = Buffer.from(publicKey).toString("base64url");
    return verifyBy(null, message, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }), signature);
  } catch {
    return false;
  }
}

/**
 * Return whom *options* trust; null where they trust whoever answers.
 * @param {Options} options
 * @returns {Trust | null}
 */
export function trustOf({ trustedKeys, strictSignatures, environment, maxHeadAgeMs, platform }) {
  if (trustedKeys.length === 0) return null;
  const maxHeadAgeS = maxHeadAgeMs === null ? null : maxHeadAgeMs / 1000;
  const terms = { isStrict: strictSignatures, environment, projections: ["server", "edge"], maxHeadAgeS };
  return new Trust(trustedKeys, verify, { time: () => platform.now() / 1000, terms });
}

/**
 * Return a replica that begins with *snapshot*, if *trust* lets it.
 * @param {Trust | null} trust
 * @param {{ snapshot: Snapshot, ageS: number, now: number } | null} [stored]
 * @returns {Replica | VerifyingReplica}
 */
export function replicaBy(trust, stored = null) {
  if (stored === null) return trust === null ? new Replica({ sha256: nodeSha256 }) : new VerifyingReplica(trust, { sha256: nodeSha256 });
  const { snapshot, now } = stored;
  if (trust === null) return new Replica({ snapshot, knownAt: now - stored.ageS, sha256: nodeSha256 });
  // What the store says of its age, anybody may have written; when it was signed, nobody else.
  const ages = trust.terms.maxHeadAgeS === null ? [] : snapshot.heads.map((head) => trust.ageS(head));
  return new VerifyingReplica(trust, { snapshot, knownAt: now - Math.max(stored.ageS, ...ages), sha256: nodeSha256 });
}
