/**
 * The name servers of a mesh: each host answers for the mesh, and asks its own system for
 * the rest, so that a bastion tells the names behind it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DnsAnswer } from "../harness/peers/dns_ask.ts";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { attachSite } from "../harness/web/site.ts";

const ASK = new URL("../harness/peers/dns_ask.ts", import.meta.url).pathname;
const NETWORK = "192.168.95";
const LAPTOP = "127.0.42.100";
const GATE = "127.0.42.101";

/** What a bastion's name server has to say. */
const ANSWERS: Record<string, DnsAnswer> = {
  "A laptop": { rcode: "NOERROR", data: [LAPTOP] },
  "A GATE": { rcode: "NOERROR", data: [GATE] },
  "A gate.example.com": { rcode: "NOERROR", data: [GATE] },
  "AAAA laptop": { rcode: "NOERROR", data: [] },
  "A web.inside.example": { rcode: "NOERROR", data: [`${NETWORK}.20`] },
  "TXT web.inside.example": {
    rcode: "NOERROR",
    data: [["the text of web.inside.example"]],
  },
  "AAAA web.inside.example": { rcode: "NOERROR", data: [] },
  "A nobody.inside.example": { rcode: "NXDOMAIN", data: [] },
};

/** A header that announces a question, and a name that leads to itself. */
const LOOP = "raw 002a01000001000000000000c00c00010001";
/** A header that announces a question, and nothing else. */
const TORN = "raw 002b01000001000000000000";

async function ask(
  namespace: Namespace,
  server: string,
  questions: readonly string[],
): Promise<DnsAnswer[]> {
  const command = [Deno.execPath(), "run", "--quiet", "-A", ASK, server, ...questions];
  const lines = await run(command, { namespace });
  return lines.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

e2e(
  "a bastion's name server tells of the mesh and of what lies behind it",
  async (scene) => {
    const laptop = await makeMachine(scene);
    const web = await makeMachine(scene);
    const gate = await makeMachine(scene, { nameServer: `${NETWORK}.10` });
    const names = { "web.inside.example": `${NETWORK}.20` };
    await attachSite(scene, gate, { name: "inside", network: NETWORK, names });
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: LAPTOP },
        gate: {
          vip: GATE,
          cmd: gate.command(...NOROUTER),
          aliases: ["gate.example.com"],
        },
        web: { vip: "127.0.42.102", cmd: web.command(...NOROUTER) },
      },
      routes: [{ via: "gate", to: ["*.inside.example"] }],
    };
    const manager = await scene.manager(JSON.stringify(manifest), laptop);
    for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

    const questions = Object.keys(ANSWERS);
    for (const [name, client] of Object.entries({ laptop, web, gate })) {
      const answers = await ask(client, `${GATE}:10053`, questions);
      const told = Object.fromEntries(
        answers.map((each, index) => [questions[index], each]),
      );
      assert.deepEqual(told, ANSWERS, `asked from ${name}`);
    }
    // The names of the mesh are known everywhere, those behind the bastion only there.
    const asked = ["A gate.example.com", "A web.inside.example"];
    const [alias, behind] = await ask(web, `${LAPTOP}:10053`, asked);
    assert.deepEqual(alias, { rcode: "NOERROR", data: [GATE] });
    assert.deepEqual(behind, { rcode: "REFUSED", data: [] });

    for (const client of [web, gate]) {
      const answers = await ask(client, `${GATE}:10053`, [LOOP, TORN, "A laptop"]);
      const codes = answers.map(({ rcode }) => rcode);
      assert.deepEqual(codes, ["FORMERR", "FORMERR", "NOERROR"]);
    }
  },
);
