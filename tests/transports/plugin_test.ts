/**
 * Meshes whose hosts are reached by plug-ins: files, URLs and packages, from the checkout
 * and from the package.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { bundle } from "../../release/program.ts";
import { curl } from "../harness/web/curl.ts";
import { NOROUTER, readyLine } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { NAME, Project, registry } from "../harness/packages/package.ts";
import { Process, run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";

/** A transport that starts agents with the words under `with`. */
const FAR = `
import type { Plugin } from "@norouter/cli/transport";
export default (({ SpecError, openProcess }) => ({
  name: "far",
  parse(spec: unknown): readonly string[] {
    const { words } = spec as { words?: unknown };
    if (!Array.isArray(words)) throw new SpecError(["words"], "wanted a list of words");
    return words;
  },
  describe: (words) => "far: " + words.at(-1),
  async open(words, context) {
    return await openProcess([...words, "agent", "--automated"], context);
  },
})) satisfies Plugin;
`;
const LOCK = `sha256:${createHash("sha256").update(FAR).digest("hex")}`;

/** An https server of one file with a certificate for 127.0.0.1, and the certificate. */
async function httpsServer(scene: Scene, namespace: Namespace, port: number) {
  const folder = await scene.folder();
  const [key, cert] = [`${folder}/key.pem`, `${folder}/cert.pem`];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const pair = ["-days", "1", "-nodes", "-keyout", key, "-out", cert];
  await run(["openssl", "req", "-x509", ...pair, ...subject, ...leaf]);
  await Deno.writeTextFile(`${folder}/served.ts`, FAR);
  const script = `Deno.serve({
    hostname: "127.0.0.1",
    port: ${port},
    key: Deno.readTextFileSync("${key}"),
    cert: Deno.readTextFileSync("${cert}"),
    onListen: () => console.log("listening"),
  }, ({ url }) => {
    const { pathname } = new URL(url);
    console.log(pathname);
    if (pathname === "/away.ts") return Response.redirect("http://127.0.0.1:${port}/far.ts");
    return new Response(Deno.readTextFileSync("${folder}/served.ts"));
  });`;
  await Deno.writeTextFile(`${folder}/server.ts`, script);
  const command = [Deno.execPath(), "run", "-A", `${folder}/server.ts`];
  const server = scene.start("https server", command, { namespace });
  await server.line(/^listening$/);
  return { server, cert };
}

/** What stands in a manifest for hosts that plug-ins reach. */
function hostsOf(
  there: Readonly<Record<string, readonly [string, Namespace]>>,
  program: readonly string[] = NOROUTER,
) {
  let number = 101;
  const hosts = Object.entries(there).map(([name, [transport, namespace]]) => [name, {
    vip: `127.0.42.${number++}`,
    transport,
    with: { words: namespace.command(...program) },
    ports: ["8080:127.0.0.1:80"],
  }]);
  return { local: { vip: "127.0.42.100" }, ...Object.fromEntries(hosts) };
}

e2e(
  "plug-ins from a file and over https reach hosts, with a lock and with leave",
  async (scene) => {
    const here = await scene.namespace();
    const [one, two, three] = [
      await scene.namespace(),
      await scene.namespace(),
      await scene.namespace(),
    ];
    const { cert } = await httpsServer(scene, here, 8443);
    const folder = await scene.folder();
    await Deno.writeTextFile(`${folder}/far.ts`, FAR);
    const [locked, allowed] = ["locked", "allowed"].map((name) =>
      `https://127.0.0.1:8443/${name}.ts`
    ) as [string, string];
    const manifest = {
      plugins: { [locked]: LOCK },
      hostTemplate: { stateDir: { disable: true } },
      hosts: hostsOf({
        file: ["./far.ts", one],
        locked: [locked, two],
        allowed: [allowed, three],
      }),
    };
    await Deno.writeTextFile(`${folder}/mesh.yaml`, JSON.stringify(manifest));
    const options = { namespace: here, env: { NO_COLOR: "1", DENO_CERT: cert } };

    // Not where the manifest is: its folder counts.
    const refused = scene.start("refused", [...NOROUTER, `${folder}/mesh.yaml`], options);
    assert.equal((await refused.end()).code, 1);
    assert.match(
      refused.since(),
      new RegExp(`error: the plug-in ${allowed} is code from elsewhere.*${LOCK}`),
    );

    const start = [...NOROUTER, "--allow-plugin", allowed, `${folder}/mesh.yaml`];
    const manager = scene.start("manager", start, options);
    for (const host of ["file", "locked", "allowed"]) {
      await manager.line(readyLine(host));
    }
    assert.match(manager.since(), /locked +127.0.42.102 +8080 +far: \S+cli.ts\n/);
    for (const [index, namespace] of [one, two, three].entries()) {
      await scene.server(namespace, "http", 80, `host ${index}`);
      const url = `http://127.0.42.${101 + index}:8080/x`;
      assert.equal(await curl(here, url), `host ${index} /x`);
    }
    manager.signal("SIGINT");
    assert.equal((await manager.end()).code, 0);

    // What is served is another file now.
    await Deno.writeTextFile(`${folder}/served.ts`, `${FAR}\n`);
    const changed = scene.start("changed", start, options);
    assert.equal((await changed.end()).code, 1);
    assert.match(
      changed.since(),
      /the plug-in https:\S+\/locked.ts is not the one that is locked at .*mesh.yaml:1:/,
    );
  },
  { needs: ["openssl", "curl"], limitMs: 90_000 },
);

e2e("a redirect does not lead out of what is encrypted", async (scene) => {
  const here = await scene.namespace();
  const { cert } = await httpsServer(scene, here, 8443);
  const url = "https://127.0.0.1:8443/away.ts";
  const path = `${await scene.folder()}/mesh.yaml`;
  await Deno.writeTextFile(path, `hosts: { a: { transport: "${url}" } }\n`);
  const options = { namespace: here, env: { NO_COLOR: "1", DENO_CERT: cert } };
  const up = scene.start("up", [...NOROUTER, "--allow-plugin", url, path], options);
  assert.equal((await up.end()).code, 1);
  assert.match(up.since(), /is redirected to http:\S+, which is not followed/);
}, { needs: ["openssl"] });

e2e("check asks no server for a plug-in that nobody allowed", async (scene) => {
  const here = await scene.namespace();
  const { server, cert } = await httpsServer(scene, here, 8443);
  const url = "https://127.0.0.1:8443/far.ts";
  const manifest = `hosts: { a: { transport: "${url}", with: { words: 7 } } }\n`;
  const path = `${await scene.folder()}/mesh.yaml`;
  await Deno.writeTextFile(path, manifest);
  const options = { namespace: here, env: { NO_COLOR: "1", DENO_CERT: cert } };
  const check = [...NOROUTER, "check", path];
  const unasked = scene.start("check", check, options);
  assert.equal((await unasked.end()).code, 0);
  assert.match(unasked.since(), /:1:26: warning: the plug-in \S+ was not fetched or run/);
  assert.doesNotMatch(server.since(), /far.ts/);
  const asked = scene.start("check", [...check, "--allow-plugin", url], options);
  assert.equal((await asked.end()).code, 1);
  assert.match(asked.since(), /:1:\d+: error: "with": wanted a list of words/);
  assert.match(server.since(), /far.ts/);
}, { needs: ["openssl"] });

e2e(
  "the program of the package loads plug-ins too, also from a registry",
  async (scene) => {
    const here = await scene.namespace();
    const project = await Project.make(scene, here);
    const [one, two, three] = [
      await scene.namespace(),
      await scene.namespace(),
      await scene.namespace(),
    ];
    for (const namespace of [one, two, three]) await registry(scene, namespace);
    const program = [Deno.execPath(), "run", "--quiet", "-A", `jsr:${NAME}`];
    // The registry serves what lies beside the package.
    const packages = dirname(dirname(dirname(project.packed)));
    const published = `${packages}/@me/far/1.2.3`;
    await Deno.mkdir(published, { recursive: true });
    const config = { name: "@me/far", version: "1.2.3", exports: "./mod.ts" };
    await Deno.writeTextFile(`${published}/deno.json`, JSON.stringify(config));
    await Deno.writeTextFile(`${published}/mod.ts`, FAR);

    await project.write("far.ts", `export { default } from "./other.ts";`);
    await project.write("other.ts", FAR);
    await project.write("locked.ts", FAR);
    const manifest = {
      plugins: { "./locked.ts": LOCK, "jsr:@me/far@1.2.3": "registry" },
      hostTemplate: { stateDir: { disable: true } },
      hosts: hostsOf({
        file: ["./far.ts", one],
        locked: ["./locked.ts", two],
        jsr: ["jsr:@me/far@1.2.3", three],
      }, program),
    };
    // From standard input, relative paths begin at the working directory.
    const input = `${await scene.folder()}/input.yaml`;
    await Deno.writeTextFile(input, JSON.stringify(manifest));

    const command = ["sh", "-c", `exec "$@" - < ${input}`, "sh", ...program];
    const manager = scene.keep(new Process("manager", command, project.options));
    for (const host of ["file", "locked", "jsr"]) await manager.line(readyLine(host));
    manager.signal("SIGINT");
    assert.equal((await manager.end()).code, 0);
  },
  { limitMs: 90_000 },
);

e2e(
  "the program as one bundle, as executables carry it, loads plug-ins too",
  async (scene) => {
    const here = await scene.namespace();
    const folder = await scene.folder();
    await bundle(folder, () => {});
    await Deno.writeTextFile(`${folder}/far.ts`, FAR);
    await Deno.writeTextFile(`${folder}/locked.ts`, FAR);
    const manifest = {
      plugins: { "./locked.ts": LOCK },
      hosts: {
        file: { transport: "./far.ts", with: { words: [] } },
        locked: { transport: "./locked.ts", with: { words: 7 } },
      },
    };
    await Deno.writeTextFile(`${folder}/mesh.yaml`, JSON.stringify(manifest));
    const bare = ["run", "-A", "--no-config", "--no-lock", `${folder}/app/cli.js`];
    const allowed = ["./far.ts", "./locked.ts"].flatMap((
      path,
    ) => ["--allow-plugin", path]);
    const command = [Deno.execPath(), ...bare, "check", ...allowed, "mesh.yaml"];
    const options = { namespace: here, cwd: folder, env: { NO_COLOR: "1" } };
    const check = scene.start("check", command, options);
    assert.equal((await check.end()).code, 1);
    assert.match(
      check.since(),
      /^mesh.yaml:1:\d+: error: "with": wanted a list of words$/,
    );
  },
);
