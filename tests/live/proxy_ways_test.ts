/**
 * Meshes of rules, without a manifest, to hosts that have nothing but a real sshd or a real
 * Docker engine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dockerTest } from "../harness/engines/docker.ts";
import { Centre } from "../harness/engines/reached.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import { portableTest } from "../harness/packages/executable.ts";
import { run } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { withoutTerminal } from "../harness/scene/terminal.ts";
import { curl } from "../harness/web/curl.ts";

/** What is asked for, and how the manager is started. */
interface Plan {
  readonly to: string;
  readonly egress: readonly string[];
  /** The executable, which is also sent to the host. */
  readonly file: string;
  readonly env?: Record<string, string>;
}

/** Starts the mesh, and waits for its hosts. */
async function started(
  scene: Scene,
  { place, near: { home } }: Centre,
  { to, egress, file, env = {} }: Plan,
) {
  const rules = egress.flatMap((rule) => ["--egress", rule]);
  const words = [file, "proxy", ...rules, "--to", to, "--control", "off"];
  const manager = scene.start("manager", words, {
    namespace: withoutTerminal(place),
    env: { NO_COLOR: "1", HOME: home, NOROUTER_CACHE: `${home}/cache`, ...env },
  });
  await manager.line(/Every host is ready/, { limitMs: 60_000 });
  return manager;
}

portableTest("rules lead to a machine behind ssh, and to what only it reaches", async (
  scene,
  { file },
) => {
  const centre = await Centre.make(scene);
  const { cable, sshd, far } = await centre.ssh();
  const config = `Host box\n  HostName ${cable.far}\n  Port ${sshd.port}\n` +
    `  IdentityFile ${centre.key}\n`;
  await centre.near.write("config", config);
  const inner = "10.88.0.1";
  await run(far.machine.command("ip", "address", "add", `${inner}/32`, "dev", "lo"));
  await scene.server(far.machine, "http", 8080, "box");
  await scene.server(far.machine, "http", `${inner}:80`, "inner");

  const egress = ["tcp:5000:box:8080", `tcp:5001:${inner}:80`];
  const manager = await started(scene, centre, { to: "ssh: box", egress, file });
  assert.equal(await curl(centre.place, "http://127.0.0.1:5000/x"), "box /x");
  assert.equal(await curl(centre.place, "http://127.0.0.1:5001/y"), "inner /y");
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
}, { needs: ["namespaces", ...SSH_NEEDS, "setsid", "curl"], limitMs: 180_000 });

dockerTest("a rule leads to a container without a network", async (
  docker,
  scene,
  { file },
) => {
  const centre = await Centre.make(scene);
  const { container } = await centre.docker(docker);
  const serve = "mkdir /www; echo far > /www/name; httpd -p 127.0.0.1:8080 -h /www";
  await container.exec("sh", "-c", serve);

  const [, host] = docker.command().slice(1);
  const manager = await started(scene, centre, {
    to: `docker: ${container.name}`,
    egress: [`tcp:5000:${container.name}:8080`],
    file,
    env: host === undefined ? {} : { DOCKER_HOST: host },
  });
  assert.equal(await curl(centre.place, "http://127.0.0.1:5000/name"), "far");
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
}, { needs: [...SSH_NEEDS, "setsid", "curl"], limitMs: 180_000 });
