/**
 * Whether a request is served: clear, here for the first time, and from a client that
 * may.
 *
 * @module
 */
import { type Credentials, isRight, parseBasic } from "../../auth.ts";
import { type ByteStream, SocketStream } from "../../edge/stream.ts";
import { formatHostPort } from "../../../wire/text.ts";
import { HttpError } from "../error.ts";
import { tokensOf, valueOf } from "../fields.ts";

import type { RequestHead } from "./request_head.ts";
import { parseAbsoluteForm, type RequestTarget } from "./target.ts";

/** Throws where the fields are well formed and RFC 9112 is not content. */
export function checkHead({ fields, version }: RequestHead): void {
  let hosts = 0;
  for (const [name] of fields) {
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  if (hosts > 1 || version === "1.1" && hosts === 0) {
    throw new HttpError(400, `A request has one Host field, this one ${hosts}`);
  }
  const expect = valueOf(fields, "expect");
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    throw new HttpError(417, `Expect: ${expect} is not known here`);
  }
}

/**
 * Throws if the request went through this proxy before. That comes before all other
 * checks of a request to a proxy: the request was sent on as to a web server, without
 * password.
 */
export function checkLoop(head: RequestHead, pseudonym: string): void {
  const hops = tokensOf(head.fields, "via");
  if (!hops.some((hop) => hop.split(/\s+/)[1] === pseudonym)) return;
  const plain = withoutUser(head.target);
  const target = parseAbsoluteForm(plain);
  const asked = plain.startsWith("/")
    ? `${valueOf(head.fields, "host") ?? ""}${plain}`
    : plain;
  const shown = typeof target === "string" ? asked : `${target.authority}${target.path}`;
  throw loop(shown);
}

/** The answer to a request that comes back to this proxy. */
function loop(shown: string): HttpError {
  return new HttpError(508, `${shown} comes back to this proxy: a loop`);
}

/**
 * Throws if a connection that was made for a client leads where the client's own does, by
 * whatever name: to this proxy. Resets `upstream` then.
 */
export function checkTunnel(client: ByteStream, upstream: ByteStream): void {
  if (!(client instanceof SocketStream && upstream instanceof SocketStream)) return;
  const { hostname, port } = client.socket.localAddr;
  const { remoteAddr } = upstream.socket;
  if (remoteAddr.port !== port || remoteAddr.hostname !== hostname) return;
  upstream.reset();
  throw loop(formatHostPort(hostname, port));
}

/** Throws if the client's credentials are not those of `auth`. */
export async function checkAuth(
  { fields }: RequestHead,
  auth: Credentials,
): Promise<void> {
  const said = parseBasic(valueOf(fields, "proxy-authorization"));
  if (said && await isRight(said, auth)) return;
  throw new HttpError(
    407,
    said
      ? "Wrong user name or password for this proxy"
      : "This proxy asks for a user name and a password",
    [["Proxy-Authenticate", `Basic realm="NoRouter", charset="UTF-8"`]],
  );
}

/** The target that was read, or an error that says why there is none. */
export function parsed(target: RequestTarget | string): RequestTarget {
  if (typeof target === "string") throw new HttpError(400, target);
  return target;
}

/** A URL without user and password, which are in no message then. */
export function withoutUser(url: string): string {
  return url.replace(/^([^/?#]*\/\/)?[^/?#]*@/, "$1");
}
