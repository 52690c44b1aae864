import assert from "node:assert/strict";
import { formatDiagnostic, ManifestError } from "../manifest/source/diagnostic.ts";
import { parseManifest } from "../manifest/parse.ts";
import { builtinTransports } from "./registry.ts";

const NAMES = ["cmd", "docker", "podman", "kubectl", "lxc", "ssh"];

Deno.test("each built-in transport is found by its own name", () => {
  assert.deepEqual([...builtinTransports.keys()], NAMES);
  for (const [name, transport] of builtinTransports) assert.equal(name, transport.name);
});

/** What is said of a manifest in which `text` stands below `hosts:`. */
function said(text: string): string[] {
  try {
    const options = { path: "mesh.yaml", transports: builtinTransports };
    return parseManifest(`hosts:\n${text}`, options).warnings.map(formatDiagnostic);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.diagnostics.map(formatDiagnostic);
  }
}

Deno.test("the short and the long form of each transport pass the check", () => {
  assert.deepEqual(
    said(`
  web:   { docker: web, ports: ["8080:127.0.0.1:80"] }
  api:   { podman: { container: api, connection: vm } }
  pod:   { kubectl: { pod: nginx, namespace: default, context: gke, container: app } }
  app:   { kubectl: deployment/app }
  any:   { kubectl: { selector: app=web } }
  lx:    { lxc: box }
  vm:    { ssh: "user@host:2222" }
  far:
    ssh:
      host: user@host
      identity: ~/.ssh/far
      jump: gate
      options: { Compression: yes, ServerAliveInterval: 15 }
`),
    [],
  );
});

Deno.test("mistakes in options stand where they are, all at once", () => {
  assert.deepEqual(
    said(`  web:
    docker: { contaner: web, user: [a] }
  vm:
    ssh:
      host: user@host:99999
      jump: [gate, ""]
  lx: { lxc: 7 }
  none: { kubectl: {} }
`),
    [
      `mesh.yaml:3:15: error: "docker": unknown option "contaner"; ` +
      `did you mean "container"?`,
      `mesh.yaml:3:13: error: "docker": "container" is missing, like docker: web`,
      `mesh.yaml:3:36: error: "docker": wanted a user, or USER:GROUP, got ["a"]`,
      `mesh.yaml:6:13: error: "ssh": the port of "user@host:99999" is not from 1 to 65535`,
      `mesh.yaml:7:20: error: "ssh": wanted a host, like "me@gate:2222", got ""`,
      `mesh.yaml:8:14: error: "lxc": wanted an instance's name, or REMOTE:NAME, got 7; ` +
      `put it in quotes`,
      `mesh.yaml:9:20: error: "kubectl": "pod" or "selector" is missing, ` +
      `like kubectl: nginx`,
    ].sort((a, b) => placeOf(a) - placeOf(b)),
  );
});

/** Line and column as one number. */
function placeOf(message: string): number {
  const [, line, column] = /:(\d+):(\d+):/.exec(message)!;
  return Number(line) * 1000 + Number(column);
}

Deno.test("a command and a typed transport are two ways, and both lines are named", () => {
  for (const name of NAMES.slice(1)) {
    assert.deepEqual(
      said(`  web:\n    ${name}: web\n    cmd: docker exec -i web norouter\n`),
      [
        `mesh.yaml:4:5: error: "cmd" and "${name}" (mesh.yaml:3:5) are two ways to reach ` +
        `one host; wanted one`,
      ],
    );
  }
});

Deno.test("a transport's name that is not quite one is told with the one that is", () => {
  assert.deepEqual(said(`  a: {}\n  b: { cmd: x, dockr: web }\n`), [
    `mesh.yaml:3:16: warning: unknown field "dockr" in host "b"; did you mean "docker"?`,
  ]);
});
