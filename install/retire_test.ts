/**
 * What other versions have left in a place, and which of it is removed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SHELLS } from "./_host.ts";

const GUARD = new URL("./guard.sh", import.meta.url).pathname;
const KEPT = "00000000000000aa";
const OLD = "00000000000000bb";
const MONTH_MS = 31 * 24 * 3_600_000;

/** Runs lines of a shell that knows the guard, in a folder. */
async function inShell(shell: string, lines: string, cwd: string): Promise<string> {
  const words = shell === "busybox" ? ["busybox", "sh"] : [shell];
  const { success, stdout, stderr } = await new Deno.Command(words[0]!, {
    args: [...words.slice(1), "-c", `. "${GUARD}"\n${lines}`],
    cwd,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(success, new TextDecoder().decode(stderr));
  return text.trim();
}

async function age(path: string): Promise<void> {
  const then = new Date(Date.now() - MONTH_MS);
  await Deno.utime(path, then, then);
}

/** What lies in a place, by name, and whether it stays. */
interface Case {
  readonly what: string;
  /** Makes it; may give a process to be ended. */
  lay(place: string, node: string): Promise<Deno.ChildProcess | void>;
  readonly stays: boolean;
}

function sleeper(program = "sleep"): Deno.ChildProcess {
  return new Deno.Command(program, { args: ["100"] }).spawn();
}

async function marked(place: string, mark: string): Promise<string> {
  await Deno.mkdir(`${place}/${OLD}/used`, { recursive: true });
  await Deno.writeTextFile(`${place}/${OLD}/used/${mark}`, "");
  return `${place}/${OLD}/used/${mark}`;
}

const CASES: readonly Case[] = [
  {
    what: "that a living process of this machine has marked",
    async lay(place, node) {
      const child = sleeper();
      await marked(place, `${child.pid}.${node}`);
      return child;
    },
    stays: true,
  },
  {
    what: "whose marks are of processes that have ended",
    async lay(place, node) {
      const child = sleeper();
      child.kill("SIGKILL");
      await child.status;
      await marked(place, `${child.pid}.${node}`);
    },
    stays: false,
  },
  {
    what: "that another machine has marked of late",
    lay: async (place) => void await marked(place, "1.elsewhere-[1]"),
    stays: true,
  },
  {
    what: "that another machine marked a month ago",
    lay: async (place) => await age(await marked(place, "1.elsewhere-[1]")),
    stays: false,
  },
  {
    what: "that makes no marks, from which a program runs",
    async lay(place) {
      await Deno.mkdir(`${place}/${OLD}`);
      await Deno.copyFile("/bin/sleep", `${place}/${OLD}/ld.so`);
      await age(`${place}/${OLD}`);
      return sleeper(`${place}/${OLD}/ld.so`);
    },
    stays: true,
  },
  {
    what: "that makes no marks, of late",
    lay: (place) => Deno.mkdir(`${place}/${OLD}`),
    stays: true,
  },
  {
    what: "that makes no marks, of a month ago",
    async lay(place) {
      await Deno.mkdir(`${place}/${OLD}`);
      await age(`${place}/${OLD}`);
    },
    stays: false,
  },
  {
    what: "that is just being unpacked",
    async lay(place) {
      await Deno.mkdir(`${place}/${OLD}/used`, { recursive: true });
      await Deno.mkdir(`${place}/${OLD}.lock`);
    },
    stays: true,
  },
];

/** Nothing of these is ours to remove. */
const OTHERS = [
  "agent-notes",
  `agent-${OLD}`,
  `agent-${OLD}-12x`,
  `agent-${OLD}0-12`,
  "app-1.2.3",
  `app-x-${OLD}-1`,
  `${OLD}0`,
  OLD.slice(1),
  OLD.toUpperCase(),
  "part-1.elsewhere",
];

for (const shell of SHELLS) {
  for (const { what, lay, stays } of CASES) {
    Deno.test(`${shell}: a version ${what} is ${stays ? "left" : "removed"}`, async () => {
      const base = await Deno.makeTempDir({ prefix: "norouter-retire-" });
      const place = `${base}/a place`;
      await Deno.mkdir(place);
      const node = await inShell(shell, `printf %s "$node"`, base);
      const child = await lay(place, node);
      try {
        await Deno.writeTextFile(`${place}/agent-${OLD}-7`, "old");
        await Deno.mkdir(`${place}/${KEPT}`);
        await Deno.writeTextFile(`${place}/agent-${KEPT}-7`, "new");
        for (const name of OTHERS) await Deno.mkdir(`${place}/${name}`);
        await inShell(shell, `retire "$PWD/a place" agent-${KEPT}-7 ${KEPT}`, base);
        const left = [...Deno.readDirSync(place)].map(({ name }) => name);
        for (const name of [...OTHERS, KEPT, `agent-${KEPT}-7`]) {
          assert.ok(left.includes(name), `${name} was removed`);
        }
        assert.equal(left.includes(OLD), stays);
        assert.equal(left.includes(`agent-${OLD}-7`), stays);
      } finally {
        child?.kill("SIGKILL");
        await child?.status;
        await Deno.remove(base, { recursive: true });
      }
    });
  }

  Deno.test(`${shell}: a process marks a folder, and the mark outlives exec`, async () => {
    const base = await Deno.makeTempDir({ prefix: "norouter-retire-" });
    try {
      const said = await inShell(
        shell,
        `mark "$PWD/x"; exec sh -c 'kill -0 $$ && echo "$$ $NOROUTER_MARK"'`,
        base,
      );
      const [pid, mark] = said.split(" ");
      assert.ok(mark!.startsWith(`${base}/x/used/${pid}.`), said);
      assert.equal((await Deno.stat(mark!)).size, 0);
    } finally {
      await Deno.remove(base, { recursive: true });
    }
  });
}
