/**
 * Manifests of what was found.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { parseManifest } from "../../manifest/parse.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { draftManifest } from "./draft.ts";
import { type Candidate, SOURCES } from "./source.ts";

const WEB: Candidate = {
  source: "docker",
  id: "web",
  base: "web",
  spec: "web",
  state: "running",
  isRunning: true,
  about: "nginx:1.27",
  ports: [],
};

function port(port: number, protocol = "tcp", name = "") {
  return { port, protocol, name };
}

/** The part of a manifest behind its head. */
function bodyOf(targets: readonly Candidate[]): string {
  return draftManifest(targets, "mesh.yaml").text.replace(/^(#.*\n)*/, "");
}

Deno.test("a manifest has this machine, and each host with where it comes from", () => {
  const pod: Candidate = {
    ...WEB,
    source: "kubectl",
    id: "gke/default/web-1",
    spec: { pod: "web-1", namespace: "default", context: "gke" },
    ports: [port(80, "tcp", "http"), port(53, "udp")],
    advice: ["pod: deployment/web would do as well"],
  };
  const stopped: Candidate = {
    ...WEB,
    base: "db",
    id: "db",
    spec: "db",
    isRunning: false,
  };
  assert.equal(
    bodyOf([pod, { ...stopped, state: "exited", sharesNetwork: true }]),
    `hosts:
  # This machine: the host without a way to it. What it publishes, for example:
  # ports: ["3000:127.0.0.1:3000"]
  local: {}

  # kubectl gke/default/web-1: nginx:1.27
  # pod: deployment/web would do as well
  web:
    kubectl: { pod: web-1, namespace: default, context: gke }
    # not over TCP, so not in a mesh: 53/udp
    ports:
      - "8080:127.0.0.1:80" # http

  # docker db: nginx:1.27 (exited)
  db:
    docker: db
    # It has this machine's network, where the addresses of the mesh are in use already.
    loopback: { disable: true }
    # ports: ["8080:127.0.0.1:80"]
`,
  );
});

Deno.test("ports below 1024 are listened on above, where another port is not", () => {
  const ports = [port(80), port(443), port(8080), port(8443), port(8444)];
  const { hosts } = parse(bodyOf([{ ...WEB, ports }]));
  assert.deepEqual(hosts.web.ports, [
    "8081:127.0.0.1:80",
    "8445:127.0.0.1:443",
    "8080:127.0.0.1:8080",
    "8443:127.0.0.1:8443",
    "8444:127.0.0.1:8444",
  ]);
});

Deno.test("the comments name the file, on lines of their own", () => {
  const { text } = draftManifest([WEB], "a\nhosts: {evil: {}}\n'.yaml");
  assert.deepEqual(Object.keys(parse(text).hosts), ["local", "web"]);
});

Deno.test("whatever things are called and say, the manifest has just them and is right", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom("\n", "\r", " ", "#", ":", "a", "-", '"', "\u2028"),
    }),
  );
  const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,80}$/);
  const target: fc.Arbitrary<Candidate> = fc.record({
    source: fc.constantFrom(...SOURCES),
    id: text,
    base: text,
    spec: name,
    state: text,
    isRunning: fc.boolean(),
    about: text,
    ports: fc.array(fc.record({
      port: fc.integer({ min: 1, max: 65_535 }),
      protocol: fc.constantFrom("tcp", "udp", "x\ny"),
      name: text,
    })),
    sharesNetwork: fc.boolean(),
    advice: fc.array(text),
  });
  fc.assert(fc.property(fc.array(target, { maxLength: 5 }), (targets) => {
    const { text, hosts } = draftManifest(targets, "mesh.yaml");
    const manifest = parseManifest(text, {
      path: "mesh.yaml",
      transports: builtinTransports,
    });
    assert.deepEqual(manifest.hosts.map(({ name }) => name), hosts);
    assert.deepEqual(manifest.warnings.filter(({ failsCheck }) => failsCheck), []);
    for (const [i, { source, spec }] of targets.entries()) {
      const { transport } = manifest.hosts[i + 1]!;
      assert.deepEqual([transport?.name, transport?.spec], [source, spec]);
    }
  }));
});
