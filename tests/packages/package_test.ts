/**
 * The package, packed and published as for jsr.io, but to a registry of the tests, and
 * used from there alone: nothing that runs here comes from the checkout.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { readyLine } from "../harness/scene/mesh.ts";
import {
  EXPORTS,
  NAME,
  Project,
  registry,
  VERSION,
} from "../harness/packages/package.ts";
import { Process, run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";

/** The program of the package, as its users start it. */
const PROGRAM = [Deno.execPath(), "run", "--quiet", "-A", `jsr:${NAME}`];
/** What is in the package beside code. */
const PAGES =
  /^\/(LICENSE|NOTICE|schema\.json|[A-Z]+\.md|docs\/[\w-]+\.md|examples\/([\w-]+\.(json|md|service|yaml|yml)|chroot.ts))$/;
/** What JSR takes. */
const LIMIT_BYTES = 20e6;

e2e("the package has all that its exports lead to, and no other code", async (scene) => {
  const project = await Project.make(scene, await scene.namespace());
  // A plug-in is imported from wherever the manifest says, which no analysis can tell.
  const [warning, ...more] = project.output.split(/(?=warning\b)/i).slice(1);
  assert.match(
    warning!,
    /^warning.*unanalyzable-dynamic-import.*\n.*transports\/plugins\/load.ts/,
  );
  assert.deepEqual(more, []);

  const wanted = new Set(["/deno.json", "/stack/lwip.wasm"]);
  for (const name of EXPORTS) {
    const reached = await project.reached(`jsr:${NAME}${name.slice(1)}`);
    assert.ok(reached.length > 0, `"${name}" leads to nothing`);
    for (const path of reached) wanted.add(path);
  }
  // What goes in is said in deno.json, under "publish".
  const code = new Set(project.files.filter((path) => !PAGES.test(path)));
  assert.deepEqual(
    { needless: [...code.difference(wanted)], missing: [...wanted.difference(code)] },
    { needless: [], missing: [] },
  );
});

e2e(
  "the package has licence, pages and examples, and no link leaves it",
  async (scene) => {
    const project = await Project.make(scene, await scene.namespace());
    const { files, packed } = project;
    for (
      const name of ["README.md", "CHANGELOG.md", "LICENSE", "NOTICE", "docs/README.md"]
    ) {
      assert.ok(files.includes(`/${name}`), `${name} is not in the package`);
    }
    const bytes = files.reduce((sum, path) => sum + Deno.statSync(packed + path).size, 0);
    assert.ok(bytes < LIMIT_BYTES, `the package has ${bytes} bytes`);

    let links = 0;
    for (const path of files.filter((path) => path.endsWith(".md"))) {
      const page = Deno.readTextFileSync(packed + path).replace(/^```.*?^```$/gms, "");
      for (const [, target = ""] of page.matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const there = new URL(target, `file://${path}`).pathname.replace(/\/$/, "");
        const isThere = files.some((file) =>
          file === there || file.startsWith(`${there}/`)
        );
        assert.ok(isThere, `${path} links to ${there}, which is not in the package`);
        links++;
      }
    }
    assert.ok(links > 20, `only ${links} links were found`);
  },
);

e2e(
  "the stack is in the package as it was built, although git ignores it",
  async (scene) => {
    const { packed } = await Project.make(scene, await scene.namespace());
    const built = Deno.readFileSync(new URL("../../stack/lwip.wasm", import.meta.url));
    assert.deepEqual(Deno.readFileSync(`${packed}/stack/lwip.wasm`), built);
  },
);

e2e(
  "the program runs from the package, by name, by address, and installed",
  async (scene) => {
    const project = await Project.make(scene, await scene.namespace());
    const byName = await project.deno(...PROGRAM.slice(1), "--version");
    assert.match(byName, new RegExp(`^norouter ${VERSION.replaceAll(".", "\\.")}\\b`));
    const byAddress = await project.deno(
      "run",
      "-A",
      `${project.url}/cli.ts`,
      "--version",
    );
    assert.ok(byAddress.includes(byName.trim()), byAddress);
    const root = `${project.folder}/installed`;
    const install = ["install", "--global", "-A", "--root", root, "--name", "norouter"];
    await project.deno(...install, `jsr:${NAME}`);
    const installed = await run([`${root}/bin/norouter`, "--version"], project.options);
    assert.ok(installed.includes(byName.trim()), installed);

    const example = await project.deno(...PROGRAM.slice(1), "show-example");
    await project.write("mesh.yaml", example);
    await project.deno(...PROGRAM.slice(1), "check", "mesh.yaml");
    await project.write("wrong.yaml", "hosts:\n  web: { vip: 127.0.42.999, cmd: x }\n");
    const check = [...PROGRAM, "check", "wrong.yaml"];
    const wrong = scene.keep(new Process("check", check, project.options));
    assert.equal((await wrong.end()).code, 1);
    assert.match(wrong.since(), /^wrong\.yaml:2:15: error: /m);
  },
);

e2e("a mesh from the package carries curl both ways", async (scene) => {
  const here = await scene.namespace();
  const there = await scene.namespace();
  const project = await Project.make(scene, here);
  // The agent on the other host gets its program from the package too.
  const served = await registry(scene, there);
  const ports = ["8080:127.0.0.1:80"];
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      local: { vip: "127.0.42.100", ports },
      web: { vip: "127.0.42.101", ports, cmd: there.command(...PROGRAM) },
    },
  };
  await project.write("mesh.yaml", JSON.stringify(manifest)); // JSON is YAML
  await scene.server(here, "http", 80, "local");
  await scene.server(there, "http", 80, "web");
  const command = [...PROGRAM, "mesh.yaml"];
  const manager = scene.keep(new Process("manager", command, project.options));
  for (const host of ["local", "web"]) await manager.line(readyLine(host));

  assert.equal(await curl(here, "http://127.0.42.101:8080/there"), "web /there");
  assert.equal(await curl(there, "http://127.0.42.100:8080/back"), "local /back");
  manager.signal("SIGINT");
  assert.equal((await manager.end()).code, 0);

  // What was fetched is kept, the stack too: the same again without that registry.
  served.signal("SIGTERM");
  await served.end();
  const again = scene.keep(new Process("manager", command, project.options));
  for (const host of ["local", "web"]) await again.line(readyLine(host));
  again.signal("SIGINT");
  assert.equal((await again.end()).code, 0);
});

/** The first block of TypeScript in a page, or in a module's comment. */
function example(text: string): string {
  const [, code] = /^(?: \* )?```ts\n(.*?)^(?: \* )?```$/ms.exec(text) ?? [];
  assert.ok(code !== undefined, "there is no example");
  return code.replace(/^ \* ?/gm, "");
}

e2e("the examples of the library are right and run from the package", async (scene) => {
  const project = await Project.make(scene, await scene.namespace());
  const { packed } = project;
  await project.write("use.ts", example(Deno.readTextFileSync(`${packed}/README.md`)));
  await project.deno("run", "--check", "-A", "use.ts");
  await project.write("library.md", Deno.readTextFileSync(`${packed}/docs/library.md`));
  const tested = await project.deno("test", "-A", "--doc", "library.md");
  assert.match(tested, /^ok \| [1-9]\d* passed \| 0 failed/m);
});

e2e("a mistake in the use of the library is a type error", async (scene) => {
  const project = await Project.make(scene, await scene.namespace());
  const right = `import { builtinTransports, loadManifest } from "${NAME}/mod";
await loadManifest("mesh.yaml", { transports: builtinTransports });
`;
  await project.write("right.ts", right);
  await project.deno("check", "right.ts");
  await project.write("wrong.ts", right.replace('"mesh.yaml"', "42"));
  await assert.rejects(project.deno("check", "wrong.ts"), /TS2345/);
});

/** An echo for links of the documented transport, and the suite that runs on them. */
const SUITE = `
import { conformance } from "${NAME}/testing";

conformance("tcp", {
  async echo(context) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    echo(listener);
    try {
      const options = tcp.parse(\`127.0.0.1:\${listener.addr.port}\`);
      return await tcp.open(options, context);
    } catch (error) {
      listener.close();
      throw error;
    }
  },
});

async function echo(listener: Deno.TcpListener): Promise<void> {
  try {
    using conn = await listener.accept();
    listener.close();
    const buffer = new Uint8Array(65_536);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      for (let at = 0; at < count;) at += await conn.write(buffer.subarray(at, count));
    }
  } catch { /* The link was aborted. */ }
}
`;

e2e(
  "a transport of its author passes the suite, one with a fault does not",
  async (scene) => {
    const project = await Project.make(scene, await scene.namespace());
    const contract = Deno.readTextFileSync(`${project.packed}/transports/mod.ts`);
    const transport = example(contract);
    await project.write("tcp_test.ts", transport + SUITE);
    const passed = await project.deno("test", "-A", "tcp_test.ts");
    assert.match(passed, /^ok \| (1[5-9]|[2-9]\d) passed \| 0 failed/m);

    const halfClose = "close: () => conn.closeWrite()";
    assert.ok(transport.includes(halfClose));
    const faulty = transport.replace(halfClose, 'close: () => end(true, "closed")');
    await project.write("tcp_test.ts", faulty + SUITE);
    await assert.rejects(project.deno("test", "-A", "tcp_test.ts"), /\d+ failed/);
  },
  { limitMs: 120_000 },
);
