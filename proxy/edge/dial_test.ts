import assert from "node:assert/strict";
import { dial, DialError, icmpCodeOf } from "./dial.ts";

Deno.test("a refused dial says so", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(dial("127.0.0.1", port), (error) => {
    assert.ok(error instanceof DialError);
    assert.equal(error.failure, "refused");
    assert.match(
      error.message,
      new RegExp(`^Cannot connect to 127.0.0.1:${port} \\(refused\\)`),
    );
    return true;
  });
});

Deno.test("a name that nobody knows is told from an address that does not answer", async () => {
  // RFC 6761: names below .invalid never resolve, and resolvers answer them themselves.
  await assert.rejects(dial("nobody.invalid", 80), { failure: "host-unknown" });
});

Deno.test("an aborted dial rejects at once", async () => {
  await assert.rejects(dial("127.0.0.1", 1, AbortSignal.abort()), DialError);
});

Deno.test("a dial sends small writes at once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const connection = await dial("localhost", listener.addr.port);
  (await accepted).close();
  connection.close();
  listener.close();
});

Deno.test("failures map to the codes of ICMP destination unreachable", () => {
  const codes = {
    "refused": undefined,
    "failed": undefined,
    "network-unreachable": 0,
    "host-unreachable": 1,
    "host-unknown": 7,
    "timed-out": 12,
    "prohibited": 10,
    "forbidden": 13,
  } as const;
  for (const [failure, code] of Object.entries(codes)) {
    assert.equal(icmpCodeOf(failure as keyof typeof codes), code, failure);
  }
});
