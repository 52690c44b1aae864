// Commands about a mesh whose process has no file descriptors left.
import assert from "node:assert/strict";
import { ControlClient } from "./client.ts";
import { shortageOf } from "./shortage.ts";

const ignore = Deno.build.os !== "linux";
/** The most descriptors of the process; every shell can open files up to 9. */
const LIMIT = 10;

/** A process that has opened files up to a descriptor, and waits. */
async function opened(upTo: number, use: (pid: number) => Promise<void>): Promise<void> {
  const more = Array.from({ length: upTo - 2 }, (_, index) => `${index + 3}</dev/null`);
  await using process = new Deno.Command("sh", {
    args: ["-c", `exec ${more.join(" ")} 2>&2; ulimit -n ${LIMIT}; echo open; read end`],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = process.stdout.getReader();
  await output.read();
  try {
    await use(process.pid);
  } finally {
    await process.stdin.close();
    await output.cancel();
  }
}

Deno.test(
  "a command says that the mesh has no descriptors left",
  { ignore },
  async () => {
    await opened(9, async (pid) => {
      const mesh = { name: "m", manifest: "m.yaml", pid, socket: "/nowhere/control" };
      using client = new ControlClient(mesh);
      await assert.rejects(client.ask("GET", "/v1/status"), {
        message: `The mesh "m" (process ${pid}) does not answer: it has no file ` +
          `descriptors left (limit ${LIMIT}), and answers when connections have ended; ` +
          "start norouter with a higher limit (`ulimit -n`)",
      });
    });
  },
);

Deno.test(
  "one that has some does not answer for another reason",
  { ignore },
  async () => {
    await opened(2, (pid) => Promise.resolve(assert.equal(shortageOf(pid), undefined)));
    assert.equal(shortageOf(Deno.pid), undefined);
    assert.equal(shortageOf(2 ** 30), undefined, "there is no such process");
  },
);
