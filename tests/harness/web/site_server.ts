/**
 * A web server and a name server that tell who was asked by whom: site_server.ts JSON,
 * where the JSON is a SiteServerOptions.
 *
 * Prints a JSON object once every server listens.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import http from "node:http";
import net from "node:net";
import dnsPacket from "dns-packet";

/** The servers to start. */
export interface SiteServerOptions {
  /** The name that the web server tells. */
  readonly name: string;
  /** Where the web server listens: `address:port`, each. */
  readonly web: readonly string[];
  /** The name server's address and the addresses it knows; none without. */
  readonly dns?: {
    readonly address: string;
    readonly names: Readonly<Record<string, string>>;
  };
}

/**
 * The web server's answer, in a line: its name, at which of its addresses, to whom,
 * and which path. `/endless` goes on for ever after that line.
 */
export interface Answer {
  readonly name: string;
  readonly at: string;
  readonly from: string;
  readonly path: string;
}

async function serveWeb({ name, web }: SiteServerOptions): Promise<void> {
  for (const where of web) {
    const [address, port] = where.split(":");
    const server = http.createServer((request, response) => {
      const { localAddress: at, remoteAddress: from } = request.socket;
      const path = request.url ?? "";
      response.write(JSON.stringify({ name, at, from, path }) + "\n");
      if (path !== "/endless") return response.end();
      const timer = setInterval(() => response.write("more\n"), 50);
      response.on("close", () => clearInterval(timer));
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.on("error", reject);
    server.listen({ host: address!, port: Number(port), backlog: 1024 }, resolve);
    await promise;
  }
}

/** `10-1-2-3.ip.ANYTHING` has the address 10.1.2.3. */
function addressOf(
  name: string,
  names: Readonly<Record<string, string>>,
): string | undefined {
  return names[name] ?? /^(\d+-\d+-\d+-\d+)\.ip\./.exec(name)?.[1]?.replaceAll("-", ".");
}

function reply(query: Buffer, names: Readonly<Record<string, string>>): Uint8Array {
  // deno-lint-ignore no-explicit-any -- the codec is written without types
  const codec = dnsPacket as any;
  const { id, questions } = codec.decode(query);
  const [{ type, name: asked }] = questions;
  const name = asked.toLowerCase();
  const address = addressOf(name, names);
  const answers = [];
  if (address !== undefined && type === "A") {
    answers.push({ type, name: asked, ttl: 60, data: address });
  }
  if (address !== undefined && type === "TXT") {
    answers.push({ type, name: asked, ttl: 60, data: `the text of ${name}` });
  }
  const NO_SUCH_NAME = 3;
  const flags = 0x0480 | (address === undefined ? NO_SUCH_NAME : 0);
  return codec.encode({ type: "response", id, flags, questions, answers });
}

async function serveNames({ dns }: SiteServerOptions): Promise<void> {
  if (dns === undefined) return;
  const { address, names } = dns;
  const udp = createSocket("udp4");
  udp.on("message", (query, { address, port }) => {
    udp.send(reply(query, names), port, address);
  });
  const bound = Promise.withResolvers<void>();
  udp.bind(53, address, bound.resolve);
  const tcp = net.createServer((socket) => {
    let text = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (more) => {
      text = Buffer.concat([text, more]);
      while (text.length >= 2 && text.length >= 2 + text.readUInt16BE()) {
        const length = text.readUInt16BE();
        const answer = reply(text.subarray(2, 2 + length), names);
        socket.write(Uint8Array.of(answer.length >> 8, answer.length & 255, ...answer));
        text = text.subarray(2 + length);
      }
    });
  });
  const listening = Promise.withResolvers<void>();
  tcp.listen(53, address, () => listening.resolve());
  await Promise.all([bound.promise, listening.promise]);
}

if (import.meta.main) {
  const options = JSON.parse(Deno.args[0]!) as SiteServerOptions;
  await Promise.all([serveWeb(options), serveNames(options)]);
  console.log(JSON.stringify({ event: "listening" }));
}
