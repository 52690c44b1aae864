/**
 * Asks a name server over TCP: dns_ask.ts ADDRESS:PORT QUESTION…, on the same connection.
 *
 * A QUESTION is `TYPE NAME`, or `raw HEX` for bytes that are sent as they are. Answers
 * are printed in the order of the questions, a JSON object each: see DnsAnswer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import dnsPacket from "dns-packet";

/** An answer. */
export interface DnsAnswer {
  /** `NOERROR`, `NXDOMAIN`, `FORMERR`, … */
  readonly rcode: string;
  /** The data of the records. */
  readonly data: unknown[];
}

// deno-lint-ignore no-explicit-any -- the codec is written without types
const codec = dnsPacket as any;

function queryOf(question: string): Uint8Array {
  const [type, name] = question.split(" ");
  if (type === "raw") return Uint8Array.fromHex(name!);
  const flags = 0x0100; // recursion desired
  return codec.encode({ type: "query", id: 4242, flags, questions: [{ type, name }] });
}

async function readFull(conn: Deno.Conn, bytes: Uint8Array): Promise<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) throw new Error(`the answers ended within ${bytes.length} bytes`);
    at += count;
  }
  return bytes;
}

function decode(answer: Uint8Array, id: number): DnsAnswer {
  const decoded = codec.decode(Buffer.from(answer));
  if (decoded.id !== id) throw new Error(`the answer to ${id} has the id ${decoded.id}`);
  const data = decoded.answers.map(({ data }: { data: unknown }) =>
    Array.isArray(data) ? data.map(String) : data
  );
  return { rcode: decoded.rcode, data };
}

if (import.meta.main) {
  const [server, ...questions] = Deno.args;
  const [hostname, port] = server!.split(":");
  using conn = await Deno.connect({ hostname: hostname!, port: Number(port) });
  for (const question of questions) {
    const query = queryOf(question);
    await conn.write(Uint8Array.of(query.length >> 8, query.length & 255, ...query));
    const [high, low] = await readFull(conn, new Uint8Array(2));
    const answer = await readFull(conn, new Uint8Array(high! << 8 | low!));
    console.log(JSON.stringify(decode(answer, query[0]! << 8 | query[1]!)));
  }
}
