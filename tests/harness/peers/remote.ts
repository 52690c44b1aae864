/**
 * A machine that runs commands for others, as sshd does, without its cryptography:
 * `remote.ts serve SOCKET` there, and `remote.ts run SOCKET WORDS…` in place of `ssh`.
 *
 * A command that was begun goes on when its client dies: its input ends, its output has no
 * reader any more. It is no child of the client, so nobody ends it as part of a family.
 *
 * @module
 */

const decoder = new TextDecoder();
const LINE_FEED = 10;

/** Serves a connection: a line of JSON with the words, then the command's input. */
async function serve(conn: Deno.UnixConn): Promise<void> {
  const head: number[] = [];
  const byte = new Uint8Array(1);
  while (await conn.read(byte) !== null && byte[0] !== LINE_FEED) head.push(byte[0]!);
  const [program, ...args] = JSON.parse(decoder.decode(Uint8Array.from(head)));
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" })
    .spawn();
  console.log(JSON.stringify({ event: "began", pid: child.pid }));
  const output = child.stdout.pipeTo(conn.writable, { preventCancel: false });
  conn.readable.pipeTo(child.stdin).catch(() => child.stdin.close().catch(() => {}));
  await Promise.allSettled([output, child.status]);
}

/** Lends standard input and output to a command there. */
async function run(conn: Deno.UnixConn, words: readonly string[]): Promise<void> {
  const head = new TextEncoder().encode(`${JSON.stringify(words)}\n`);
  for (let at = 0; at < head.length;) at += await conn.write(head.subarray(at));
  const input = Deno.stdin.readable.pipeTo(conn.writable, { preventClose: true })
    .then(() => conn.closeWrite());
  input.catch(() => {}); // the command has ended
  await conn.readable.pipeTo(Deno.stdout.writable);
}

if (import.meta.main) {
  const [what, path, ...words] = Deno.args;
  if (what === "serve") {
    const listener = Deno.listen({ transport: "unix", path: path! });
    console.log(JSON.stringify({ event: "listening" }));
    for await (const conn of listener) {
      serve(conn).catch((error) => console.error(`a command ended: ${error}`));
    }
  } else {
    let conn: Deno.UnixConn;
    try {
      conn = await Deno.connect({ transport: "unix", path: path! });
    } catch {
      console.error("the machine cannot be reached");
      Deno.exit(1);
    }
    await run(conn, words).catch(() => {});
    Deno.exit(0);
  }
}
