import assert from "node:assert/strict";
import { isUnknownName, lookup } from "./lookup.ts";

const { signal } = new AbortController();

/** An error as the system's function has it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} wiki`), { code });
}

Deno.test("a name that nobody knows is told from one that could not be looked up", async () => {
  const unknown = systemError("ENOTFOUND");
  const of = (error: unknown) =>
    lookup("wiki", signal, { system: () => Promise.reject(error) });
  await assert.rejects(of(unknown), (error) => error === unknown);
  assert.ok(isUnknownName(unknown));
  const cases = [
    ["EAI_AGAIN", "no name server of this machine answers (EAI_AGAIN)"],
    ["EAI_FAIL", "the name server of this machine fails (EAI_FAIL)"],
    ["EMFILE", "getaddrinfo EMFILE wiki"],
  ] as const;
  for (const [code, said] of cases) {
    const cause = systemError(code);
    await assert.rejects(of(cause), (error) => {
      assert.ok(error instanceof Error);
      assert.equal(error.message, `Cannot look up "wiki": ${said}`);
      assert.equal(error.cause, cause);
      assert.ok(!isUnknownName(error));
      return true;
    });
  }
});

Deno.test("a lookup that is aborted rejects with the reason, whatever the system says", async () => {
  const ending = new AbortController();
  const reason = new Error("the client left");
  const { promise, reject } = Promise.withResolvers<never>();
  const found = lookup("wiki", ending.signal, { system: () => promise });
  ending.abort(reason);
  await assert.rejects(found, (error) => error === reason);
  reject(systemError("EAI_AGAIN"));
});
