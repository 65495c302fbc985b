/**
 * IP addresses and networks. spec/evaluation.md has the words.
 * @module
 */

/**
 * An IP address: 32 or 128 bits, as groups of 16.
 * @typedef {{ bits: 32 | 128, groups: number[] }} Address
 * @typedef {Address & { length: number }} Network its first `length` bits count
 */

const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9A-Fa-f]{1,4}$/;
const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/;

/**
 * Read an IP address. A zone (`%eth0`) makes it none; IPv4 within IPv6 is IPv4.
 * @param {unknown} value
 * @returns {Address | undefined}
 */
export function address(value) {
  const found = typeof value === "string" ? plainAddress(value) : undefined;
  return found !== undefined && isMapped(found) ? { bits: 32, groups: found.groups.slice(6) } : found;
}

/**
 * Read a network: an address, or one with `/` and a prefix length.
 * @param {unknown} value
 * @returns {Network | undefined}
 */
export function network(value) {
  if (typeof value !== "string") return undefined;
  const slash = value.indexOf("/");
  const found = plainAddress(slash < 0 ? value : value.slice(0, slash));
  if (found === undefined) return undefined;
  const written = slash < 0 ? String(found.bits) : value.slice(slash + 1);
  const length = PREFIX.test(written) ? Number(written) : found.bits + 1;
  if (length > found.bits) return undefined;
  if (length >= 96 && isMapped(found)) return { bits: 32, groups: found.groups.slice(6), length: length - 96 };
  return { ...found, length };
}

/**
 * Whether *found* lies in *within*.
 * @param {Address} found
 * @param {Network} within
 * @returns {boolean}
 */
export function isWithin(found, within) {
  if (found.bits !== within.bits) return false;
  for (let i = 0, left = within.length; left > 0; i++, left -= 16) {
    const shift = left >= 16 ? 0 : 16 - left;
    if (found.groups[i] >> shift !== within.groups[i] >> shift) return false;
  }
  return true;
}

/** @param {Address} found */
function isMapped(found) {
  return found.bits === 128 && found.groups[5] === 0xffff && found.groups.slice(0, 5).every((group) => group === 0);
}

/**
 * Read an IP address as it is written, IPv4 within IPv6 too.
 * @param {string} written
 * @returns {Address | undefined}
 */
export function plainAddress(written) {
  if (written.length > 45) return undefined;
  if (!written.includes(":")) {
    const groups = groupsOfIpv4(written);
    return groups && { bits: 32, groups };
  }
  const groups = groupsOfIpv6(written);
  return groups && { bits: 128, groups };
}

/** @param {string} written */
function groupsOfIpv4(written) {
  const octets = written.split(".");
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) < 256)) return undefined;
  const [a, b, c, d] = octets.map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** @param {string} written */
function groupsOfIpv6(written) {
  const halves = written.split("::");
  if (halves.length > 2) return undefined;
  const parts = halves.map((half, index) => groupsOfHalf(half, index === halves.length - 1));
  if (parts.some((part) => part === undefined)) return undefined;
  const [before, after] = /** @type {number[][]} */ (parts);
  if (after === undefined) return before.length === 8 ? before : undefined;
  const missing = 8 - before.length - after.length;
  return missing < 1 ? undefined : [...before, ...new Array(missing).fill(0), ...after];
}

/** @param {string} half @param {boolean} isLast */
function groupsOfHalf(half, isLast) {
  if (half === "") return [];
  const parts = half.split(":");
  const groups = [];
  for (const [index, part] of parts.entries()) {
    const isEnd = isLast && index === parts.length - 1;
    const found = isEnd && part.includes(".") ? groupsOfIpv4(part) : GROUP.test(part) ? [Number.parseInt(part, 16)] : undefined;
    if (found === undefined) return undefined;
    groups.push(...found);
  }
  return groups;
}
