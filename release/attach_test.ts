/**
 * The portable executable and its folder form, as scripts without what they carry: an agent
 * that is still there gets the link, and nothing is unpacked or started.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hostTest, SHELLS, type TestHost, textOfStream } from "../install/_host.ts";
import { ID, StandInKeeper } from "../install/_keeper.ts";
import type { Link } from "../transports/mod.ts";
import { scriptOf } from "./portable.ts";

const HASH = "00000000000000aa";
/** In the place of the loader: says the words behind `cli.js`. */
const LOADER = `#!/bin/sh
while [ "\${1##*/}" != cli.js ]; do shift; done
shift
printf "%s; preload %s; then " "$*" "\${LD_PRELOAD-none}"
exec cat
`;

/** Puts the files of the program in a folder, with what stands in their place. */
async function lay(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/app`, { recursive: true });
  for (const name of ["ld.so", "deno", "app/cli.js", "ok"]) {
    await Deno.writeTextFile(`${folder}/${name}`, LOADER, { mode: 0o755 });
  }
}

/** Each form, laid on a host as /mnt/norouter. */
const FORMS: Record<string, (host: TestHost) => Promise<string>> = {
  async "the executable"(host) {
    await lay(`${host.root}/home/.cache/norouter/${HASH}`);
    // Of what runs: the loader, deno and the program.
    const SUM = createHash("sha256").update(LOADER.repeat(3)).digest("hex");
    const values: Record<string, string> = { HASH, SUM, RAW: ":", COMPRESSED: ":" };
    return (await scriptOf("launcher"))
      .replace(/@([A-Z_]+)@/g, (_, name: string) => values[name] ?? "0");
  },
  async "the folder"(host) {
    await lay(host.root);
    return await scriptOf("folder");
  },
};

async function start(host: TestHost, words: readonly string[]): Promise<Link> {
  const transport = host.transport([
    "/usr/bin/env",
    "LD_PRELOAD=",
    "sh",
    "/mnt/norouter",
  ]);
  return await transport.exec!({}, words, host.context);
}

async function heard(link: Link): Promise<string> {
  const writer = link.writable.getWriter();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();
  const said = await textOfStream(link.readable);
  await link.closed;
  return said;
}

const AGENT = ["agent", "--automated"];

for (const [form, make] of Object.entries(FORMS)) {
  for (const shell of SHELLS) {
    hostTest(
      `${shell}: ${form} lends what it has to an agent that is still there`,
      // Nothing of these is needed for it.
      { shell, without: ["dd", "mkdir", "mv"] },
      async (host) => {
        await Deno.writeTextFile(`${host.root}/norouter`, await make(host), {
          mode: 0o755,
        });
        const back = [...AGENT, "--attach", ID];
        assert.equal(
          await heard(await start(host, back)),
          "agent --automated; preload none; then hello",
        );
        {
          await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
          const link = await start(host, back);
          assert.equal(await heard(link), "hello");
          assert.equal(keeper.heard.length, 1);
          assert.deepEqual(keeper.names, ["door", "pid"]);
          // It is another program's word.
          assert.equal(
            await heard(await start(host, ["check", "--attach", ID])),
            `check --attach ${ID}; preload ; then hello`,
          );
          await Deno.remove(`${keeper.folder}/door`);
          assert.equal(
            await heard(await start(host, back)),
            `agent --automated --attach ${ID}; preload none; then hello`,
          );
        }
        for (const wrong of ["../../etc", `${ID}0`]) {
          assert.equal(
            await heard(await start(host, [...AGENT, "--attach", wrong])),
            `agent --automated --attach ${wrong}; preload none; then hello`,
          );
        }
      },
    );
  }
}
