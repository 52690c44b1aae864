import assert from "node:assert/strict";
import { parseManifest } from "../../manifest/parse.ts";
import { builtinTransports } from "../../transports/registry.ts";
import type { ListenerStatus } from "../../wire/control/control.ts";
import { listenerFailed, listenersFailed } from "./listeners.ts";

const manifest = parseManifest(
  `hosts:
  local:
    vip: 127.0.42.100
    http: { listen: "127.0.0.1:18080" }
  web:
    vip: 127.0.42.101
    cmd: docker exec -i web norouter
    ports:
      - "8080:127.0.0.1:80"
      - "80:127.0.0.1:80"
`,
  { path: "mesh.yaml", transports: builtinTransports },
);
const [local, web] = manifest.hosts;

function failed(
  address: string,
  code: string,
  kind: ListenerStatus["kind"] = "loopback",
) {
  const error = { code, message: `what the system said of ${code}` };
  return listenerFailed(manifest, local!, { address, kind, error });
}

Deno.test("a busy port names host, address, line and what to look for", () => {
  const event = failed("127.0.42.101:8080", "EADDRINUSE");
  assert.equal(event.at, "mesh.yaml:9:9");
  assert.equal(event.code, "EADDRINUSE");
  assert.match(
    event.message,
    /^mesh\.yaml:9:9: "local" cannot listen on 127\.0\.42\.101:8080: the address is in use; .*ss -ltnp/,
  );
});

Deno.test("a port below 1024 says what gives the right to it", () => {
  const { message, at } = failed("127.0.42.101:80", "EACCES");
  assert.equal(at, "mesh.yaml:10:9");
  assert.match(
    message,
    /not allowed; .*higher port \(above 1023\), .*loopback: \{disable: true\}.*unprivileged_port_start=80/,
  );
  // Of no use to a program that a shell starts through a loader, as the portable one is.
  assert.doesNotMatch(message, /setcap/);
  assert.doesNotMatch(failed("127.0.0.1:80", "EACCES", "http").message, /loopback/);
  assert.equal(failed("127.0.42.101:8080", "EACCES").hint, undefined);
});

Deno.test("an address the machine lacks says how macOS gets it", () => {
  const { hint } = failed("127.0.42.101:8080", "EADDRNOTAVAIL");
  assert.equal(hint, "on macOS: `sudo ifconfig lo0 alias 127.0.42.101 up`");
});

Deno.test("a proxy's address is found at its own line", () => {
  const event = failed("127.0.0.1:18080", "EADDRINUSE", "http");
  assert.match(event.at!, /^mesh\.yaml:4:/);
  assert.match(
    event.message,
    /"local" cannot listen on 127\.0\.0\.1:18080 for its HTTP proxy/,
  );
});

Deno.test("a name server that cannot listen is a warning, and names the likely reason", () => {
  const event = failed("127.0.42.101:10053", "EADDRINUSE", "dns");
  assert.equal(event.level, "warn");
  assert.equal(failed("127.0.42.101:8080", "EADDRINUSE").level, "error");
  assert.equal(event.at, "mesh.yaml:5:3");
  assert.match(
    event.message,
    /"local" cannot listen on 127\.0\.42\.101:10053 for its name server: the address is in use; .*another mesh on this machine has a host with the vip 127\.0\.42\.101/,
  );
});

Deno.test("an unknown code keeps the system's words, an unknown address has no line", () => {
  const event = listenerFailed(manifest, web!, {
    address: "127.0.42.101:10053",
    kind: "loopback",
    error: { code: "EMFILE", message: "too many open files" },
  });
  assert.deepEqual([event.at, event.hint], [undefined, undefined]);
  assert.equal(
    event.message,
    `"web" cannot listen on 127.0.42.101:10053: too many open files`,
  );
});

Deno.test("all listeners of addresses that somebody has are one event, with whom to ask", () => {
  const error = { code: "EADDRINUSE", message: "in use" };
  const dns = (ip: string) => ({ address: `${ip}:10053`, kind: "dns" as const, error });
  const port = (address: string) => ({ address, kind: "loopback" as const, error });
  const listeners = [
    port("127.0.42.101:8080"),
    port("127.0.42.101:80"),
    { address: "127.0.42.100:10053", kind: "dns" as const },
    dns("127.0.42.101"),
    port("127.0.42.102:1"), // of which the name server works
  ];
  const of = (machine: string | undefined, theirs: string | undefined) =>
    listenersFailed(manifest, local!, {
      listeners,
      machine,
      others: [{ name: "web", machine: theirs }],
    });
  const table: [string | undefined, string | undefined, RegExp][] = [
    ["here", "there", /: another mesh on that machine has these addresses; end it, or/],
    [
      "here",
      "here",
      /: "web" of this mesh is on .*; give "web" "loopback: \{disable: true\}"/,
    ],
    [undefined, undefined, /these addresses, or a host of this one that is there too; /],
    ["here", undefined, /these addresses, or a host of this one that is there too; /],
  ];
  for (const [machine, theirs, said] of table) {
    const [first, second, ...more] = of(machine, theirs);
    assert.equal(first!.type, "addressesTaken");
    assert.match(first!.message, said);
    assert.match(
      first!.message,
      /^mesh\.yaml:2:3: "local" cannot listen on 127\.0\.42\.101 \(3 listeners\): /,
    );
    assert.match(second!.message, /127\.0\.42\.102:1: the address is in use/);
    assert.equal(more.length, 0);
  }
});

Deno.test("one listener that is in use is told as before", () => {
  const error = { code: "EADDRINUSE", message: "in use" };
  const listeners = [{ address: "127.0.42.101:10053", kind: "dns" as const, error }];
  const [event, ...more] = listenersFailed(manifest, local!, {
    listeners,
    machine: undefined,
    others: [],
  });
  assert.equal(event!.type, "listenerFailed");
  assert.equal(more.length, 0);
});

Deno.test("an egress rule that cannot listen is told at its own line", () => {
  const egress = [{
    proto: "tcp",
    listenHost: "::1",
    listenPort: 5432,
    connectHost: "web",
    connectPort: 80,
    at: web!.ports[0]!.at,
  }] as const;
  const error = { code: "EADDRINUSE", message: "in use" };
  const status = { address: "[::1]:5432", kind: "egress" as const, error };
  const event = listenerFailed(manifest, { ...local!, egress }, status);
  assert.equal(event.at, "mesh.yaml:9:9");
  assert.match(
    event.message,
    /"local" cannot listen on \[::1\]:5432 for its egress rule: the address is in use/,
  );
});
