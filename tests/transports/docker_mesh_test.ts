/**
 * A mesh of this machine and three containers without a network: with no C library, with
 * Debian's, and with nothing at all.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dockerTest } from "../harness/engines/docker.ts";
import { busyboxRoot, glibcRoot } from "../harness/engines/image_root.ts";
import { readyLine } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";
import { until } from "../harness/scene/wait.ts";

const FOLDER = "/norouter-linux-x64";
/** How the folder form starts where there is no shell, as its page says. */
const BARE = [
  `${FOLDER}/ld.so`,
  "--library-path",
  `${FOLDER}/lib`,
  `${FOLDER}/deno`,
];
const PROGRAM = [
  ...BARE,
  "run",
  "--quiet",
  "--allow-all",
  "--no-config",
  "--no-lock",
  `${FOLDER}/app/cli.js`,
];
/** What the launcher runs, and a client. */
const TOOLS = ["chmod", "dd", "id", "ls", "mkdir", "mv", "rm", "sleep", "curl"];

/** A program for Deno that answers with a name and the path that it was asked for. */
function server(name: string): string {
  return `Deno.serve({ hostname: "127.0.0.1", port: 80 },
    (request) => new Response("${name} " + new URL(request.url).pathname))`;
}

dockerTest(
  "curl reaches a service between all pairs of a machine and three containers",
  async (docker, scene, { file, folder }) => {
    const base = await scene.folder();
    const deno = Deno.execPath();
    await busyboxRoot(`${base}/busybox`);
    // Files are all that its server has.
    await Deno.mkdir(`${base}/busybox/www/from`, { recursive: true });
    for (const from of ["laptop", "busybox", "debian", "empty"]) {
      const page = `${base}/busybox/www/from/${from}`;
      await Deno.writeTextFile(page, `busybox /from/${from}`);
    }
    await glibcRoot(`${base}/debian`, [...TOOLS, deno]);
    await Deno.mkdir(`${base}/empty`);

    const busybox = await docker.container(
      await docker.image(`${base}/busybox`),
      ["httpd", "-f", "-p", "127.0.0.1:80", "-h", "/www"],
      { files: [[file, "/bin/norouter"]] },
    );
    const debian = await docker.container(
      await docker.image(`${base}/debian`),
      ["deno", "eval", server("debian")],
      { files: [[file, "/usr/local/bin/norouter"]] },
    );
    const empty = await docker.container(
      await docker.image(`${base}/empty`),
      [...BARE, "eval", server("empty")],
      { files: [[folder, FOLDER]] },
    );

    const here = await scene.namespace();
    await scene.server(here, "http", 80, "laptop");
    const hosts = {
      laptop: {
        vip: "127.0.42.100",
        get: (url: string) => run(here.command("curl", "-sS", "-m", "20", url)),
      },
      busybox: {
        vip: "127.0.42.101",
        cmd: busybox.command("norouter"),
        get: (url: string) => busybox.exec("wget", "-qO-", url),
      },
      debian: {
        vip: "127.0.42.102",
        cmd: debian.command("norouter"),
        get: (url: string) => debian.exec("curl", "-sS", "-m", "20", url),
      },
      empty: {
        vip: "127.0.42.103",
        cmd: empty.command(...PROGRAM),
        get: (url: string) => {
          const script = `console.log(await (await fetch("${url}")).text())`;
          return empty.exec(...BARE, "eval", script);
        },
      },
    };
    for (const [what, { get }] of Object.entries(hosts)) {
      await until(`the server of ${what}`, async () => {
        const answer = await get(`http://127.0.0.1:80/from/laptop`).catch(() => "");
        return answer.trim() === `${what} /from/laptop`;
      }, { everyMs: 200 });
    }

    const manifest = {
      hostTemplate: { stateDir: { disable: true }, ports: ["8080:127.0.0.1:80"] },
      hosts: Object.fromEntries(
        Object.entries(hosts).map(([name, { get: _, ...host }]) => [name, host]),
      ),
    };
    await Deno.writeTextFile(`${base}/mesh.yaml`, JSON.stringify(manifest));
    const manager = scene.start("manager", [file, `${base}/mesh.yaml`], {
      namespace: here,
      env: { NOROUTER_CACHE: `${base}/cache`, NO_COLOR: "1" },
    });
    for (const name of Object.keys(hosts)) await manager.line(readyLine(name));

    for (const [from, { get }] of Object.entries(hosts)) {
      for (const [to, { vip }] of Object.entries(hosts)) {
        const answer = await get(`http://${vip}:8080/from/${from}`);
        assert.equal(answer.trim(), `${to} /from/${from}`, `${from} to ${to}`);
      }
    }
    manager.signal("SIGTERM");
    assert.equal((await manager.end()).code, 0);
    assert.doesNotMatch(manager.since(), /warn|error/i);
  },
  { needs: ["curl", "busybox", "dash", "chroot", "ldd"], limitMs: 120_000 },
);
