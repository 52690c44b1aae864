import assert from "node:assert/strict";
import { run } from "../_run.ts";
import { type StatusAnswer, statusTable } from "./status.ts";

const WRONG: readonly [args: string[], message: RegExp][] = [
  [["status", "--name", "x"], /"status" starts no mesh; --mesh NAME says which/],
  [["check", "--watch", "off", "m.yaml"], /"check" watches nothing/],
  [["clean", "--control=off", "m.yaml"], /"clean" starts no mesh/],
  [["m.yaml", "--watch=maybe"], /Allowed choices are on, off/],
  [["up", "m.yaml", "--control=1"], /Allowed choices are on, off/],
  [["m.yaml", "--name="], /It is empty/],
  [["metrics", "--textfile"], /argument missing/],
  [["metrics", "--json"], /unknown option '--json'/],
  [["status", "--format", "xml"], /Allowed choices are table, json/],
  [["host"], /wanted add, remove or restart/],
  [["host", "frob"], /"host" knows no "frob"; wanted add, remove or restart/],
  [["host", "add", "web"], /missing required argument 'YAML'/],
  [["host", "restart"], /missing required argument 'NAME'/],
];

for (const [args, message] of WRONG) {
  Deno.test(`norouter ${args.join(" ")} is wrong usage`, async () => {
    const { status, stdout, stderr } = await run(args);
    assert.match(stderr, message);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}

Deno.test("a mesh that does not run is told, with how to start one", async () => {
  const commands = [["status"], ["events"], ["metrics"], ["reload"], ["down"], [
    "host",
    "remove",
    "x",
  ]];
  for (const command of commands) {
    const { status, stderr } = await run([...command, "--mesh", "no-such-mesh-1"]);
    assert.equal(status, 1);
    assert.match(stderr, /No mesh "no-such-mesh-1"/);
  }
});

Deno.test("the pages of norouter host and of its commands are the same", async () => {
  const [page, add] = [await run(["help", "host"]), await run(["host", "add", "--help"])];
  assert.equal(page.status, 0);
  assert.match(page.stdout, /norouter host add NAME YAML/);
  assert.equal(add.stdout, page.stdout);
});

Deno.test("the table shows hosts with their failures, and what does not listen", () => {
  const host = { features: [], failures: 0, charged: 0, suggestions: 0, added: false };
  const error = { code: "EADDRINUSE", message: "address\nin use" };
  const status = {
    mesh: { name: "m", manifest: "m.yaml", pid: 42, version: "1" },
    ms: 200_000,
    hosts: [
      {
        ...host,
        name: "a",
        vip: "127.0.42.1",
        state: "ready",
        command: "x",
        version: "1",
      },
      {
        ...host,
        name: "far",
        vip: "127.0.42.2",
        state: "down",
        command: "ssh far",
        added: true,
        lastFailure: "no way",
      },
    ],
    links: [{ ms: 61_000 }, {}],
    listeners: [
      { host: "a", address: "127.0.42.2:80", kind: "loopback", error },
      { host: "a", address: "127.0.42.1:80", kind: "loopback" },
    ],
    flows: { open: 3 },
  } as unknown as StatusAnswer;
  assert.equal(
    statusTable(status),
    `m: m.yaml, process 42, up 3 min, 1 of 2 hosts ready

HOST  VIP         STATE  FOR   VERSION  REACHED BY
a     127.0.42.1  ready  61 s  1        x
far   127.0.42.2  down   -     -        ssh far (added)  no way

Listeners: 1 up, 1 failed; routed connections: 3 open
  a does not listen on 127.0.42.2:80: address in use
`,
  );
});
