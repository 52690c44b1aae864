/**
 * Cut: a large TCP segment as the smaller segments that a sender with a smaller MSS would
 * have sent, so that a small flow need not wait while one large frame is on the wire.
 *
 * *Checksums.* Those of the segment are verified before anything is made anew, and a
 * segment with a wrong checksum stays whole: the receiver is still the one that finds the
 * damage. The bytes of each piece are summed once, and the sums serve for both.
 *
 * *Copies.* The pieces are copies side by side in one new buffer. Below 16 KiB, where
 * frames are cut, `coalesce.ts` would copy a header and a view of the data together
 * anyway; above, each would be a write of its own, and the memory of the segment would
 * stay leased. Pieces that leave one after the other are one view again.
 *
 * *Fields* (RFC 9293; segmentation as in RFC 3168, 6.1.2, for the flags of ECN). Options
 * of IP and TCP are repeated. FIN and PSH are the last piece's, CWR is the first's. All
 * pieces have the identification of the segment and "don't fragment", with which that
 * field means nothing (RFC 6864, 4.1).
 *
 * @module
 */

import { Frame, FrameType, HEADER_BYTES, writeHeader } from "../../wire/frame.ts";
import { addWords, foldChecksum } from "../../wire/ip/checksum.ts";
import {
  headerLengthOf,
  IPV4_HEADER_BYTES,
  Protocol,
  readUint32,
  TcpFlag,
  tcpFlagsOf,
  totalLengthOf,
  versionOf,
} from "../../wire/ip/ipv4.ts";
import { isSegment, TCP_HEADER_BYTES } from "../../wire/ip/tcp.ts";

const PSH = 0x08;
const URG = 0x20;
const CWR = 0x80;
/** Of the flags of IPv4: "don't fragment". */
const DF = 0x40;

/** Segments with one of these are left alone. */
const WHOLE = TcpFlag.SYN | TcpFlag.RST | URG;
/** Flags of the last piece alone. */
const LAST = TcpFlag.FIN | PSH;

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Less data than this in a piece would not be worth its headers. */
const LEAST_DATA = 64;

/**
 * The frames of at most `maxBytes` that carry the segment in `frame`, in order and of
 * about the same size; undefined if the frame must go as it is: no whole TCP segment, no
 * plain data, a wrong checksum, or small enough.
 */
export function cut({ bytes, type }: Frame, maxBytes: number): Frame[] | undefined {
  if (bytes.length <= maxBytes || type !== FrameType.L3) return undefined;
  const segment = segmentIn(bytes);
  if (segment === undefined) return undefined;
  const { tcp, data, end } = segment;
  // Data of a multiple of 4 bytes leaves each piece aligned, and the sums of whole words.
  const most = (maxBytes - data) & ~3;
  if (most < LEAST_DATA || end - data <= most) return undefined;
  const count = Math.ceil((end - data) / most);
  const each = Math.ceil((end - data) / count / 4) * 4;
  const into = new Uint8Array(count * data + end - data);
  const words = new Uint16Array(into.buffer, 0, into.length >> 1);
  const sums: number[] = [];
  let sum = 0;
  for (let i = 0, at = data, to = 0; i < count; i++, at += each) {
    const part = bytes.subarray(at, Math.min(at + each, end));
    into.set(part, to + data);
    to += data + part.length;
    const partSum = sumOf(into, words, to - part.length, to);
    sums.push(partSum);
    sum += partSum;
  }
  if (!isSound(bytes, segment, sum)) return undefined;
  const header = bytes.subarray(0, data);
  const sequence = readUint32(bytes, tcp + 4);
  const pieces: Frame[] = [];
  for (let i = 0, to = 0; i < count; i++) {
    const length = data + Math.min(each, end - data - i * each);
    const piece = into.subarray(to, to + length);
    piece.set(header);
    finish(piece, segment, {
      sequence: sequence + i * each,
      without: (i === 0 ? 0 : CWR) | (i === count - 1 ? 0 : LAST),
      sum: sums[i]!,
    });
    pieces.push(new Frame(piece));
    to += length;
  }
  return pieces;
}

/** Places in a frame: of the TCP header, of the data, and of the packet's end. */
interface Segment {
  readonly tcp: number;
  readonly data: number;
  readonly end: number;
}

function segmentIn(bytes: Uint8Array): Segment | undefined {
  const least = HEADER_BYTES + IPV4_HEADER_BYTES + TCP_HEADER_BYTES;
  if (bytes.length < least || versionOf(bytes, HEADER_BYTES) !== 4) return undefined;
  const end = HEADER_BYTES + totalLengthOf(bytes, HEADER_BYTES);
  if (end > bytes.length || !isSegment(bytes, HEADER_BYTES)) return undefined;
  const tcp = HEADER_BYTES + headerLengthOf(bytes, HEADER_BYTES);
  const data = tcp + (bytes[tcp + 12]! >> 4) * 4;
  if (tcp < HEADER_BYTES + IPV4_HEADER_BYTES || data < tcp + TCP_HEADER_BYTES) {
    return undefined;
  }
  if (tcpFlagsOf(bytes, HEADER_BYTES) & WHOLE) return undefined;
  return { tcp, data, end };
}

/** Whether both checksums of a segment are right; `sum` is that of its data. */
function isSound(bytes: Uint8Array, { tcp, data, end }: Segment, sum: number): boolean {
  const headers = addWords(bytes, tcp, data, pseudo(bytes, end - tcp));
  return foldChecksum(addWords(bytes, HEADER_BYTES, tcp)) === 0 &&
    foldChecksum(headers + sum) === 0;
}

/** The sum of the header that TCP's checksum covers besides the segment. */
function pseudo(bytes: Uint8Array, length: number): number {
  const addresses = HEADER_BYTES + 12;
  return addWords(bytes, addresses, addresses + 8) + Protocol.TCP + length;
}

/** Writes the fields of a piece that begins with the headers of the segment. */
function finish(
  piece: Uint8Array,
  { tcp, data }: Segment,
  { sequence, without, sum }: { sequence: number; without: number; sum: number },
): void {
  const packet = HEADER_BYTES;
  writeHeader(piece, 0, FrameType.L3, piece.length - HEADER_BYTES);
  write16(piece, packet + 2, piece.length - HEADER_BYTES);
  piece[packet + 6] = DF;
  write16(piece, packet + 10, 0);
  write16(piece, packet + 10, foldChecksum(addWords(piece, packet, tcp)));
  write16(piece, tcp + 4, sequence >>> 16);
  write16(piece, tcp + 6, sequence);
  piece[tcp + 13]! &= ~without;
  write16(piece, tcp + 16, 0);
  const headers = addWords(piece, tcp, data, pseudo(piece, piece.length - tcp));
  write16(piece, tcp + 16, foldChecksum(headers + sum));
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/**
 * The sum of the bytes from an even `start` on as `addWords` has it, but for carries.
 * Words in this machine's order have the same sum in the same order (RFC 1071, 2).
 */
function sumOf(
  bytes: Uint8Array,
  words: Uint16Array,
  start: number,
  end: number,
): number {
  let sum = 0;
  for (let i = start >> 1, last = end >> 1; i < last; i++) sum += words[i]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  if (isLittleEndian) sum = (sum & 0xff) << 8 | sum >>> 8;
  return end & 1 ? sum + (bytes[end - 1]! << 8) : sum;
}
