/** Connections that are open when the policy changes, with real processes. */
import type { Namespace } from "../harness/scene/namespace.ts";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";
import { within } from "../harness/scene/wait.ts";
import { Lasting, LASTING_PUBLISHED, serveLasting } from "../harness/peers/lasting.ts";
import type { Report } from "../harness/peers/peer.ts";
import { python } from "../interop/programs.ts";
import { PolicyManager } from "./policy_manager.ts";

const VIP = {
  laptop: "127.0.42.100",
  web: "127.0.42.101",
  other: "127.0.42.102",
  old: "127.0.42.103",
};
const LIMIT_MS = 2000;

/** Has so many bytes echoed, says that it waits, and tells how its connection ended. */
const WAITING_CLIENT = `
import socket, sys, threading
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
size = int(sys.argv[3])
threading.Thread(target=lambda: c.sendall(bytes(size)), daemon=True).start()
while size > 0: size -= len(c.recv(65536))
print("waits", flush=True)
try: print("ended: end" if c.recv(1) == b"" else "ended: more")
except ConnectionResetError: print("ended: reset")
`;
/** More than the windows of both ends. */
const BEYOND_WINDOWS = 6 * 2 ** 20;

e2e(
  "an idle connection that has carried more than its windows is reset on both sides",
  async (scene) => {
    const [laptop, web] = [await makeMachine(scene), await makeMachine(scene)];
    const cmd = web.command(...NOROUTER);
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: VIP.laptop },
        web: { vip: VIP.web, cmd, ports: ["9101:127.0.0.1:9101"] },
      },
    };
    const manager = await PolicyManager.start(scene, laptop, { manifest, rules: [] });
    const server = await scene.server(web, "echo", 9101);
    const words = ["python3", "-u", "-c", WAITING_CLIENT];
    const args = [VIP.web, "9101", `${BEYOND_WINDOWS}`];
    const client = scene.start("client", [...words, ...args], { namespace: laptop });
    await client.line(/waits/);
    await manager.swap("{ from: [laptop], to: [web], action: deny }");
    await client.line(/ended: reset/, { limitMs: LIMIT_MS });
    const closed = server.report("closed", ({ ending }) => /reset/.test(String(ending)));
    await within("the reset of the other end", closed, LIMIT_MS);
  },
  { needs: ["python3"] },
);

e2e(
  "a new policy resets what it forbids, busy or idle, and nothing else",
  async (scene) => {
    const laptop = await makeMachine(scene);
    const web = await makeMachine(scene);
    const other = await makeMachine(scene);
    const old = await makeMachine(scene);
    const host = (machine: Namespace, vip: string) => ({
      vip,
      cmd: machine.command(...NOROUTER),
      ports: LASTING_PUBLISHED,
    });
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: VIP.laptop },
        web: host(web, VIP.web),
        other: host(other, VIP.other),
        // As NoRouter has them, with a stack of its own.
        old: {
          vip: VIP.old,
          cmd: old.command(...python("agent.py")),
          ports: LASTING_PUBLISHED,
        },
      },
    };
    // The first policy comes while the connections are open.
    const manager = await PolicyManager.start(scene, laptop, { manifest, rules: [] });
    const [toWeb, toOther] = [
      { vip: VIP.web, server: await serveLasting(scene, web) },
      { vip: VIP.other, server: await serveLasting(scene, other) },
    ];
    const toOld = { vip: VIP.old, server: await serveLasting(scene, old) };
    const forbidden = await Lasting.open(scene, laptop, toWeb);
    const staying = await Lasting.open(scene, laptop, toOther);
    const between = await Lasting.open(scene, other, toWeb);

    const strange = await Lasting.open(scene, laptop, toOld);

    const toWebDenied = "{ from: [laptop], to: [web], action: deny }";
    await manager.swap(toWebDenied);
    await within("the resets", forbidden.areEnded(), LIMIT_MS);
    // A kernel tells either the reader or the writer.
    const isReset = ({ ending, sendingEnded }: Report) =>
      /reset/.test(`${ending}, ${sendingEnded}`);
    const far = toWeb.server.report("closed", isReset);
    await within("the reset of the other end", far, LIMIT_MS);
    await staying.goesOn();
    await between.goesOn();

    await manager.swap(
      toWebDenied,
      "{ from: [other], to: [web], ports: [9100-9101], action: deny }",
    );
    await within("the resets between hosts", between.areEnded(), LIMIT_MS);
    await staying.goesOn();
    await manager.swap("{ from: [laptop], to: [web, old], action: deny }");
    await within("the resets of a strange agent", strange.areEnded(), LIMIT_MS);
    await staying.goesOn();
    await staying.areWhole();
  },
  { limitMs: 120_000 },
);
