import assert from "node:assert/strict";
import http from "node:http";
import { within } from "../tests/harness/wait.ts";
import { FakeStream } from "./_fake_stream.ts";
import { DialError, type DialFailure } from "./dial.ts";
import { StreamDuplex } from "./duplex.ts";
import { HttpError, parseRefusal } from "./http_error.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("each failure of a dial has its status and its name", () => {
  const table: Record<DialFailure, [status: number, name: string]> = {
    "refused": [502, "connection_refused"],
    "network-unreachable": [502, "destination_ip_unroutable"],
    "host-unreachable": [502, "destination_ip_unroutable"],
    "host-unknown": [502, "dns_error"],
    "timed-out": [504, "connection_timeout"],
    "prohibited": [502, "destination_ip_prohibited"],
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

/** What a server that answers with `error` says to `request`, and whether it goes on. */
async function answered(
  request: string,
  error: HttpError,
  options: { close: boolean },
): Promise<string> {
  const server = http.createServer((_, response) => error.respond(response, options));
  const stream = new FakeStream();
  const duplex = new StreamDuplex(stream);
  const closed = new Promise((resolve) => duplex.once("close", resolve));
  server.emit("connection", duplex);
  stream.send(request, null);
  await within("the end of the connection", closed);
  server.emit("close");
  return stream.text;
}

const GET = "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";

Deno.test("a response keeps the connection or ends it", async () => {
  const error = new HttpError(502, "no", [["Proxy-Status", "norouter"]]);
  for (const close of [true, false]) {
    const said = await answered(GET, error, { close });
    assert.match(said, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
    assert.match(said, /\r\nProxy-Status: norouter\r\n/);
    assert.match(said, /\r\nContent-Length: 3\r\n/);
    assert.match(
      said,
      close ? /\r\nConnection: close\r\n/ : /\r\nConnection: keep-alive\r\n/,
    );
    assert.match(said, /\r\n\r\nno\n$/);
  }
});

Deno.test("a response to HEAD has the length of a body and none", async () => {
  const head = GET.replace("GET", "HEAD");
  const said = await answered(head, new HttpError(502, "no"), { close: true });
  assert.match(said, /\r\nContent-Length: 3\r\n/);
  assert.match(said, /\r\n\r\n$/);
});

Deno.test("what the parser refuses is answered, a connection that failed is not", () => {
  const of = (code: string | undefined, reason?: string) =>
    parseRefusal(
      Object.assign(new Error("Parse Error: in words"), {
        ...(code !== undefined && { code }),
        ...(reason !== undefined && { reason }),
      }),
    );
  assert.equal(of("HPE_HEADER_OVERFLOW", "Header overflow")?.status, 431);
  assert.equal(of("ERR_HTTP_REQUEST_TIMEOUT")?.status, 408);
  const refusal = of("HPE_INVALID_TRANSFER_ENCODING", "Two lengths");
  assert.equal(refusal?.status, 400);
  assert.equal(refusal?.message, "Not a request that can be understood: Two lengths");
  assert.equal(
    of("HPE_INVALID_METHOD")?.message,
    "Not a request that can be understood: in words",
  );
  assert.equal(
    of("HPE_ERROR", "Parse Error")?.message,
    "Not a request that can be understood",
  );
  for (const code of ["ECONNRESET", "EPIPE", "", "XHPE_", undefined]) {
    assert.equal(of(code), undefined, `${code}`);
  }
});

Deno.test("these codes are those of the parser", async () => {
  const table: [sent: string, status: number][] = [
    ["nonsense\r\n\r\n", 400],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(2000)}\r\n\r\n`, 431],
    ["GET / HTTP/1.1\r\nHo", 408],
    [GET.replace("\r\n\r\n", "\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400],
    [
      GET.replace(
        "\r\n\r\n",
        "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      ),
      400,
    ],
    [GET.replace("\r\n\r\n", "\r\nX: folded\r\n line\r\n\r\n"), 400],
    [GET.replaceAll("\r\n", "\n"), 400],
  ];
  for (const [sent, status] of table) {
    const server = http.createServer({
      maxHeaderSize: 1000,
      headersTimeout: 50,
      connectionsCheckingInterval: 25,
    } as http.ServerOptions);
    Object.defineProperty(server, "listening", { get: () => true });
    server.emit("listening");
    const duplex = new StreamDuplex(new FakeStream().send(sent));
    const { promise, resolve } = Promise.withResolvers<Error>();
    server.on("clientError", resolve);
    server.on("request", () => resolve(new Error("it was a request")));
    server.emit("connection", duplex);
    const error = await within("a refusal", promise);
    assert.equal(
      parseRefusal(error)?.status,
      status,
      `${JSON.stringify(sent)}: ${error}`,
    );
    duplex.on("error", () => {});
    duplex.destroy();
    server.emit("close");
  }
});
