/**
 * SOCKS 4, 4a and 5 on one port: CONNECT, and for SOCKS 5 user name and password (RFC
 * 1928, RFC 1929; SOCKS 4 and 4a as their authors describe them).
 *
 * @module
 */
import { type Credentials, isRight } from "../auth.ts";
import { DialError, type DialFailure } from "../edge/dial.ts";
import { formatIpv4, readUint16, readUint32 } from "../../wire/ip/ipv4.ts";
import { HandshakeError, HandshakeReader } from "./handshake_reader.ts";
import type { ByteStream } from "../edge/stream.ts";

/** A client has to complete its request in this time. */
export const HANDSHAKE_LIMIT_MS = 15_000;

/** A client's request. */
export interface SocksRequest {
  /** Name, or address (IPv6 without brackets). */
  readonly hostname: string;
  readonly port: number;
  /** Bytes for the target that the client sent already, without waiting. */
  readonly early: Uint8Array;
  /** Tells the client that the connection is made, or why not. */
  reply(failure?: DialFailure): Promise<void>;
}

const CONNECT = 1;
const enum Method {
  NONE = 0,
  PASSWORD = 2,
  NO_ACCEPTABLE = 255,
}
const enum AddressType {
  IPV4 = 1,
  NAME = 3,
  IPV6 = 4,
}
const enum Reply {
  FAILED = 1,
  NOT_ALLOWED = 2,
  NETWORK_UNREACHABLE = 3,
  HOST_UNREACHABLE = 4,
  REFUSED = 5,
  EXPIRED = 6,
  COMMAND_NOT_SUPPORTED = 7,
  ADDRESS_NOT_SUPPORTED = 8,
}
const GRANTED_4 = 90;
const REJECTED_4 = 91;
const WRONG_USER_4 = 93;
/** Characters of a user id or a name of SOCKS 4, which has no limit of its own. */
const MOST_BYTES_4 = 255;

/**
 * The reply of SOCKS 5 for a failure; a time that ran out is "TTL expired", as in Tor.
 */
export function replyOf(failure: DialFailure): number {
  switch (failure) {
    case "refused":
      return Reply.REFUSED;
    case "network-unreachable":
      return Reply.NETWORK_UNREACHABLE;
    case "host-unreachable":
    case "host-unknown":
      return Reply.HOST_UNREACHABLE;
    case "timed-out":
      return Reply.EXPIRED;
    case "prohibited":
    case "forbidden":
      return Reply.NOT_ALLOWED;
    case "failed":
      return Reply.FAILED;
  }
}

/**
 * Reads a client's request. If there is none to be served, the client has been answered
 * where the protocol has an answer, and the promise rejects with a {@linkcode
 * HandshakeError}, or with the error of `stream`. The caller bounds the time.
 */
export async function readSocksRequest(
  stream: ByteStream,
  auth?: Credentials,
): Promise<SocksRequest> {
  const reader = new HandshakeReader(stream);
  const [version] = await reader.take(1);
  if (version === 4) return await readSocks4(stream, reader, auth);
  if (version === 5) return await readSocks5(stream, reader, auth);
  if (!isHttp(version!)) {
    throw new StrangerError(`version ${version} of SOCKS, neither 4 nor 5`);
  }
  await stream.write(HTTP_ANSWER);
  throw new StrangerError("HTTP, and this is the port for SOCKS");
}

/** A client of another protocol, which the message names. */
export class StrangerError extends HandshakeError {}

/** The answer to a client of HTTP. */
const HTTP_ANSWER = httpAnswer(
  "This is a SOCKS proxy, and not one for HTTP: use socks5h:// or its HTTP port",
);

/** Whether a first byte is that of a method of HTTP. */
function isHttp(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function httpAnswer(text: string): Uint8Array {
  return new TextEncoder().encode(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${text.length + 1}\r\nConnection: close\r\n\r\n${text}\n`,
  );
}

async function readSocks4(
  stream: ByteStream,
  reader: HandshakeReader,
  auth: Credentials | undefined,
): Promise<SocksRequest> {
  const answer = (code: number) => stream.write(Uint8Array.of(0, code, 0, 0, 0, 0, 0, 0));
  const head = await reader.take(7);
  const command = head[0];
  const port = readUint16(head, 1);
  const address = readUint32(head, 3);
  await reader.until(0, MOST_BYTES_4); // the user id, which proves nothing
  // 4a: the address 0.0.0.x with x > 0 says that a name follows.
  const hostname = address > 0 && address < 256
    ? textOf(await reader.until(0, MOST_BYTES_4))
    : formatIpv4(address);
  if (auth) {
    await answer(WRONG_USER_4);
    throw new HandshakeError("SOCKS 4 has no password, and this proxy asks for one");
  }
  if (command !== CONNECT || port === 0 || hostname === "") {
    await answer(REJECTED_4);
    throw new HandshakeError(
      `command ${command} to ${JSON.stringify(hostname)}:${port}; only CONNECT is known`,
    );
  }
  return {
    hostname,
    port,
    early: reader.rest,
    reply: (failure) => answer(failure === undefined ? GRANTED_4 : REJECTED_4),
  };
}

async function readSocks5(
  stream: ByteStream,
  reader: HandshakeReader,
  auth: Credentials | undefined,
): Promise<SocksRequest> {
  const [count] = await reader.take(1);
  const offered = [...await reader.take(count!)];
  await agree(stream, reader, offered, auth);
  const answer = (code: number) =>
    stream.write(Uint8Array.of(5, code, 0, AddressType.IPV4, 0, 0, 0, 0, 0, 0));
  const [version, command, , type] = await reader.take(4);
  if (version !== 5) throw new HandshakeError(`version ${version} after 5`);
  const hostname = await readAddress(reader, type!);
  if (hostname === undefined) {
    await answer(Reply.ADDRESS_NOT_SUPPORTED);
    throw new HandshakeError(`address type ${type}`);
  }
  const port = readUint16(await reader.take(2), 0);
  if (command !== CONNECT) {
    await answer(Reply.COMMAND_NOT_SUPPORTED);
    throw new HandshakeError(`command ${command}; only CONNECT is known`);
  }
  if (port === 0 || hostname === "") {
    await answer(Reply.FAILED);
    throw new HandshakeError(`no target: ${JSON.stringify(hostname)}:${port}`);
  }
  return {
    hostname,
    port,
    early: reader.rest,
    reply: (failure) => answer(failure === undefined ? 0 : replyOf(failure)),
  };
}

/**
 * Agrees on a method, and lets the client say its password where a password is wanted.
 */
async function agree(
  stream: ByteStream,
  reader: HandshakeReader,
  offered: readonly number[],
  auth: Credentials | undefined,
): Promise<void> {
  const offersPassword = offered.includes(Method.PASSWORD);
  if (!auth && offered.includes(Method.NONE)) {
    return await stream.write(Uint8Array.of(5, Method.NONE));
  }
  if (!offersPassword) {
    await stream.write(Uint8Array.of(5, Method.NO_ACCEPTABLE));
    throw new HandshakeError(
      auth ? "no password, and this proxy asks for one" : "no method that is known",
    );
  }
  await stream.write(Uint8Array.of(5, Method.PASSWORD));
  const [version, length] = await reader.take(2);
  const username = textOf(await reader.take(length!));
  const password = textOf(await reader.take((await reader.take(1))[0]!));
  const isFine = version === 1 && (!auth || await isRight({ username, password }, auth));
  await stream.write(Uint8Array.of(1, isFine ? 0 : 1));
  if (!isFine) throw new HandshakeError("wrong user name or password");
}

async function readAddress(
  reader: HandshakeReader,
  type: number,
): Promise<string | undefined> {
  switch (type) {
    case AddressType.IPV4:
      return formatIpv4(readUint32(await reader.take(4), 0));
    case AddressType.NAME:
      return textOf(await reader.take((await reader.take(1))[0]!));
    case AddressType.IPV6: {
      const bytes = await reader.take(16);
      const groups = Array.from({ length: 8 }, (_, at) => readUint16(bytes, at * 2));
      return groups.map((group) => group.toString(16)).join(":");
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** Why a client was turned away that a failed connection is reported to. */
export function failureOf(error: unknown): DialFailure {
  return error instanceof DialError ? error.failure : "failed";
}
