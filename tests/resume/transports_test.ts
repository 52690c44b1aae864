/**
 * Connections go on when what reaches a host is killed, whatever reaches it: a stream
 * whose bytes are compared, an echo, an idle connection, and a login by ssh.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CLUSTER_NEEDS } from "../harness/engines/cluster.ts";
import { dockerTest } from "../harness/engines/docker.ts";
import {
  agentOf,
  Centre,
  commandOf,
  type Reached,
  strike,
} from "../harness/engines/reached.ts";
import { type ReachedHost, ReachedMesh } from "../harness/engines/reached_mesh.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import type { Lasting } from "../harness/peers/lasting.ts";
import type { TellingManager } from "../harness/scene/events.ts";
import { descriptorsOf, isAlive } from "../harness/scene/proc.ts";
import type { Process } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { withoutTerminal } from "../harness/scene/terminal.ts";
import { pause, until } from "../harness/scene/wait.ts";
import { Random } from "../soak/random.ts";

const SEED = 20_261_129;
/** Deaths of what reaches a host, one after the other. */
const DEATHS = 20;
/** After links that lasted so long the next is made without a pause. */
const LASTING_MS = 1_050;
/** The share of deaths before that. */
const SOON = 0.25;
/** The share of deaths while the last one is being made good. */
const MIDDLE = 0.15;
/** Without a limit to the stream's rate. */
const AT_FULL_SPEED = 0;
/** Descriptors that an agent may have more than at the beginning: the runtime opens some. */
const MORE_DESCRIPTORS = 4;

dockerTest(
  "connections outlive whatever reaches a host: docker, ssh, a jump host, kubectl, a command",
  async (docker, scene, { file }) => {
    const centre = await Centre.make(scene);
    const ssh = await centre.ssh();
    const inContainer = await centre.docker(docker);
    const ways = [
      inContainer,
      ssh,
      await centre.jump(ssh),
      await centre.kubectl(),
      await centre.cmd(),
    ];
    const mesh = await ReachedMesh.start(scene, centre, {
      ways,
      program: [file],
      more: { ssh: { ports: [`2222:${ssh.loginPort}`] } },
    });
    const { hosts, manager } = mesh;
    await mesh.ready();
    const agents = new Map<Reached, { pid: number; descriptors: number }>();
    for (const { reached } of hosts) {
      const pid = agentOf(reached);
      agents.set(reached, { pid, descriptors: descriptorsOf(pid) });
      assert.equal((await reached.kept()).length, 1, reached.name);
    }

    const login = await logIn(scene, centre, mesh.host("ssh").vip);
    for (const host of hosts) {
      const flow = await mesh.flow("local", host.name, AT_FULL_SPEED);
      const breaks = {
        "death of the command": async () =>
          void await strike(manager, host.reached, "SIGKILL"),
        ...host.reached.breaks,
      };
      for (const [what, strikes] of Object.entries(breaks)) {
        await survives({ manager, host, flow, what, strikes });
      }
      await flow.areWhole();
    }

    // Between two hosts that both come and go, too.
    const flows = [await mesh.flow("docker", "cmd")];
    for (const { name } of hosts) flows.push(await mesh.flow("local", name));
    await Promise.all(hosts.map((host, index) => manyDeaths(manager, host, index)));
    for (const flow of flows) await flow.goesOn();
    for (const flow of flows) await flow.areWhole();
    await login.goesOn();
    await login.end();
    for (const { reached } of hosts) {
      const { pid, descriptors } = agents.get(reached)!;
      assert.equal(agentOf(reached), pid, "it is another agent");
      await until(
        `the descriptors of ${reached.name} to be as many as before`,
        () => descriptorsOf(pid) <= descriptors + MORE_DESCRIPTORS,
      );
      assert.deepEqual(manager.events("down", reached.name), []);
    }

    await mesh.end();
    // Its first process waits for nobody, so a child that is orphaned would stay for ever.
    // Those of the engine itself are waited for, a moment after their end.
    let states = "";
    await until("no process to be dead and not waited for", async () => {
      states = await inContainer.container.exec("ps", "-o", "pid,ppid,stat,args");
      return !/^ *\d+ +\d+ +Z/m.test(states);
    }).catch((error) => {
      throw new Error(`${error.message}\n${states}`);
    });
  },
  {
    needs: [...SSH_NEEDS, ...CLUSTER_NEEDS, "busybox", "chroot", "nsenter", "setsid"],
    limitMs: 240_000,
  },
);

/** Has the link of a host end in some way, and waits until it and its flow go on. */
async function survives(
  { manager, host: { reached }, flow, what, strikes }: {
    manager: TellingManager;
    host: ReachedHost;
    flow: Lasting;
    what: string;
    strikes: () => Promise<void>;
  },
): Promise<void> {
  const { name } = reached;
  const { mark } = manager;
  const flowMark = flow.mark;
  await strikes();
  const away = await manager.told("away", name, { after: mark });
  assert.equal(away.level, "warn");
  assert.match(away.message, /^The link to "\w+" ended: .*its agent is kept for 5 min/);
  const ready = await manager.told("ready", name, { after: mark });
  assert.deepEqual([ready.again, ready.resumed], [true, true]);
  await flow.goesOn(flowMark);
  const silence = flow.silence(flowMark).toFixed(0);
  console.log(
    `${name}, ${what}: attached after ${ready.ms} ms, ${silence} ms without a byte`,
  );
}

/** Ends the link of a host again and again, at random moments. */
async function manyDeaths(
  manager: TellingManager,
  { reached }: ReachedHost,
  index: number,
): Promise<void> {
  const random = new Random(SEED + index);
  const { name } = reached;
  for (let death = 0; death < DEATHS; death++) {
    await pause(random.happens(SOON) ? random.below(LASTING_MS) : LASTING_MS);
    const { mark } = manager;
    const victim = await strike(manager, reached, "SIGKILL");
    await until(`the end of process ${victim}`, () => !isAlive(victim));
    // Some come in the middle of making the last one good.
    if (random.happens(MIDDLE)) continue;
    await manager.told("ready", name, { after: mark });
  }
  await until(`${name} to be ready`, () => {
    const last = [...manager.events("ready", name), ...manager.events("away", name)]
      .reduce((a, b) => String(a.time) > String(b.time) ? a : b);
    return last.type === "ready" && commandOf(manager, reached);
  }, { limitMs: 60_000, everyMs: 200 });
}

/** A login through the mesh, which tells each of its beats. */
async function logIn(scene: Scene, centre: Centre, vip: string) {
  const over = `${await scene.folder()}/login-is-over`;
  const script = `n=0; while [ ! -e ${over} ]; do n=$((n + 1)); echo beat $n; ` +
    "sleep 0.1; done; echo farewell";
  const words = ["ssh", "-T", "-p", "2222", "-i", centre.key];
  const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
  const login: Process = scene.start("login", [
    ...words,
    ...options.flatMap((option) => ["-o", option]),
    `root@${vip}`,
    script,
  ], { namespace: withoutTerminal(centre.place) });
  await login.line(/^beat 2$/);
  return {
    goesOn: () => login.line(/^beat/, { after: login.mark }),
    async end() {
      await Deno.writeTextFile(over, "");
      assert.equal((await login.end()).code, 0);
      assert.match(login.since(), /farewell$/m);
      const beats = [...login.since().matchAll(/^beat (\d+)$/gm)].map(([, n]) =>
        Number(n)
      );
      assert.deepEqual(beats, beats.map((_, index) => index + 1));
    },
  };
}
