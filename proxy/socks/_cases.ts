/**
 * Every way to ask for a connection by SOCKS, and requests that are refused: tables for
 * tests.
 *
 * @module
 */
import { within } from "../../tests/harness/scene/wait.ts";
import type { FakeStream } from "../edge/_fake_stream.ts";
import type { Credentials } from "../auth.ts";
import { readSocksRequest, type SocksRequest } from "./messages.ts";

export const AUTH: Credentials = { username: "user", password: "pass" };

/** Bytes of numbers and ASCII text. */
export function bytes(...parts: (number | string | readonly number[])[]): number[] {
  return parts.flatMap((part) =>
    typeof part === "string" ? [...new TextEncoder().encode(part)] : part
  );
}

/** Bytes of a client, and their outcome. */
interface Case {
  readonly name: string;
  readonly sent: readonly number[];
  readonly auth?: Credentials;
  /** The answers before the reply. */
  readonly said?: readonly number[];
  readonly target: string;
  readonly granted: readonly number[];
}

export const GRANTED_4 = [0, 90, 0, 0, 0, 0, 0, 0];
export const REJECTED_4 = [0, 91, 0, 0, 0, 0, 0, 0];
export const reply5 = (code: number) => [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
const PORT_443 = [1, 0xbb];
const NAME = bytes(3, 11, "example.com", PORT_443);
export const IP = [1, 10, 1, 2, 3, ...PORT_443];
const LONG = "x".repeat(255);

/** Every way to ask for a connection. */
export const CASES: readonly Case[] = [
  {
    name: "SOCKS 4",
    sent: bytes(4, 1, PORT_443, [10, 1, 2, 3], 0),
    target: "10.1.2.3:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 with a user id",
    sent: bytes(4, 1, [0xff, 0xff], [255, 0, 0, 1], "me", 0),
    target: "255.0.0.1:65535",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 with the longest user id",
    sent: bytes(4, 1, [0, 1], [10, 1, 2, 3], LONG, 0),
    target: "10.1.2.3:1",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 to 0.0.1.0, which is no sign of 4a",
    sent: bytes(4, 1, PORT_443, [0, 0, 1, 0], 0),
    target: "0.0.1.0:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 to 0.0.0.0, which is no sign of 4a",
    sent: bytes(4, 1, PORT_443, [0, 0, 0, 0], 0),
    target: "0.0.0.0:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4a",
    sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], 0, "example.com", 0),
    target: "example.com:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4a with a user id, 0.0.0.255 and the longest name",
    sent: bytes(4, 1, PORT_443, [0, 0, 0, 255], "me", 0, LONG, 0),
    target: `${LONG}:443`,
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 5 with an IPv4 address",
    sent: bytes(5, 1, 0, 5, 1, 0, IP),
    said: [5, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a name",
    sent: bytes(5, 1, 0, 5, 1, 0, NAME),
    said: [5, 0],
    target: "example.com:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with the longest name",
    sent: bytes(5, 1, 0, 5, 1, 0, 3, 255, LONG, [0, 80]),
    said: [5, 0],
    target: `${LONG}:80`,
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with an IPv6 address",
    sent: bytes(
      [5, 1, 0, 5, 1, 0, 4],
      [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      PORT_443,
    ),
    said: [5, 0],
    target: "2001:db8:0:0:0:0:0:1:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a name in UTF-8, and methods that nobody knows",
    sent: bytes(5, 4, [1, 128, 254, 0], 5, 1, 0, 3, 9, "bücher.x", PORT_443),
    said: [5, 0],
    target: "bücher.x:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a name that begins with a byte order mark",
    sent: bytes(5, 1, 0, 5, 1, 0, 3, 4, "\uFEFFx", PORT_443),
    said: [5, 0],
    target: "\uFEFFx:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 that offers every method",
    sent: bytes(5, 255, Array.from({ length: 255 }, (_, at) => 254 - at), 5, 1, 0, IP),
    said: [5, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a reserved byte that is not 0",
    sent: bytes(5, 1, 0, 5, 1, 7, IP),
    said: [5, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 that offers only a password, where none is asked for",
    sent: bytes(5, 1, 2, 1, 1, "x", 0, 5, 1, 0, IP),
    said: [5, 2, 1, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a password",
    sent: bytes(5, 1, 2, 1, 4, "user", 4, "pass", 5, 1, 0, NAME),
    auth: AUTH,
    said: [5, 2, 1, 0],
    target: "example.com:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 that offers a password last",
    sent: bytes(5, 3, [0, 1, 2], 1, 4, "user", 4, "pass", 5, 1, 0, IP),
    auth: AUTH,
    said: [5, 2, 1, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with the longest user name and password",
    sent: bytes(5, 1, 2, 1, 255, LONG, 255, LONG, 5, 1, 0, IP),
    auth: { username: LONG, password: LONG },
    said: [5, 2, 1, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
];

/** Requests that cannot be served; `said` is the whole answer. */
export const REFUSED:
  readonly (Omit<Case, "target" | "granted"> & { readonly error: RegExp })[] = [
    { name: "nothing", sent: [], error: /left in the middle/ },
    {
      name: "HTTP",
      sent: bytes("GET / HTTP/1.1\r\n"),
      said: bytes(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
          "Content-Length: 77\r\nConnection: close\r\n\r\nThis is a SOCKS proxy, " +
          "and not one for HTTP: use socks5h:// or its HTTP port\n",
      ),
      error: /^HTTP, and this is/,
    },
    { name: "TLS", sent: [22, 3, 1], error: /^version 22/ },
    { name: "version 0", sent: [0], error: /^version 0/ },
    { name: "version 6", sent: [6, 1, 0], error: /^version 6/ },
    {
      name: "SOCKS 4 BIND",
      sent: bytes(4, 2, PORT_443, [10, 1, 2, 3], 0),
      said: REJECTED_4,
      error: /command 2 .* only CONNECT/,
    },
    {
      name: "SOCKS 4 to port 0",
      sent: bytes(4, 1, [0, 0], [10, 1, 2, 3], 0),
      said: REJECTED_4,
      error: /"10.1.2.3":0/,
    },
    {
      name: "SOCKS 4a without a name",
      sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], 0, 0),
      said: REJECTED_4,
      error: /""/,
    },
    {
      name: "SOCKS 4 with too long a user id",
      sent: bytes(4, 1, PORT_443, [10, 1, 2, 3], LONG, "x", 0),
      error: /more than 255 bytes/,
    },
    {
      name: "SOCKS 4a with too long a name",
      sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], 0, LONG, "x", 0),
      error: /more than 255 bytes/,
    },
    {
      name: "SOCKS 4 where a password is asked for",
      sent: bytes(4, 1, PORT_443, [10, 1, 2, 3], "user", 0),
      auth: AUTH,
      said: [0, 93, 0, 0, 0, 0, 0, 0],
      error: /no password/,
    },
    {
      name: "SOCKS 4a where a password is asked for",
      sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], "user", 0, "example.com", 0),
      auth: AUTH,
      said: [0, 93, 0, 0, 0, 0, 0, 0],
      error: /no password/,
    },
    {
      name: "SOCKS 5 without a method",
      sent: [5, 0],
      said: [5, 255],
      error: /no method/,
    },
    {
      name: "SOCKS 5 with GSSAPI only",
      sent: [5, 1, 1],
      said: [5, 255],
      error: /no method/,
    },
    {
      name: "SOCKS 5 that offers no password, where one is asked for",
      sent: [5, 2, 0, 1],
      auth: AUTH,
      said: [5, 255],
      error: /no password/,
    },
    {
      name: "SOCKS 5 with a wrong password",
      sent: bytes(5, 2, [0, 2], 1, 4, "user", 4, "Pass"),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 with a wrong user name",
      sent: bytes(5, 1, 2, 1, 5, "users", 4, "pass"),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 with an empty user name and password",
      sent: bytes(5, 1, 2, 1, 0, 0),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 with another version of the password's form",
      sent: bytes(5, 1, 2, 5, 4, "user", 4, "pass"),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 that changes its version",
      sent: bytes(5, 1, 0, 4, 1, 0, IP),
      said: [5, 0],
      error: /^version 4 after 5/,
    },
    {
      name: "SOCKS 5 BIND",
      sent: bytes(5, 1, 0, 5, 2, 0, IP),
      said: [5, 0, ...reply5(7)],
      error: /command 2; only CONNECT/,
    },
    {
      name: "SOCKS 5 UDP ASSOCIATE",
      sent: bytes(5, 1, 0, 5, 3, 0, NAME),
      said: [5, 0, ...reply5(7)],
      error: /command 3; only CONNECT/,
    },
    {
      name: "SOCKS 5 with an address type that nobody knows",
      sent: bytes(5, 1, 0, 5, 1, 0, 2, [1, 2, 3]),
      said: [5, 0, ...reply5(8)],
      error: /address type 2/,
    },
    {
      name: "SOCKS 5 to port 0",
      sent: bytes(5, 1, 0, 5, 1, 0, 1, [10, 1, 2, 3], [0, 0]),
      said: [5, 0, ...reply5(1)],
      error: /no target: "10.1.2.3":0/,
    },
    {
      name: "SOCKS 5 without a name",
      sent: bytes(5, 1, 0, 5, 1, 0, 3, 0, PORT_443),
      said: [5, 0, ...reply5(1)],
      error: /no target: "":443/,
    },
  ];

/** No request of the tables is longer: version, methods, password, and the target. */
export const MOST_BYTES = 1024;

/** The size of a read; so many bytes beyond the request can have come with it. */
export const CHUNK_BYTES = 4096;

export function read(stream: FakeStream, auth?: Credentials): Promise<SocksRequest> {
  return within("the handshake to settle", readSocksRequest(stream, auth), 5000);
}
