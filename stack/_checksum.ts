/**
 * The Internet checksum in its plainest form, to check the stack's against (RFC 1071).
 *
 * @module
 */
import assert from "node:assert/strict";
import { headerLengthOf, Protocol } from "../wire/ip/ipv4.ts";

/** The sum of 16-bit words, folded, not complemented. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! << 8 | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Asserts that the checksums of a packet are right: IPv4's, and TCP's or ICMP's. */
export function assertChecksums(packet: Uint8Array): void {
  const header = headerLengthOf(packet);
  assert.equal(checksumOf(packet.subarray(0, header)), 0xffff);
  const length = packet.length - header;
  const isTcp = packet[9] === Protocol.TCP;
  const pseudo = isTcp
    ? [...packet.subarray(12, 20), 0, Protocol.TCP, length >> 8, length & 255]
    : [];
  const summed = new Uint8Array(pseudo.length + length);
  summed.set(pseudo);
  summed.set(packet.subarray(header), pseudo.length);
  assert.equal(checksumOf(summed), 0xffff);
}
