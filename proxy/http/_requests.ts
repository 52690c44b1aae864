/**
 * Requests, answers and origin servers for the tests of the HTTP proxy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answering, plain } from "./_fake_http.ts";
import type { HttpPeer } from "./_fake_http_peer.ts";
import { type HttpMessage, valuesOf } from "./_fake_http_reader.ts";
import { DialError } from "../edge/dial.ts";
import { canReset } from "../edge/reset.ts";

/** A request in absolute form. */
export function requestTo(
  authority: string,
  { method = "GET", path = "/", fields = "", body = "" } = {},
): string {
  return `${method} http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n${fields}\r\n${body}`;
}

/** Answers with the request line and the body of each request. */
export const echo = answering(({ start, body }) => {
  const answer = plain(`${start}|${body}`);
  return start.startsWith("HEAD ")
    ? answer.slice(0, answer.indexOf("\r\n\r\n") + 4)
    : answer;
});

export function sized(body: string): string {
  return `Content-Length: ${body.length}\r\n`;
}

export const CHUNKED = "Transfer-Encoding: chunked\r\n";
export const close = canReset() ? "reset" : "clean";
export const UPGRADE = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";

export const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Key: 7\r\n\r\n";

/** The line of text of an answer by the proxy itself. */
export function lineOf({ start, body, fields }: HttpMessage): string {
  assert.equal(valuesOf({ fields }, "content-type")[0], "text/plain; charset=utf-8");
  assert.match(body, /^[^\r\n]+\n$/);
  return `${start.slice(9, 12)} ${body.trim()}`;
}

/** Far more bytes than the kernel and the proxy hold, far fewer than a test may take. */
export const HUGE = 64 * 1024 * 1024;

/** Reads `count` bytes. */
export async function drain({ socket }: HttpPeer, count: number): Promise<void> {
  for (const chunk = new Uint8Array(1 << 20); count > 0;) {
    const got = await socket.read(chunk);
    assert.ok(got !== null, `${count} bytes are missing`);
    count -= got;
  }
}

/** Writes up to HUGE bytes, and tells how many were taken when nothing moves any more. */
export async function flood(write: (text: string) => Promise<void>) {
  const block = "x".repeat(65_536);
  let sent = 0;
  const sending = (async () => {
    for (; sent < HUGE; sent += block.length) await write(block);
  })();
  sending.catch(() => {});
  let before = -1;
  await until("a standstill of the sender", () => {
    const still = sent === before && sent > 0;
    before = sent;
    return still;
  }, { everyMs: 250 });
  return { sending, held: sent };
}

export function failing(failure: ConstructorParameters<typeof DialError>[0]) {
  return {
    connect: (host: string, port: number) =>
      Promise.reject(new DialError(failure, `${host}:${port}`)),
  };
}

export const auth = { username: "ann", password: "p\u00e4ss:word" };

export function basic(credentials: string): string {
  return `Proxy-Authorization: Basic ${
    new TextEncoder().encode(credentials).toBase64()
  }\r\n`;
}

/** Sends bytes back as they come, and ends its direction when the other has. */
export const echoBytes = async (peer: HttpPeer) => {
  for (const chunk = new Uint8Array(65_536);;) {
    const got = await peer.socket.read(chunk);
    if (got === null) break;
    peer.got += "x".repeat(got);
    for (let at = 0; at < got;) at += await peer.socket.write(chunk.subarray(at, got));
  }
  await peer.closeWrite();
};
