import assert from "node:assert/strict";
import { type Behaviour, fakeAgentCommand } from "./_fake_agent.ts";
import type { MeshEvent } from "./events.ts";
import type { Mesh } from "./contract.ts";
import { startMesh } from "./mesh.ts";

/** A mesh over real processes and the real clock. */
async function commands(
  hosts: Record<string, Behaviour>,
  body: (
    mesh: Mesh,
    told: (type: MeshEvent["type"], part: RegExp) => Promise<string>,
  ) => Promise<void>,
) {
  const events: MeshEvent[] = [];
  let look = () => {};
  await using mesh = await startMesh({
    hosts: Object.fromEntries(
      Object.entries(hosts).map(([name, behaviour]) => [
        name,
        { cmd: fakeAgentCommand(behaviour) },
      ]),
    ),
  }, {
    onEvent(event) {
      events.push(event);
      look();
    },
  });
  const told = (type: MeshEvent["type"], part: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = events.map(({ message }) => message).join("\n");
        reject(new Error(`${type} ${part} was not told, but:\n${seen}`));
      }, 20_000);
      look = () => {
        const event = events.find(({ type: t, message }) =>
          t === type && part.test(message)
        );
        if (!event) return;
        clearTimeout(timer);
        resolve(event.message);
      };
      look();
    });
  await body(mesh, told);
}

Deno.test("a command that fails is told with status and stderr, the others run", async () => {
  await commands({
    web: { stderr: "No such container: web", exit: 1 },
    good: { banner: "Last login: today\r\n" },
  }, async (mesh, told) => {
    const message = await told("down", /web/);
    assert.match(
      message,
      /^Cannot open a link to "web": \S+ exited with status 1: No such container: web; trying again in /,
    );
    await told("ready", /good/);
    await told("output", /^web: No such container: web$/);
    await told("output", /^good: Last login: today$/);
    assert.equal((await mesh.ready()).ok, false);
  });
});

Deno.test("a command that ends later is told, and the host is back by itself", async () => {
  await commands({ web: { exitWhenReady: 3 } }, async (_mesh, told) => {
    await told("ready", /^Ready: web/);
    await told(
      "down",
      /^The link to "web" ended: \S+ exited with status 3; trying again/,
    );
    await told("ready", /^Ready again: web/);
  });
});

Deno.test("a close ends a stubborn command by force within 2 s", async () => {
  let started = 0;
  await commands({ stubborn: { isStubborn: true }, good: {} }, async (mesh, told) => {
    await told("ready", /stubborn/);
    await told("ready", /good/);
    started = performance.now();
    await mesh.close();
  });
  const took = performance.now() - started;
  assert(took < 2500, `it took ${Math.round(took)} ms`);
});
