/**
 * Scans of a host's ports under a policy, as nmap would do them: connections one after the
 * other with netcat, by the loopback and through a proxy, and half-open ones of SYNs alone.
 *
 * On the loopback the system accepts clients of every published port before anybody can ask
 * the policy, so that a scan that only connects sees the ports that the manifest publishes:
 * the forbidden ones are reset when something is expected of them. A proxy knows in time.
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { PROXIES } from "../harness/web/ways.ts";
import { PolicyManager } from "./policy_manager.ts";

const VIP = { laptop: "127.0.42.100", web: "127.0.42.101", friend: "127.0.42.102" };
/** The published ports; the policy forbids the first half to the laptop. */
const PUBLISHED = Array.from({ length: 64 }, (_, at) => 9000 + at);
const [FORBIDDEN, ALLOWED] = [PUBLISHED.slice(0, 32), PUBLISHED.slice(32)];
/** With some that nobody publishes. */
const SCANNED = Array.from({ length: 81 }, (_, at) => 8990 + at);
const RULES = [
  "{ from: [laptop], to: [web], ports: [9032-9063], action: allow }",
  "{ from: [laptop], to: [web], action: deny }",
];
/** Denials of which each is an event, and some in the time that the test takes. */
const MOST_EVENTS = 20 + 10;

/** Asks ports for a page, and prints the outcome of each. */
const ASK = `
import errno, socket, sys
for port in sys.argv[2:]:
    try:
        with socket.create_connection((sys.argv[1], port), 10) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            print(port, "answers" if s.recv(1) else "ends")
    except OSError as error: print(port, errno.errorcode.get(error.errno, error))
`;

const SYN_SCAN = new URL("./syn_scan.py", import.meta.url).pathname;

/** The ports to which netcat could connect, of a range in one go. */
async function scanned(from: Namespace): Promise<number[]> {
  const range = `${SCANNED[0]}-${SCANNED.at(-1)}`;
  const said = await outputOf(from, "nc.openbsd", "-nvz", "-w", "10", VIP.web, range);
  return portsOf(said.matchAll(/ (\d+) port \[.*succeeded!$/gm));
}

/** The same through the proxy, whose first refusal ends netcat: so one for each port. */
async function scannedByProxy(from: Namespace): Promise<number[]> {
  const { listen } = PROXIES.socks;
  const nc = `nc.openbsd -nz -w 10 -X 5 -x ${listen} ${VIP.web}`;
  const loop = `for port; do ${nc} $port && echo "open $port"; done`;
  const said = await outputOf(from, "sh", "-c", loop, "sh", ...SCANNED.map(String));
  return portsOf(said.matchAll(/^open (\d+)$/gm));
}

/** What a program says, however it ends. */
async function outputOf(from: Namespace, ...command: string[]): Promise<string> {
  const [program, ...args] = from.command(...command);
  const { stdout, stderr } = await new Deno.Command(program!, { args, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

function portsOf(matches: Iterable<RegExpMatchArray>): number[] {
  return Array.from(matches, ([, port]) => Number(port));
}

/** The answers to SYNs, by port. */
async function answersToSyns(from: Namespace): Promise<Map<number, string>> {
  const ports = [8999, ...PUBLISHED, 9064].map(String);
  const answers = await run(["python3", SYN_SCAN, VIP.web, ...ports], {
    namespace: from,
  });
  return new Map(
    answers.trim().split("\n").map((line) => {
      const [port, answer] = line.split(" ");
      return [Number(port), answer!];
    }),
  );
}

e2e(
  "a scan finds forbidden ports reset, is counted, and does not fill the log",
  async (scene) => {
    const [laptop, web, friend] = [
      await scene.namespace(),
      await scene.namespace(),
      await scene.namespace(),
    ];
    await scene.server(web, "http", 80, "web ");
    const manifest = {
      hostTemplate: { stateDir: { disable: true }, resume: "off" },
      hosts: {
        laptop: { vip: VIP.laptop, ...PROXIES },
        web: {
          vip: VIP.web,
          cmd: web.command(...NOROUTER),
          ports: PUBLISHED.map((port) => `${port}:127.0.0.1:80`),
        },
        friend: { vip: VIP.friend, cmd: friend.command(...NOROUTER), ...PROXIES },
      },
    };
    const manager = await PolicyManager.start(scene, laptop, { manifest, rules: RULES });
    const denied = async () => (await manager.status()).packets.denied;

    // A proxy tells, also of ports that nobody publishes, which are forbidden as well.
    assert.deepEqual(await scannedByProxy(laptop), ALLOWED);
    assert.deepEqual(await scannedByProxy(friend), PUBLISHED);
    const byProxy = SCANNED.length - ALLOWED.length;
    assert.equal(await denied(), byProxy);

    // The loopback accepts all that is published, and nothing else is there.
    assert.deepEqual(await scanned(laptop), PUBLISHED);
    assert.deepEqual(await scanned(friend), PUBLISHED);
    const byLoopback = byProxy + FORBIDDEN.length;
    await until("the denials", async () => await denied() === byLoopback);
    const asked = await run(["python3", "-c", ASK, VIP.web, ...PUBLISHED.map(String)], {
      namespace: laptop,
    });
    const expected = [
      ...FORBIDDEN.map((port) => `${port} ECONNRESET`),
      ...ALLOWED.map((port) => `${port} answers`),
    ];
    assert.deepEqual(asked.trim().split("\n"), expected);
    const byRequest = byLoopback + FORBIDDEN.length;
    assert.equal(await denied(), byRequest);

    // SYNs alone end in the system, which says the same to everybody.
    for (const from of [laptop, friend]) {
      const answers = await answersToSyns(from);
      const open = [...answers].filter(([, answer]) => answer === "open");
      assert.deepEqual(open.map(([port]) => port).sort(), PUBLISHED);
      assert.equal(answers.get(8999), "reset");
      assert.equal(answers.get(9064), "reset");
    }
    const { packets, policy } = await manager.status();
    assert.equal(packets.denied, byRequest);
    assert.deepEqual(policy.map(({ denied }) => denied), [0, byRequest]);
    assert.equal(policy[0]!.allowed, 3 * ALLOWED.length, "proxy, loopback, request");

    const events = manager.events("denied").length;
    assert.ok(events >= 20 && events <= MOST_EVENTS, `${events} events`);
    await until("the first sum", () => manager.events("moreDenied").length > 0);
    assert.ok(manager.events("moreDenied").length <= 2);
  },
  { needs: ["nc.openbsd", "python3"], limitMs: 120_000 },
);
