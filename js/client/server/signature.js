/**
 * Signatures of targeting keys, which client keys may demand: nobody asks then as somebody else.
 * @module
 */

import { createHmac } from "node:crypto";

/**
 * Return the signature of a targeting key, which its page sends along: the option `signature` of the browser's client.
 * @param {string} secret the signing secret of the client key. It never leaves your server: who has it can ask as anybody
 * @param {string} targetingKey of who is signed in
 * @returns {string} HMAC-SHA256 in 64 hex digits
 */
export function targetingKeySignature(secret, targetingKey) {
  return createHmac("sha256", secret).update(targetingKey.toWellFormed()).digest("hex");
}
