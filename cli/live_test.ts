// Which manifests are watched: what was read decides, not what is there by now.
import assert from "node:assert/strict";
import type { MeshEvent } from "../manager/events.ts";
import { startMesh } from "../manager/mesh.ts";
import type { RunningMesh } from "../manager/running_mesh.ts";
import type { Log, LogEvent } from "./console/log.ts";
import { LiveParty } from "./live.ts";
import { load } from "./manifest.ts";

const OPTIONS = { logFormat: "human", control: "off" } as const;
const ignore = Deno.build.os === "windows";

/** A manifest of hosts that do not come up. */
function text(...hosts: string[]): string {
  return `hosts:\n${hosts.map((name) => `  ${name}: { cmd: "exit 1" }\n`).join("")}`;
}

/** A mesh of the manifest at `path`, of which `feed` writes the content if need be. */
async function watched(
  { kind, use }: {
    kind: "file" | "pipe";
    use: (scene: {
      path: string;
      party: () => LiveParty;
      told: LogEvent[];
      changed: Promise<MeshEvent>;
    }) => Promise<void>;
  },
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/mesh.yaml`;
  const writing = kind === "file"
    ? Deno.writeTextFile(path, text("a"))
    : pipe(path).then(() => Deno.writeTextFile(path, text("a"), { create: false }));
  if (kind === "file") await writing;
  else while (!await Deno.stat(path).catch(() => undefined)) await settle();
  const loaded = await load(path, OPTIONS);
  await writing;
  const told: LogEvent[] = [];
  const change = Promise.withResolvers<MeshEvent>();
  const mesh = await startMesh(loaded.manifest!, {
    onEvent: (event) => event.type === "reload" && change.resolve(event),
  }) as RunningMesh;
  let party: LiveParty | undefined;
  const begin = () =>
    party = new LiveParty({
      mesh,
      file: path,
      loaded,
      log: { event: (event: LogEvent) => told.push(event) } as unknown as Log,
      options: OPTIONS,
      down: () => {},
    });
  try {
    await use({ path, party: begin, told, changed: change.promise });
  } finally {
    party?.rest();
    await mesh.close();
    await party?.close();
    await Deno.remove(folder, { recursive: true });
  }
}

async function pipe(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success);
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

Deno.test(
  "a file is watched, whatever is in its place while the mesh starts",
  { ignore },
  async () => {
    await watched({
      kind: "file",
      async use({ path, party, told, changed }) {
        await Deno.remove(path);
        await pipe(path);
        // Settles once the party is under way: what is there cannot be read again.
        await party().reload();
        await Deno.remove(path);
        await Deno.writeTextFile(path, text("a", "b"));
        assert.equal((await changed).message, "The mesh has changed: + b");
        assert.deepEqual(told, []);
      },
    });
  },
);

Deno.test("a named pipe is not, which is told", { ignore }, async () => {
  await watched({
    kind: "pipe",
    async use({ path, party, told, changed }) {
      await Deno.remove(path);
      await Deno.writeTextFile(path, text("a", "b"));
      const live = party();
      const unwatched = () => told.find(({ type }) => type === "watch");
      while (!unwatched()) await settle();
      const { level, message } = unwatched()!;
      assert.equal(level, "info");
      assert.ok(
        message.startsWith(`The manifest is not watched: ${path} was no regular`),
      );
      // As the message says.
      await live.reload();
      assert.equal((await changed).message, "The mesh has changed: + b");
    },
  });
});
