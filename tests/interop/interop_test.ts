/**
 * Together with NoRouter 0.6: its other side of the protocol is played by programs in
 * Python that know nothing of this code and fail at whatever NoRouter 0.6 would not
 * understand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { descendants, isAlive } from "../harness/scene/proc.ts";
import { kill, run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import {
  ask,
  assertContent,
  FEATURES_06,
  python,
  PythonAgent,
  startPythonManager,
} from "./programs.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";

e2e("an agent of NoRouter 0.6 serves and is served under our manager", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  const ports = ["8080:127.0.0.1:80", "9000:127.0.0.1:9000"];
  const { hosts: { local, web, db }, manager } = await scene.mesh({
    local: { ports },
    web: { ports, cmd: agent.cmd },
    db: { ports },
  });
  const exchanges = [];
  for (const host of [local, web, db]) {
    await scene.server(host.namespace, "http", 80, host.name);
    exchanges.push(
      await scene.server(host.namespace, "serve-exchange", 9000, "20Mi", 2),
    );
  }

  for (
    const [from, to] of [[local, web], [web, local], [db, web], [web, db], [web, web]]
  ) {
    const url = `http://${to!.vip}:8080/from/${from!.name}`;
    assert.equal(await curl(from!.namespace, url), `${to!.name} /from/${from!.name}`);
  }
  let seed = 100;
  for (const [from, to] of [[local, 1], [web, 0], [db, 1], [web, 2]] as const) {
    const { vip } = [local, web, db][to]!;
    const client = scene.client(from.namespace, "exchange", vip, 9000, "20Mi", ++seed);
    const near = await client.report("done");
    const far = await exchanges[to]!.report(
      "closed",
      ({ received }) => received === near.sent,
    );
    assert.equal(near.receivedBytes, 20 * 2 ** 20);
    assert.equal(near.received, far.sent);
  }
  manager.signal("SIGTERM");
  await manager.end();
  const report = await agent.report();
  assertContent(report);
  assert.ok(report.handshakes.length > 0);
}, { needs: ["curl", "python3"], limitMs: 120_000 });

e2e("many small connections with an agent of NoRouter 0.6", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  const ports = ["9000:127.0.0.1:9000"];
  const { hosts: { local, web }, manager } = await scene.mesh({
    local: { ports },
    web: { ports, cmd: agent.cmd },
  });
  for (const { namespace } of [local, web]) await scene.server(namespace, "echo", 9000);
  for (const [from, to] of [[local, web], [web, local]] as const) {
    const client = scene.client(from.namespace, "many", to.vip, 9000, 300);
    const { right, ended, wrong } = await client.report("done");
    assert.deepEqual({ right, ended, wrong }, { right: 300, ended: 300, wrong: [] });
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["python3"] });

e2e("half-closes pass to an agent of NoRouter 0.6 and back", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  const ports = ["9000:127.0.0.1:9000", "9001:127.0.0.1:9001"];
  const { hosts: { local, web }, manager } = await scene.mesh({
    local: { ports },
    web: { ports, cmd: agent.cmd },
  });
  for (const [from, to] of [[local, web], [web, local]] as const) {
    await scene.server(to.namespace, "count", 9000);
    const first = scene.client(from.namespace, "halfclose", to.vip, 9000, "3Mi");
    const counted = await first.report("done");
    assert.deepEqual(
      { received: counted.received, ending: counted.ending },
      { received: `counted ${3 * 2 ** 20}`, ending: "end" },
    );
    const server = await scene.server(to.namespace, "farewell", 9001);
    const second = scene.client(from.namespace, "linger", to.vip, 9001, "3Mi");
    assert.equal((await second.report("done")).received, "farewell");
    const { bytes, ending } = await server.report("closed");
    assert.deepEqual({ bytes, ending }, { bytes: 3 * 2 ** 20, ending: "end" });
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["python3"] });

e2e("a refused target ends at once with an agent of NoRouter 0.6", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  const ports = ["9000:127.0.0.1:9"];
  const { hosts: { local, web }, manager } = await scene.mesh({
    local: { ports },
    web: { ports, cmd: agent.cmd },
  });
  // 0.6 accepts before it dials, and makes an end of every reset.
  for (const [from, to] of [[local, web], [web, local]] as const) {
    const client = scene.client(from.namespace, "dial", to.vip, 9000);
    const { ending, received } = await client.report("done");
    assert.deepEqual({ ending, received }, { ending: "end", received: "" });
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["python3"] });

e2e("an agent of NoRouter 0.6 is not told that a host is down", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  const ports = ["8080:127.0.0.1:80", "9000:127.0.0.1:9000"];
  const mesh = await scene.mesh({
    local: { ports },
    web: { ports, cmd: agent.cmd },
    db: { ports },
  });
  const { hosts: { local, web, db }, manager } = mesh;
  for (const { namespace, name } of [local, web, db]) {
    await scene.server(namespace, "http", 80, name);
    await scene.server(namespace, "echo", 9000);
  }
  const beating = scene.client(web.namespace, "beat", db.vip, 9000);
  await beating.report("beat");
  const { mark } = manager;
  kill(mesh.agent("db"), "SIGKILL");
  // What it sends to the host that is down is answered with a reset; 0.6 makes an end of it.
  const { ending } = await beating.report("done", undefined, { limitMs: 10_000 });
  assert.match(String(ending), /end|reset/);
  await manager.ready("db", mark);
  for (const [from, to] of [[web, db], [db, web], [local, web], [web, local]] as const) {
    const url = `http://${to.vip}:8080/again`;
    assert.equal(await curl(from.namespace, url), `${to.name} /again`);
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["curl", "python3"] });

e2e(
  "an agent of NoRouter 0.6 ends with its link, and another is started",
  async (scene) => {
    const agent = new PythonAgent(await scene.folder(), "web");
    // Its death is not that of the agent, which sees the end of its input.
    const between = ["sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh"];
    const mesh = await scene.mesh({
      local: {},
      web: {
        ports: ["9000:127.0.0.1:9000"],
        cmd: (namespace) => [...between, ...agent.cmd(namespace)],
      },
    });
    const { hosts: { local, web }, manager } = mesh;
    await scene.server(web.namespace, "echo", 9000);
    const open = scene.client(local.namespace, "dial", web.vip, 9000, "x");
    await open.report("received");
    const { mark } = manager;
    const old = mesh.agent("web");
    const shell = descendants(manager.pid).find((pid) => descendants(pid).includes(old));
    kill(shell!, "SIGKILL");
    const { ending } = await open.report("done", undefined, { limitMs: 10_000 });
    assert.equal(ending, "reset");
    assertContent(await agent.report());
    await until("the agent to end", () => !isAlive(old));
    await manager.ready("web", mark);
    const told = manager.since(mark);
    assert.match(told, /The link to "web" ended: .*; trying again in/);
    assert.doesNotMatch(told, /is kept|Back at/);
    const again = scene.client(local.namespace, "dial", web.vip, 9000, "y");
    await again.report("received");
  },
  { needs: ["python3"] },
);

e2e("an agent of NoRouter 0.6 reaches its own name server through us", async (scene) => {
  // Its packets to itself leave its stack and have to be brought back.
  const agent = new PythonAgent(await scene.folder(), "web");
  const { hosts: { local, web }, manager } = await scene.mesh({
    local: { aliases: ["laptop.example.com"] },
    web: { cmd: agent.cmd },
  });
  for (const name of ["local", "laptop.example.com"]) {
    assert.equal(await ask(web.namespace, `${web.vip}:10053`, name), local.vip);
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["python3"] });

e2e("our manager misses nothing in an agent of NoRouter 0.6", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  const asked = {
    http: { listen: "127.0.0.1:8118" },
    socks: { listen: "127.0.0.1:1080" },
  };
  const { manager } = await scene.mesh({
    local: {},
    web: { cmd: agent.cmd, stateDir: { disable: true }, ...asked },
  });
  manager.signal("SIGTERM");
  await manager.end();
  assert.doesNotMatch(manager.since(), /\bweb\b.*\b(lacks|cannot|without)\b/);
  const { args, ...report } = await agent.report();
  assertContent({ args, ...report });
  assert.deepEqual({ http: args.http, socks: args.socks }, asked);
}, { needs: ["python3"] });

e2e("an older agent that lacks the proxies is warned about, and works", async (scene) => {
  const agent = new PythonAgent(
    await scene.folder(),
    "web",
    "--features",
    "loopback,tcp,loopback.disable",
  );
  const { hosts: { local, web }, manager } = await scene.mesh({
    local: {},
    web: {
      cmd: agent.cmd,
      ports: ["8080:127.0.0.1:80"],
      http: { listen: "127.0.0.1:8118" },
      socks: { listen: "127.0.0.1:1080" },
    },
  });
  for (const kind of ["HTTP", "SOCKS"]) {
    await manager.line(new RegExp(`mesh\\.yaml:\\d+:\\d+: .* has no ${kind} proxy`));
  }
  await scene.server(web.namespace, "http", 80, web.name);
  assert.equal(await curl(local.namespace, `http://${web.vip}:8080/`), "web /");
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["curl", "python3"] });

e2e("our agents serve under a manager of NoRouter 0.6", async (scene) => {
  const ports = ["8080:127.0.0.1:80", "9000:127.0.0.1:9000"];
  const hosts = {
    web: { vip: "127.0.42.101", namespace: await scene.namespace(), ports },
    db: { vip: "127.0.42.102", namespace: await scene.namespace(), ports },
  };
  const manager = await startPythonManager(scene, hosts);
  for (const [from, to] of [["web", "db"], ["db", "web"]] as const) {
    const { namespace, vip } = hosts[to];
    await scene.server(namespace, "http", 80, to);
    const url = `http://${vip}:8080/from/${from}`;
    assert.equal(await curl(hosts[from].namespace, url), `${to} /from/${from}`);
    const server = await scene.server(namespace, "serve-exchange", 9000, "20Mi", 2);
    const client = scene.client(hosts[from].namespace, "exchange", vip, 9000, "20Mi", 1);
    const near = await client.report("done");
    const far = await server.report("closed");
    assert.equal(near.receivedBytes, 20 * 2 ** 20);
    assert.equal(near.received, far.sent);
    assert.equal(far.received, near.sent);
  }
  // The end of the input is what ends an agent, without a complaint.
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
}, { needs: ["curl", "python3"], limitMs: 120_000 });

e2e(
  "our agents end with their input if a manager of NoRouter 0.6 is killed",
  async (scene) => {
    const ports = ["9000:127.0.0.1:9000"];
    const hosts = {
      web: { vip: "127.0.42.101", namespace: await scene.namespace(), ports },
      db: { vip: "127.0.42.102", namespace: await scene.namespace(), ports },
    };
    const manager = await startPythonManager(scene, hosts);
    // A connection in the middle of its work must not keep an agent.
    await scene.server(hosts.web.namespace, "source", 9000);
    const hanging = scene.client(hosts.db.namespace, "hang", hosts.web.vip, 9000);
    await hanging.report("connected");
    const agents = descendants(manager.pid);
    assert.ok(agents.length >= 2);
    kill(manager.pid, "SIGKILL");
    await until("the agents to end", () => !agents.some(isAlive), { limitMs: 10_000 });
  },
  { needs: ["python3"] },
);

e2e("our agent and one of NoRouter 0.6 meet under a manager of 0.6", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "db");
  const ports = ["9000:127.0.0.1:9000"];
  const [ours, theirs] = [await scene.namespace(), await scene.namespace()];
  const hosts = {
    web: { vip: "127.0.42.101", namespace: ours, ports },
    db: { vip: "127.0.42.102", namespace: theirs, cmd: agent.cmd, ports },
  };
  const manager = await startPythonManager(scene, hosts);
  for (
    const [from, to, vip] of [[ours, theirs, hosts.db.vip], [
      theirs,
      ours,
      hosts.web.vip,
    ]] as const
  ) {
    const server = await scene.server(to, "serve-exchange", 9000, "20Mi", 2);
    const client = scene.client(from, "exchange", vip, 9000, "20Mi", 1);
    const near = await client.report("done");
    const far = await server.report("closed");
    assert.equal(near.received, far.sent);
    assert.equal(far.received, near.sent);
  }
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
  assertContent(await agent.report());
}, { needs: ["python3"], limitMs: 120_000 });

e2e("an unreachable target ends at once with an agent of NoRouter 0.6", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "web");
  // 192.0.2.0/24 is for documentation (RFC 5737) and no namespace has a route to it.
  const ports = ["9001:192.0.2.1:80", "9002:nowhere.invalid:80"];
  const { hosts: { local, web }, manager } = await scene.mesh({
    local: { ports },
    web: { ports, cmd: agent.cmd },
  });
  for (const [from, to] of [[local, web], [web, local]] as const) {
    for (const port of [9001, 9002]) {
      const client = scene.client(from.namespace, "dial", to.vip, port);
      const { ending } = await client.report("done", undefined, { limitMs: 10_000 });
      assert.equal(ending, "end", `${to.name}:${port}`);
    }
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["python3"] });

e2e(
  "a client of NoRouter 0.6 is told of every reason why a target fails",
  async (scene) => {
    const agent = new PythonAgent(await scene.folder(), "web");
    const { hosts: { local, web }, manager } = await scene.mesh({
      local: {
        ports: [
          "9001:192.0.2.1:80", // its host never answers
          "9002:192.0.2.2:80", // a route says that the host is unreachable
          "9003:192.0.2.3:80", // a route says that it is prohibited
        ],
      },
      web: { cmd: agent.cmd },
    });
    const { name } = local.namespace;
    const commands = [
      "link add dark0 type veth peer name dark1",
      "addr add 192.0.2.254/24 dev dark0",
      "link set dark1 up",
      "link set dark0 up",
      // Nobody has this address, so nobody takes what is sent to it.
      "neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev dark0 nud permanent",
      "route add unreachable 192.0.2.2",
      "route add prohibit 192.0.2.3",
    ];
    for (const command of commands) await run(["ip", "-n", name, ...command.split(" ")]);
    const began = performance.now();
    const silent = scene.client(web.namespace, "dial", local.vip, 9001);
    for (const port of [9002, 9003]) {
      const client = scene.client(web.namespace, "dial", local.vip, port);
      const { ending } = await client.report("done", undefined, { limitMs: 5_000 });
      assert.equal(ending, "end", `port ${port}`);
    }
    // A dial is given up after 10 s.
    const { ending } = await silent.report("done", undefined, { limitMs: 15_000 });
    assert.equal(ending, "end");
    assert.ok(performance.now() - began > 8_000, "its host was to be silent");
    manager.signal("SIGTERM");
    await manager.end();
    assertContent(await agent.report());
  },
  { needs: ["python3"] },
);

e2e("our agent announces what NoRouter 0.6 announces", async (scene) => {
  const namespace = await scene.namespace();
  const manager = await startPythonManager(scene, {
    web: { vip: "127.0.42.101", namespace },
  });
  const { features, version } = await manager.report("ready", "web");
  for (const feature of FEATURES_06) {
    assert.ok(
      (features as string[]).includes(feature),
      `${feature} is not in ${features}`,
    );
  }
  assert.match(String(version), /^\d+\.\d+\.\d+/);
}, { needs: ["python3"] });

e2e("our agent overlooks odd frames and is strict about its own", async (scene) => {
  const namespace = await scene.namespace();
  await scene.server(namespace, "count", 9000);
  const odd = scene.start(
    "odd_manager.py",
    python("odd_manager.py", ...namespace.command(...NOROUTER)),
  );
  assert.equal((await odd.end(40_000)).code, 0);
}, { needs: ["python3"] });
