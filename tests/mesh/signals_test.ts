/**
 * Ctrl-C and SIGTERM end the manager and every child, also one that does not want to.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { descendants, isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { curlOutcome } from "../harness/web/ways.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  e2e(`${signal} ends every child, and the manager exits with 0`, async (scene) => {
    const { manager } = await scene.mesh({
      local: {},
      web: {},
      stubborn: {
        cmd: (namespace) => {
          const agent = namespace.command(...NOROUTER).join(" ");
          // Deaf to SIGTERM, and busy with something else once its agent has ended.
          return ["sh", "-c", `trap '' TERM; ${agent} "$@"; exec sleep 600`, "sh"];
        },
      },
    });
    const children = descendants(manager.pid);
    assert.ok(children.length >= 3, `there are only ${children.length} children`);
    manager.signal(signal);
    // The promise is 2 s; this only tells ending from hanging.
    assert.equal((await manager.end(6_000)).code, 0);
    await until("every child to end", () => !children.some(isAlive), { limitMs: 1_000 });
  });
}

const OTHERS = [
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
] as const;
/** Where Deno listens for debuggers: 9229, as /proc/PID/net/tcp writes it. */
const DEBUGGERS = /^\s*\d+: [0-9A-F]+:240D 00000000:0000 0A/m;

e2e(
  "signals that mean nothing end neither manager nor agents, and let no debugger in",
  async (scene) => {
    const { manager, hosts } = await scene.mesh({
      local: {},
      web: { ports: ["8080:127.0.0.1:80"] },
    });
    await scene.server(hosts.web.namespace, "http", 80, "served");
    const processes = [manager.pid, ...descendants(manager.pid)];
    // Agents inherit that SIGUSR1 is ignored: that SIGUSR2 is heard tells that they are ready.
    const isReady = (pid: number) => {
      const status = Deno.readTextFileSync(`/proc/${pid}/status`);
      return /^SigIgn:.*[2367abef]..$/m.test(status) &&
        /^SigCgt:.*[89a-f]..$/m.test(status);
    };
    await until("all to listen for signals", () => processes.every(isReady));
    const { mark } = manager;
    for (const signal of OTHERS) {
      for (const pid of processes) kill(pid, signal);
      for (const pid of processes) kill(pid, signal);
    }
    await manager.line(/SIGIO is ignored; SIGTERM ends the mesh/, { after: mark });
    const log = manager.since(mark);
    assert.equal(log.match(/SIGUSR2 is ignored/g)?.length, 1, log);
    assert.doesNotMatch(log, /Debugger|ended/);
    for (const pid of processes) {
      assert.ok(isAlive(pid), `process ${pid} ended`);
      assert.doesNotMatch(Deno.readTextFileSync(`/proc/${pid}/net/tcp`), DEBUGGERS);
    }
    const { body } = await curlOutcome(
      hosts.local.namespace,
      "http://127.0.42.101:8080/",
    );
    assert.equal(body.trim(), "served /");
    manager.signal("SIGTERM");
    assert.equal((await manager.end(6_000)).code, 0);
  },
  { needs: ["curl"] },
);

e2e(
  "Ctrl-C in a terminal, which the agents get too, is not taken for a failure",
  async (scene) => {
    const { manager } = await scene.mesh({ local: {}, web: {}, db: {} });
    const children = descendants(manager.pid);
    const { mark } = manager;
    for (const pid of [...children, manager.pid]) kill(pid, "SIGINT");
    assert.equal((await manager.end(6_000)).code, 0);
    assert.doesNotMatch(manager.since(mark), /error|failed|retry|again/i);
  },
);
