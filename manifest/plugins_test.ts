import assert from "node:assert/strict";
import { transports } from "./_said.ts";
import { formatDiagnostic, ManifestError } from "./source/diagnostic.ts";
import type { PluginProblem, PluginUse, SpecParser } from "./manifest.ts";
import { parseManifest } from "./parse.ts";
import { readWithPlugins } from "./plugins.ts";

const SHA = "ab".repeat(32);

/** A plug-in that takes an even number. */
const even: SpecParser = {
  name: "file:///even.ts",
  parse(spec) {
    if (Number((spec as { n?: number } | undefined)?.n) % 2 === 0) return spec;
    const message = `wanted an even number`;
    throw Object.assign(new Error(message), { path: spec ? ["n"] : [] });
  },
};

/** Reads a manifest with what finds its plug-ins. */
function read(text: string, find?: (named: PluginUse) => SpecParser | PluginProblem) {
  const options = { path: "mesh.yaml", transports };
  return parseManifest(text, find ? { ...options, findPlugin: find } : options);
}

/** What is said about it. */
function said(text: string, find: typeof even | PluginProblem | undefined = even) {
  try {
    return read(text, find && (() => find)).warnings.map(formatDiagnostic);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.diagnostics.map(formatDiagnostic);
  }
}

Deno.test("a plug-in's parser gets what stands under with, and names the transport", () => {
  const { hosts } = read(
    "hosts:\n  a:\n    transport: ./even.ts\n    with: { n: 4 }\n",
    () => even,
  );
  assert.deepEqual(hosts[0]!.transport, {
    name: "file:///even.ts",
    spec: { n: 4 },
    options: { n: 4 },
    at: { file: "mesh.yaml", line: 3, column: 16 },
  });
  assert.equal(hosts[0]!.install, "auto");
});

Deno.test("what a plug-in's parser refuses is located in with, or at transport without one", () => {
  assert.deepEqual(said("hosts:\n  a:\n    transport: ./e.ts\n    with: { n: 3 }\n"), [
    `mesh.yaml:4:16: error: "with": wanted an even number`,
  ]);
  assert.deepEqual(said("hosts:\n  a:\n    transport: ./e.ts\n"), [
    `mesh.yaml:3:16: error: "transport": wanted an even number`,
  ]);
});

Deno.test("why a plug-in has no parser is said at each transport that names it", () => {
  const text = "hosts:\n  a: { transport: ./e.ts }\n  b: { transport: ./e.ts }\n";
  assert.deepEqual(said(text, { problem: "not today", isError: true }), [
    "mesh.yaml:2:19: error: not today",
    "mesh.yaml:3:19: error: not today",
  ]);
  assert.deepEqual(said(text, { problem: "not today", isError: false }), [
    "mesh.yaml:2:19: warning: not today",
    "mesh.yaml:3:19: warning: not today",
  ]);
});

Deno.test("where manifests are only parsed, a plug-in is an error", () => {
  assert.throws(
    () => read("hosts: { a: { transport: ./e.ts } }"),
    /mesh.yaml:1:26: error: the plug-in ".\/e.ts" is not loaded here/,
  );
});

const wrong: [string, string, string[]][] = [
  ["two ways to a host", "hosts:\n  a:\n    cmd: x\n    transport: ./e.ts\n", [
    `mesh.yaml:4:5: error: "transport" and "cmd" (mesh.yaml:3:5) are two ways to reach ` +
    `one host; wanted one`,
  ]],
  ["with alone", "hosts:\n  a: { with: { n: 4 } }\n", [
    `mesh.yaml:2:8: error: "with" is for the plug-in of a "transport", which is missing here`,
  ]],
  ["a built-in transport", "hosts: { a: { transport: ssh } }", [
    `mesh.yaml:1:26: error: "ssh" is no plug-in; write "ssh: …" instead of "transport" ` +
    `and "with"`,
  ]],
  ["a transport that is no text", "hosts: { a: { transport: [] } }", [
    `mesh.yaml:1:26: error: "transport" is a list; wanted a plug-in's path or URL`,
  ]],
  [
    "a transport in the template",
    "hostTemplate: { transport: ./e.ts, with: 1 }\nhosts: { a: {} }",
    [
      `mesh.yaml:1:17: error: "hostTemplate" must not have "transport", which differs by host`,
      `mesh.yaml:1:36: error: "hostTemplate" must not have "with", which differs by host`,
    ],
  ],
  ["locks that are a list", "plugins: [x]\nhosts: { a: {} }", [
    `mesh.yaml:1:10: error: "plugins" is a list; wanted a map from plug-ins to their locks`,
  ]],
  [
    "locks that are none",
    `plugins:
  ./a.ts: sha256:123
  ./b.ts: registry
  npm:c@1.0.0: sha256:${SHA}
  ./d.ts:
hosts: { a: {} }`,
    [
      `mesh.yaml:2:11: error: the lock of "./a.ts" is "sha256:123"; wanted "sha256:" and ` +
      `64 hexadecimal digits`,
      `mesh.yaml:3:11: error: the lock of "./b.ts" is "registry"; wanted "sha256:" and ` +
      `64 hexadecimal digits`,
      `mesh.yaml:4:16: error: the lock of "npm:c@1.0.0" is "sha256:${
        SHA.slice(0, 72)
      }"; ` +
      `wanted "registry", as packages are locked by their exact version`,
      `mesh.yaml:5:10: error: the lock of "./d.ts" is nothing; wanted "sha256:" and ` +
      `64 hexadecimal digits`,
    ],
  ],
  [
    "a lock of nothing",
    `plugins: { ./f.ts: sha256:${SHA} }\nhosts: { a: { transport: ./e.ts, with: { n: 2 } } }`,
    [
      `mesh.yaml:1:12: warning: no host has the transport "./f.ts", exactly so, which ` +
      `"plugins" names`,
    ],
  ],
];
for (const [name, text, messages] of wrong) {
  Deno.test(`plug-ins: ${name}`, () => assert.deepEqual(said(text), messages));
}

Deno.test("each plug-in is loaded once, with its lock, and then its values are checked", async () => {
  const text = `
plugins:
  "https://e.test/e.ts": SHA256:${SHA.toUpperCase()}
  npm:even@1.0.0: registry
hosts:
  a: { transport: "https://e.test/e.ts", with: { n: 2 } }
  b: { transport: "https://e.test/e.ts", with: { n: 4 } }
  c: { transport: npm:even@1.0.0, with: { n: 6 } }
  d: { transport: ./e.ts, with: { n: 8 }, ports: ["1:a:1"] }
`.replace("SHA256:", "sha256:");
  const loaded: unknown[] = [];
  const manifest = await readWithPlugins("/base", {
    load(named, base) {
      loaded.push(base, ...named.map(({ specifier, lock }) => [specifier, lock?.sha256]));
      return Promise.resolve();
    },
    find: () => even,
  }, (find) => read(text, find));
  assert.deepEqual(loaded, [
    "/base",
    ["https://e.test/e.ts", SHA],
    ["npm:even@1.0.0", undefined],
    ["./e.ts", undefined],
  ]);
  assert.deepEqual(manifest.warnings, []);
  assert.deepEqual(manifest.hosts.map(({ transport }) => transport!.options), [
    { n: 2 },
    { n: 4 },
    { n: 6 },
    { n: 8 },
  ]);
});

Deno.test("nothing is loaded for a manifest that is wrong, or names no plug-in", async () => {
  const loader = {
    load: () => Promise.reject(new Error("it was loaded")),
    find: () => even,
  };
  await assert.rejects(
    readWithPlugins(
      ".",
      loader,
      (find) => read("hosts: { a: { transport: ./e.ts, vip: x } }", find),
    ),
    /vip "x" is not/,
  );
  await readWithPlugins(".", loader, (find) => read("hosts: { a: {} }", find));
});
