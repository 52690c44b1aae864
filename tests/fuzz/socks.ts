/**
 * The handshake of SOCKS 4, 4a and 5, in any pieces: a right handshake is understood to
 * the byte, any other is turned away, and every reply is a reply of that protocol.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { FakeStream } from "../../proxy/edge/_fake_stream.ts";
import { HandshakeError } from "../../proxy/socks/handshake_reader.ts";
import { readSocksRequest, type SocksRequest } from "../../proxy/socks/messages.ts";
import { anyBytes, bytesOf, cut, cuts, type Edit, edited, editsOf } from "./_pieces.ts";
import type { FuzzTarget } from "./target.ts";

interface SocksCase {
  readonly version: 4 | 5;
  readonly command: number;
  readonly port: number;
  /** Four numbers, or a name in ASCII. */
  readonly address: readonly number[] | string;
  /** The user id of SOCKS 4, the user name of 5; latin1 without zeros. */
  readonly user: string;
  readonly password: string;
  /** Methods that a client of SOCKS 5 offers. */
  readonly methods: readonly number[];
  /** Whether the proxy asks for `user` and `password`. */
  readonly isGuarded: boolean;
  /** Bytes that follow the handshake. */
  readonly early: string;
  readonly edits: readonly Edit[];
  readonly cuts: readonly number[];
}

const CONNECT = 1;
const NONE = 0;
const PASSWORD = 2;
const TOKENS = [
  "\x04",
  "\x05",
  "\x00",
  "\x01",
  "\x03",
  "\xff",
  "GET / HTTP/1.1\r\n",
  "\x05\x01\x00",
];

const letters = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(..."aZ09.-_x"), minLength, maxLength });
const number = fc.nat(255);

const chars = (...codes: number[]) => String.fromCharCode(...codes);
const port16 = (port: number) => chars(port >> 8, port & 255);
const counted = (text: string) => chars(text.length) + text;

/** Whether the user name and password come after the methods. */
function saysPassword({ methods, isGuarded }: SocksCase): boolean {
  return methods.includes(PASSWORD) && (isGuarded || !methods.includes(NONE));
}

function sentBy(input: SocksCase): string {
  const { version, command, port, address, user, password, methods, early } = input;
  const named = typeof address === "string";
  if (version === 4) {
    const ip = named ? chars(0, 0, 0, 7) : chars(...address);
    const name = named ? `${address}\0` : "";
    return chars(4, command) + port16(port) + ip + `${user}\0${name}${early}`;
  }
  const login = saysPassword(input) ? chars(1) + counted(user) + counted(password) : "";
  const target = named ? chars(3) + counted(address) : chars(1, ...address);
  return chars(5) + counted(chars(...methods)) + login + chars(5, command, 0) + target +
    port16(port) + early;
}

/** The target that a right handshake asks for; undefined if the handshake is wrong. */
function meantBy(input: SocksCase): { hostname: string; port: number } | undefined {
  const { version, command, port, address, methods, isGuarded } = input;
  if (command !== CONNECT || port === 0) return undefined;
  const hostname = typeof address === "string" ? address : address.join(".");
  if (hostname === "") return undefined;
  if (version === 4) return isGuarded ? undefined : { hostname, port };
  const agrees = saysPassword(input) || !isGuarded && methods.includes(NONE);
  return agrees ? { hostname, port } : undefined;
}

/** All replies that a proxy may have sent. */
// deno-lint-ignore no-control-regex
const SAID_4 = /^(\x00[\x5a\x5b\x5d]\x00{6})?$/;
const SAID_5 =
  // deno-lint-ignore no-control-regex
  /^(\x05[\x00\x02\xff])?(\x01[\x00\x01])?(\x05[\x00-\x08]\x00\x01\x00{6})?$/;

/** To a client that speaks neither. */
const SAID_HTTP = /^(HTTP\/1\.1 400 [^]*)?$/;

export const target: FuzzTarget<SocksCase> = {
  name: "socks",
  cases: fc.record({
    version: fc.constantFrom(4 as const, 5 as const),
    command: fc.oneof({ weight: 5, arbitrary: fc.constant(CONNECT) }, {
      weight: 1,
      arbitrary: number,
    }),
    port: fc.nat(65_535),
    // An address 0.0.0.x of SOCKS 4 would say that a name follows.
    address: fc.oneof(
      letters(0, 255),
      fc.tuple(fc.integer({ min: 1, max: 255 }), number, number, number),
    ),
    user: letters(1, 255),
    password: letters(1, 255),
    methods: fc.array(fc.oneof(fc.constantFrom(NONE, PASSWORD), number), {
      maxLength: 8,
    }),
    isGuarded: fc.boolean(),
    early: anyBytes(40),
    edits: fc.oneof(fc.constant([]), editsOf(TOKENS, 3)),
    cuts,
  }),
  async run(input) {
    const { user, password, isGuarded, edits } = input;
    const stream = new FakeStream();
    const sent = edited(sentBy(input), edits);
    stream.send(...cut(bytesOf(sent), input.cuts), null);
    const auth = isGuarded ? { username: user, password } : undefined;
    let request: SocksRequest | undefined;
    try {
      request = await readSocksRequest(stream, auth);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      assert.notEqual(error.message, "");
    }
    if (request) {
      assert.ok(request.hostname !== "", "a target without a name");
      assert.ok(request.port > 0 && request.port < 65_536, `port ${request.port}`);
      await request.reply();
    }
    const said = sent.startsWith("\x04")
      ? SAID_4
      : sent.startsWith("\x05")
      ? SAID_5
      : SAID_HTTP;
    assert.match(stream.text, said);
    if (edits.length > 0) return;
    const meant = meantBy(input);
    assert.equal(
      request !== undefined,
      meant !== undefined,
      "understood, or turned away",
    );
    if (!request || !meant) return;
    assert.deepEqual({ hostname: request.hostname, port: request.port }, meant);
    // Bytes that the proxy read behind the handshake, and bytes still in the stream.
    const { bytesRead } = stream;
    const early = String.fromCharCode(...request.early);
    assert.equal(
      early + sent.slice(bytesRead),
      input.early,
      "what follows the handshake",
    );
  },
};
