/**
 * One host floods: the others keep their links, their connections and their time.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  account,
  ECHO_PORTS as ports,
  startEchoes,
  times,
} from "../harness/peers/echoes.ts";
import { residentBytes } from "../harness/scene/proc.ts";
import { e2e } from "../harness/scene/scene.ts";
import { pause, until } from "../harness/scene/wait.ts";
import { python } from "../interop/programs.ts";

/**
 * The longest that one echo may take. On an idle machine of two processors 99 of 100 take
 * less than 100 ms, see the figures that are printed; here others may be at work.
 */
const LONGEST_MS = 10_000;
/** What the manager may hold more than before, once the flood is over. */
const GROWTH_LIMIT = 200 * 2 ** 20;
/** Characters that may be written about a flooding host. */
const LOG_LIMIT = 512 * 1024;

/** A flood, and what must be seen of it. */
interface Flood {
  /** Of flooding_agent.py. */
  readonly kind: string;
  readonly sentence: string;
  /** Where packets go: `web` serves echoes, `local` is in the manager. */
  readonly to?: "local";
  /** How long it lasts; by default as long as it takes to fill whatever can be filled. */
  readonly seconds?: number;
  /** What the manager says of it. */
  readonly told?: RegExp;
}

const DROPPED = /\d+ control messages from "rogue" \(\d+ bytes\) were dropped/;
const FORGED = /\d+ packets from "rogue" \(\d+ bytes\) were dropped/;
const LEFT_OUT = /\d+ lines from "rogue" \(\d+ characters\) were left out/;

const FLOODS: readonly Flood[] = [
  // Longer than the silence after which a host is given up, to which nobody may come.
  { kind: "events", sentence: "control events", seconds: 20, told: DROPPED },
  { kind: "suggestions", sentence: "suggestions of routes", told: DROPPED },
  { kind: "results", sentence: "results that nobody asked for", told: DROPPED },
  {
    kind: "deep",
    sentence: "deep JSON",
    told: /The link to "rogue" ended: .*its 38\d+ bytes are more than the \d+ allowed/,
  },
  { kind: "packets", sentence: "small packets" },
  { kind: "packets", sentence: "small packets to the manager's own host", to: "local" },
  { kind: "syns", sentence: "SYNs" },
  { kind: "disorder", sentence: "segments out of order" },
  {
    kind: "strangers",
    sentence: "segments of no connection from behind it",
    told: FORGED,
  },
  { kind: "forged", sentence: "packets in another's name", told: FORGED },
  { kind: "unknown", sentence: "frames that nobody knows", told: FORGED },
  { kind: "credits", sentence: "acknowledgements" },
  { kind: "lines", sentence: "lines of text", told: LEFT_OUT },
  { kind: "line", sentence: "a line without an end" },
];

for (const { kind, sentence, to, seconds = 6, told } of FLOODS) {
  e2e(
    `a host that floods with ${sentence} takes nothing from the others`,
    async (scene) => {
      const file = `${await scene.folder()}/flood`;
      const vip = to === "local" ? "127.0.42.100" : "127.0.42.101";
      const flooding = ["--flood", kind, "--while", file, "--towards", vip];
      const mesh = await scene.mesh({
        local: { ports },
        web: { ports: [...ports, "9101:127.0.0.1:9100"] },
        db: { ports },
        rogue: {
          cmd: (namespace) =>
            namespace.command(...python("flooding_agent.py", ...flooding)),
        },
      }, [{ via: "rogue", to: ["10.66.0.0/16"] }]);
      const { manager } = mesh;
      const echoes = await startEchoes(scene, mesh);
      // What is flooded is another service: this one's own time is not the mesh's to share out.
      await scene.server(mesh.hosts.web.namespace, "echo", 9100);
      const before = residentBytes(manager.pid);
      const { mark } = manager;
      const begins = echoes.map((each) => times(each).length);

      await Deno.writeTextFile(file, "");
      await pause(seconds * 1000);
      const ends = echoes.map((each) => times(each).length);
      const during = residentBytes(manager.pid);
      if (told) await manager.line(told, { after: mark });
      await Deno.remove(file);

      // Whatever was under way comes back, on the very same connections.
      for (const [index, { client }] of echoes.entries()) {
        await client.report("beat", ({ beats }) => Number(beats) >= ends[index]! + 20, {
          limitMs: 30_000,
        });
      }
      for (const [index, each] of echoes.entries()) {
        const { text, longest } = account(each, begins[index]!, ends[index]!);
        console.log(`${sentence}: ${text}`);
        assert.ok(longest < LONGEST_MS, `${each.name}: an echo took ${longest} ms`);
      }
      const log = manager.since(mark);
      assert.doesNotMatch(log, /The link to "(local|web|db)" ended/);
      assert.ok(log.length < LOG_LIMIT, `${log.length} characters of log`);
      await until(
        "the manager's memory to be given back",
        () => residentBytes(manager.pid) < before + GROWTH_LIMIT,
        { everyMs: 500, limitMs: 30_000 },
      );
      const mib = [before, during, residentBytes(manager.pid)].map((each) => each >> 20);
      console.log(`${sentence}: the manager had ${mib.join(", then ")} MiB`);
    },
    { needs: ["python3"], limitMs: 180_000 },
  );
}
