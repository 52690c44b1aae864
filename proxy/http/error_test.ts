import assert from "node:assert/strict";
import http from "node:http";
import { DialError, type DialFailure } from "../edge/dial.ts";
import { HttpError } from "./error.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("each failure of a dial has its status and its name", () => {
  const table: Record<DialFailure, [status: number, name: string]> = {
    "refused": [502, "connection_refused"],
    "network-unreachable": [502, "destination_ip_unroutable"],
    "host-unreachable": [502, "destination_ip_unroutable"],
    "host-unknown": [502, "dns_error"],
    "timed-out": [504, "connection_timeout"],
    "prohibited": [502, "destination_ip_prohibited"],
    "forbidden": [403, "http_request_denied"],
    "failed": [502, "proxy_internal_error"],
  };
  for (const [failure, [status, name]] of Object.entries(table)) {
    const error = HttpError.of(new DialError(failure as DialFailure, "web:80"));
    assert.equal(error.status, status, failure);
    assert.match(error.message, /^Cannot connect to web:80 \(/);
    const value = `norouter; error=${name}; details="${error.message}"`;
    assert.deepEqual(error.fields, [["Proxy-Status", value]]);
  }
});

Deno.test("the details of Proxy-Status are a string of ASCII, whatever the message", () => {
  const of = (cause: string) => {
    const error = new DialError("failed", "web:80", new Error(cause));
    return HttpError.of(error).fields[0]![1].replace(/^[^"]*/, "");
  };
  assert.match(of('say "\\o/"'), /: say \\"\\\\o\/\\""$/);
  assert.match(of("one\r\ntwo\x00\u2603\xe9\x7f"), /: one two\?{4}"$/);
  assert.equal(of("x".repeat(300)).length, 202);
  assert.match(of('"'.repeat(300)), /^"[^"]*(\\")+"$/);
});

Deno.test("an answer of ours stays what it is, any other error is the server's", () => {
  const own = new HttpError(407, "Who are you?");
  assert.equal(HttpError.of(own), own);
  for (const error of [new Error("odd answer"), "odd answer"]) {
    const { status, message, fields } = HttpError.of(error);
    assert.equal(status, 502);
    assert.equal(message, "The server's answer cannot be used: odd answer");
    assert.deepEqual(fields, []);
  }
});

Deno.test("an answer as bytes is whole, to the byte", () => {
  const error = new HttpError(407, "Wer bist du, Fremder? ☃", [
    ["Proxy-Authenticate", 'Basic realm="x"'],
    ["X-Latin", "\xe4"],
  ]);
  const [head, body] = Array.from(split(error.toBytes()));
  assert.equal(
    new TextDecoder("latin1").decode(head),
    "HTTP/1.1 407 Proxy Authentication Required\r\n" +
      'Proxy-Authenticate: Basic realm="x"\r\n' +
      "X-Latin: \xe4\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 26\r\n" +
      "Connection: close",
  );
  assert.equal(text(body!), "Wer bist du, Fremder? ☃\n");
  assert.equal(body!.length, 26);
});

Deno.test("every status we answer with has its phrase", () => {
  for (const status of [400, 407, 408, 431, 502, 504, 508]) {
    const line = text(new HttpError(status, "x").toBytes()).split("\r\n")[0]!;
    assert.equal(line, `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`);
    assert.doesNotMatch(line, /undefined/);
  }
});

Deno.test("a message of several lines is one", () => {
  const [head, body] = split(new HttpError(502, "one\r\ntwo\n\nthree").toBytes());
  assert.equal(text(body!), "one two three\n");
  assert.match(text(head!), /\r\nContent-Length: 14\r\n/);
});

/** Both halves of an answer. */
function split(bytes: Uint8Array): Uint8Array[] {
  const at = bytes.findIndex((_, at) => text(bytes.subarray(at, at + 4)) === "\r\n\r\n");
  return [bytes.subarray(0, at), bytes.subarray(at + 4)];
}

Deno.test("an answer keeps the connection or ends it", () => {
  const error = new HttpError(502, "no", [["Proxy-Status", "norouter"]]);
  for (const isKept of [true, false]) {
    const said = text(error.toBytes({ isKept }));
    assert.match(said, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
    assert.match(said, /\r\nProxy-Status: norouter\r\n/);
    assert.match(said, /\r\nContent-Length: 3\r\n/);
    assert.match(
      said,
      isKept ? /\r\nConnection: keep-alive\r\n/ : /\r\nConnection: close\r\n/,
    );
    assert.match(said, /\r\n\r\nno\n$/);
  }
});

Deno.test("an answer to HEAD has the length of a body and none", () => {
  const said = text(new HttpError(502, "no").toBytes({ isHead: true }));
  assert.match(said, /\r\nContent-Length: 3\r\n/);
  assert.match(said, /\r\n\r\n$/);
});
