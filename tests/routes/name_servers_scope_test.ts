/**
 * What the name servers of a mesh tell to whom, asked with dig: names of the mesh to all,
 * outside names to their host's own programs, along routes, and to hosts that are named.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { attachSite, startServers } from "../harness/web/site.ts";
import { answersOf, curlOutcome, PROXIES, PROXY_WAYS } from "../harness/web/ways.ts";

const NETWORK = "192.168.95";
const LAPTOP = "127.0.42.100";
const GATE = "127.0.42.101";
const WEB = "127.0.42.102";
const NEEDS = { needs: ["curl", "dig"], limitMs: 60_000 };

/** What dig shows of an answer. */
interface Shown {
  readonly status: string;
  readonly answers: string[];
  /** The extended error, as dig writes it. */
  readonly reason: string | undefined;
}

async function dig(client: Namespace, server: string, ...question: string[]) {
  const where = ["+tcp", "+tries=1", `@${server}`, "-p", "10053"];
  const [program, ...args] = client.command("dig", ...where, ...question);
  const output = await new Deno.Command(program!, { args, stdin: "null" }).output();
  const text = new TextDecoder().decode(output.stdout);
  const [, status = text] = /status: ([A-Z]+)/.exec(text) ?? [];
  const [, section = ""] = /;; ANSWER SECTION:\n((?:.+\n)*)/.exec(text) ?? [];
  const answers = section.split("\n").filter(Boolean).map((line) =>
    line.split(/\s+/)[4]!
  );
  const [, reason] = /; EDE: (.*)/.exec(text) ?? [];
  return { status, answers, reason } satisfies Shown;
}

e2e(
  "dig -x knows the hosts of the mesh everywhere, and of its hosts file",
  async (scene) => {
    const laptop = await makeMachine(scene, {
      hosts: "127.0.0.1 localhost\n10.1.2.3 printer.home printer\n",
    });
    const web = await makeMachine(scene);
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: LAPTOP },
        web: {
          vip: WEB,
          cmd: web.command(...NOROUTER),
          aliases: ["www", "a.web.example"],
        },
      },
    };
    const manager = await scene.manager(JSON.stringify(manifest), laptop);
    for (const name of Object.keys(manifest.hosts)) await manager.ready(name);
    for (const client of [laptop, web]) {
      for (const server of [LAPTOP, WEB]) {
        const { status, answers } = await dig(client, server, "-x", WEB);
        assert.equal(status, "NOERROR");
        assert.deepEqual(answers, ["web.", "www.", "a.web.example."]);
        assert.deepEqual((await dig(client, server, "-x", LAPTOP)).answers, ["laptop."]);
      }
    }
    assert.deepEqual((await dig(laptop, LAPTOP, "-x", "10.1.2.3")).answers, [
      "printer.home.",
    ]);
    assert.deepEqual((await dig(laptop, LAPTOP, "-x", "127.0.0.1")).answers, [
      "localhost.",
    ]);
    assert.equal((await dig(web, LAPTOP, "-x", "10.1.2.3")).status, "REFUSED");
  },
  NEEDS,
);

e2e("outside names are for whom a route or the manifest lets ask", async (scene) => {
  const laptop = await makeMachine(scene, {
    hosts: "127.0.0.1 localhost\n10.1.2.3 printer.home\n",
  });
  const gate = await makeMachine(scene, { nameServer: `${NETWORK}.10` });
  const web = await makeMachine(scene);
  const names = {
    "db.inside.example": `${NETWORK}.10`,
    "other.example": `${NETWORK}.10`,
    "evil.inside.example": WEB,
    "rebind.inside.example": LAPTOP,
  };
  await attachSite(scene, gate, { name: "inside", network: NETWORK, names });
  const manifest = {
    hostTemplate: { stateDir: { disable: true }, ...PROXIES },
    hosts: {
      laptop: { vip: LAPTOP, resolveFor: ["gate"] },
      gate: { vip: GATE, cmd: gate.command(...NOROUTER) },
      web: { vip: WEB, cmd: web.command(...NOROUTER), resolveFor: ["*"] },
    },
    routes: [{ via: "gate", to: ["*.inside.example"], notTo: ["no.inside.example"] }],
  };
  const manager = await scene.manager(JSON.stringify(manifest), laptop);
  for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

  // A host without any network cannot have a name resolved, and so carry data out, elsewhere.
  const mark = manager.mark;
  const secret = await dig(web, LAPTOP, "c2vjcmv0.evil.example");
  assert.equal(secret.status, "REFUSED");
  assert.match(secret.reason!, /"c2vjcmv0.evil.example" is no name of the mesh/);
  await manager.line(
    /laptop .*The name server refused web: .*"c2vjcmv0\.evil\.example"/,
    {
      after: mark,
    },
  );
  const statuses: [Namespace, string, string, string][] = [
    [web, LAPTOP, "printer.home", "REFUSED"],
    [laptop, LAPTOP, "printer.home", "NOERROR"], // its own programs
    [gate, LAPTOP, "printer.home", "NOERROR"], // resolveFor: [gate]
    [web, LAPTOP, "gate", "NOERROR"], // of the mesh
    [laptop, GATE, "db.inside.example", "NOERROR"], // along a route
    [web, GATE, "db.inside.example", "NOERROR"],
    [web, GATE, "other.example", "REFUSED"],
    [web, GATE, "no.inside.example", "REFUSED"],
    [gate, GATE, "other.example", "NOERROR"],
    [laptop, WEB, "localhost", "NOERROR"], // resolveFor: ["*"]
  ];
  for (const [client, server, name, status] of statuses) {
    const told = await dig(client, server, name);
    assert.equal(told.status, status, `${name} at ${server}`);
  }

  // A bastion's DNS cannot lead a client to a host of the mesh.
  for (const [name, host] of [["evil", "web"], ["rebind", "laptop"]]) {
    for (const [way, options] of Object.entries(PROXY_WAYS)) {
      const url = `http://${name}.inside.example:18080/`;
      const outcome = await curlOutcome(laptop, ...options, url);
      assert.notEqual(outcome.status, 200, way);
      if (way === "SOCKS5h") assert.match(outcome.complaint, /\(2\)/); // not allowed
      if (way !== "HTTP proxy") continue;
      assert.match(
        outcome.body,
        new RegExp(`which is the host \\W*${host}\\W* of the mesh`),
      );
    }
  }
  await manager.line(/gate .*refused laptop: "evil\.inside\.example" is said to be at/);
}, NEEDS);

e2e("a name that a catch-all route excepts is dialled from here", async (scene) => {
  const HERE = "198.51.100.7";
  const laptop = await makeMachine(scene, {
    hosts: `127.0.0.1 localhost\n${HERE} who.test\n`,
  });
  const gate = await makeMachine(scene, { nameServer: `${NETWORK}.10` });
  const names = { "db.inside.example": `${NETWORK}.10`, "who.test": `${NETWORK}.10` };
  await attachSite(scene, gate, { name: "inside", network: NETWORK, names });
  const own = [HERE, "dev", "lo"];
  await run(["ip", "-n", laptop.name, "addr", "add", ...own]);
  await startServers(scene, laptop, { name: "here", web: [`${HERE}:80`] });
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      laptop: { vip: LAPTOP, ...PROXIES },
      gate: { vip: GATE, cmd: gate.command(...NOROUTER) },
    },
    routes: [{ via: "gate", to: ["0.0.0.0/0", "*"], notTo: ["who.test"] }],
  };
  const manager = await scene.manager(JSON.stringify(manifest), laptop);
  for (const name of Object.keys(manifest.hosts)) await manager.ready(name);
  for (const way of Object.values(PROXY_WAYS)) {
    const [here] = await answersOf(laptop, ...way, "http://who.test/");
    assert.deepEqual([here!.name, here!.at], ["here", HERE]);
    const [there] = await answersOf(laptop, ...way, "http://db.inside.example/");
    assert.equal(there!.name, "inside");
    const [address] = await answersOf(laptop, ...way, `http://${NETWORK}.10/`);
    assert.equal(address!.name, "inside");
  }
}, NEEDS);
