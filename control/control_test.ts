// The control socket of a mesh of fake agents, asked as programs do.
import assert from "node:assert/strict";
import { isAbsolute } from "node:path";
import * as v from "valibot";
import { Bench, three } from "../manager/_bench.ts";
import { Live } from "../manager/reload/live.ts";
import type { RunningMesh } from "../manager/running_mesh.ts";
import { settle } from "../link/_fake_clock.ts";
import { ControlClient, ControlError } from "./client.ts";
import { type Control, openControl } from "./control.ts";
import { runningMeshes } from "./place.ts";
import { Change, Event, Rules, Status } from "./schemas.ts";
import { MOST_READERS } from "./sent_events.ts";

const TEXT = `hosts:
  local: { loopback: { disable: true }, vip: 127.0.42.101 }
  a: { cmd: "exit 1", vip: 127.0.42.102 }
`;

interface Scene {
  readonly bench: Bench;
  readonly control: Control;
  readonly client: ControlClient;
  readonly isDown: () => boolean;
}

function test(name: string, use: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    // The client's connection pool outlives its close by a moment.
    sanitizeResources: false,
    async fn() {
      await using bench = await new Bench().start(three);
      let isDown = false;
      const folder = await Deno.makeTempDir({ prefix: "control-test" });
      const path = `${folder}/m-${crypto.randomUUID().slice(0, 8)}.yaml`;
      await Deno.writeTextFile(path, TEXT);
      const live = new Live(bench.mesh as RunningMesh, {
        path,
        bytes: new TextEncoder().encode(TEXT),
      });
      const control = openControl({
        mesh: bench.mesh as RunningMesh,
        live,
        version: "1.2.3",
        down: () => isDown = true,
      });
      const mesh = runningMeshes().find(({ name }) => name === control.name)!;
      const client = new ControlClient(mesh);
      try {
        await use({ bench, control, client, isDown: () => isDown });
      } finally {
        client[Symbol.dispose]();
        await control.close();
        await settle();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** The failure of a request. */
async function failure(answer: Promise<unknown>): Promise<ControlError> {
  try {
    await answer;
  } catch (error) {
    assert.ok(error instanceof ControlError, String(error));
    return error;
  }
  throw new Error("The request did not fail");
}

test("the status has every host, this machine included, and fits its schema", async ({ client }) => {
  const status = await client.ask("GET", "/v1/status") as v.InferOutput<typeof Status>;
  v.parse(Status, status);
  assert.deepEqual(status.hosts.map(({ name, state }) => [name, state]), [
    ["a", "ready"],
    ["b", "ready"],
    ["c", "ready"],
  ]);
  assert.equal(status.mesh.pid, Deno.pid);
  assert.ok(isAbsolute(status.mesh.manifest), status.mesh.manifest);
});

test("events come as they happen, and end with the socket", async ({ client, control }) => {
  const events = client.events();
  let first: Record<string, unknown> | undefined;
  const reading = events.next().then(({ value }) => first = value!);
  // Nobody tells when the request has arrived.
  while (!first) await client.ask("POST", "/v1/reload");
  await reading;
  v.parse(Event, first);
  await control.close();
  for await (const event of events) v.parse(Event, event);
});

test("mistakes are JSON, with a status that says whose they are", async ({ client }) => {
  const nothing = await failure(client.ask("GET", "/v1/nothing"));
  assert.deepEqual([nothing.status, nothing.message], [
    404,
    "There is nothing at /v1/nothing",
  ]);
  assert.equal((await failure(client.ask("PUT", "/v1/status"))).status, 405);
  assert.equal((await failure(client.ask("DELETE", "/v1/hosts/q"))).status, 404);
  assert.equal((await failure(client.ask("DELETE", "/v1/hosts/%ff"))).status, 400);
  assert.equal((await failure(client.ask("POST", "/v1/hosts", [1]))).status, 400);
  const added = await failure(client.ask("POST", "/v1/hosts", { name: "a", host: "{}" }));
  assert.equal(added.status, 409);
  const wrong = { name: "x", host: { vip: "no" } };
  const { status, faults } = await failure(client.ask("POST", "/v1/hosts", wrong));
  assert.equal(status, 422);
  assert.equal(faults.at(-1)!.at, "host add x:1:8");
  const large = { name: "x", host: "x".repeat(2 ** 20) };
  assert.equal((await failure(client.ask("POST", "/v1/hosts", large))).status, 413);
});

test("a change is answered with what changed", async ({ client, bench }) => {
  const change = await client.ask("POST", "/v1/reload");
  v.parse(Change, change);
  assert.deepEqual([...bench.mesh.hosts.keys()], ["local", "a"]);
  const body = { name: "x", host: { cmd: "exit 1" } };
  v.parse(Change, await client.ask("POST", "/v1/hosts", body));
  assert.ok(bench.mesh.hosts.has("x"));
  await client.ask("POST", "/v1/hosts/x/restart");
  v.parse(Change, await client.ask("DELETE", "/v1/hosts/x"));
  assert.ok(!bench.mesh.hosts.has("x"));
});

test("rules are listed, added, removed and saved", async ({ client, bench }) => {
  await client.ask("POST", "/v1/reload");
  const list = async () => {
    const { rules } = v.parse(Rules, await client.ask("GET", "/v1/rules"));
    return rules.map(({ host, kind, rule, added }) => `${host} ${kind} ${rule} ${added}`);
  };
  assert.deepEqual(await list(), []);
  const rule = "tcp:18080:a:80";
  const body = { kind: "egress", rule };
  const { warnings } = v.parse(Change, await client.ask("POST", "/v1/rules", body));
  assert.match(warnings![0]!.message, /leads nowhere: "a" publishes no port/);
  assert.deepEqual(await list(), [`local egress ${rule} true`]);
  assert.equal((await failure(client.ask("POST", "/v1/rules", body))).status, 409);
  const query = `/v1/rules?${new URLSearchParams(body)}`;
  v.parse(Change, await client.ask("DELETE", query));
  assert.equal((await failure(client.ask("DELETE", query))).status, 404);
  v.parse(Change, await client.ask("POST", "/v1/rules", { ...body, save: true }));
  assert.deepEqual(await list(), [`local egress ${rule} false`]);
  const { path } = bench.mesh.manifest;
  assert.equal(
    await Deno.readTextFile(path),
    TEXT.replace("101 }", `101, egress: ["${rule}"] }`),
  );
  const refused = await failure(client.ask("DELETE", query));
  assert.equal(refused.status, 409);
  assert.match(refused.message, /stands at .*\.yaml:2:\d+, and goes when/);
  const wrong = await failure(
    client.ask("POST", "/v1/rules", { ...body, rule: "tcp:1:a" }),
  );
  assert.equal(wrong.status, 422);
  assert.equal(wrong.faults[0]!.at, "proxy add egress tcp:1:a");
  const noKind = await failure(client.ask("POST", "/v1/rules", { rule }));
  assert.deepEqual([noKind.status, noKind.message.slice(0, 9)], [400, 'In "kind"']);
});

/** What a mistake in the form of a request is told as. */
const FORMS: readonly [method: string, path: string, body: unknown, message: string][] = [
  [
    ...["POST", "/v1/rules"] as const,
    { rule: "tcp:1:a:1" },
    `In "kind" of the body: it is missing; wanted "ingress" or "egress"`,
  ],
  [
    ...["POST", "/v1/rules"] as const,
    { kind: "both", rule: "tcp:1:a:1" },
    `In "kind" of the body: it is "both"; wanted "ingress" or "egress"`,
  ],
  [
    ...["POST", "/v1/rules"] as const,
    { kind: "egress", rule: 5 },
    `In "rule" of the body: it is 5; wanted a rule, such as "tcp:5432:db:5432"`,
  ],
  [
    ...["POST", "/v1/rules"] as const,
    { kind: "egress", rule: "tcp:1:a:1", host: { a: 1 } },
    `In "host" of the body: it is a map; wanted the name of a host`,
  ],
  [
    ...["POST", "/v1/rules"] as const,
    { kind: "egress", rule: "tcp:1:a:1", saev: true },
    `In "saev" of the body: there is no such field; did you mean "save"?`,
  ],
  [
    ...["POST", "/v1/hosts"] as const,
    { name: "x", host: null },
    `In "host" of the body: it is null; wanted a map, or YAML as text`,
  ],
  [
    ...["POST", "/v1/hosts"] as const,
    { name: "x", host: "{}", qqqq: 1 },
    `In "qqqq" of the body: there is no such field; there are "name", "host"`,
  ],
  [
    ...["POST", "/v1/hosts"] as const,
    [1],
    `In the body: it is a list; wanted a map with "name", "host"`,
  ],
  [
    ...["DELETE", "/v1/rules?rule=tcp:1:a:1"] as const,
    undefined,
    `In "kind" of the query: it is missing; wanted "ingress" or "egress"`,
  ],
];

test("mistakes in the form of a request are told in the program's words", async ({ client }) => {
  for (const [method, path, body, wanted] of FORMS) {
    const { status, message } = await failure(client.ask(method, path, body));
    assert.deepEqual([status, message], [400, wanted]);
  }
});

/** Writes text to the socket, and gives what comes until the end. */
async function raw(socket: string, text: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  return await new Response(connection.readable).text();
}

test("what is no path, or no HTTP, is a wrong request", async ({ control: { socket } }) => {
  const ask = (line: string) =>
    raw(socket, `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  assert.match(await ask("GET http://[::bad/v1/status HTTP/1.1"), /^HTTP\/1\.1 400 /);
  assert.match(await ask("GET http://x/v1/status HTTP/1.1"), /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(await ask("nonsense"), /^HTTP\/1\.1 400 /);
});

test("a body that is too deep is a wrong request", async ({ client, control: { socket } }) => {
  const [open, shut] = ["[".repeat(100_000), "]".repeat(100_000)];
  const body = `{"name":"x","host":{"cmd":${open}${shut}}}`;
  const answer = await raw(
    socket,
    `POST /v1/hosts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  assert.match(answer, /^HTTP\/1\.1 400 .*maps or lists more than 64 deep/s);
  const text = { name: "x", host: { cmd: ["exit", '[{"\\"[['.repeat(100)] } };
  v.parse(Change, await client.ask("POST", "/v1/hosts", text));
});

test("events are for so many that others can still ask", async ({ client, control }) => {
  const readers: Deno.UnixConn[] = [];
  const request = new TextEncoder().encode("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  while (readers.length < MOST_READERS) {
    const reader = await Deno.connect({ transport: "unix", path: control.socket });
    readers.push(reader);
    await reader.write(request);
    assert.ok(await reader.read(new Uint8Array(1000)), "the head comes at once");
  }
  const { status, message } = await failure(client.events().next());
  assert.deepEqual([status, message], [
    503,
    "48 programs read the events already, which is the most",
  ]);
  await client.ask("GET", "/v1/status");
  for (const reader of readers) reader.close();
  // Those that leave make room.
  for (let head = ""; !head.startsWith("HTTP/1.1 200 ");) {
    using reader = await Deno.connect({ transport: "unix", path: control.socket });
    await reader.write(request);
    const bytes = new Uint8Array(1000);
    head = new TextDecoder().decode(bytes.subarray(0, (await reader.read(bytes))!));
  }
});

test("metrics are text, in the form that was asked for", async ({ client, control }) => {
  const text = await client.text("/metrics");
  assert.match(text, /^norouter_host_state\{host="c",state="ready"\} 1$/m);
  assert.match(text, new RegExp(`^norouter_info\\{name="${control.name}",`, "m"));
  const ask = (path: string, accept: string) =>
    raw(
      control.socket,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`,
    );
  const plain = await ask("/metrics", "text/plain");
  assert.match(plain, /content-type: text\/plain; version=0\.0\.4/);
  const open = await ask("/metrics", "application/openmetrics-text");
  assert.match(open, /content-type: application\/openmetrics-text.*# EOF\n/s);
  const collected = await client.text("/metrics?for=collector");
  assert.match(collected, /^norouter_process_cpu_seconds_total\{mesh="[^"]+"\} [\d.]+$/m);
  const { status, message } = await failure(client.text("/metrics?for=me"));
  const wanted = `In "for" of the query: it is "me"; wanted "collector"`;
  assert.deepEqual([status, message], [400, wanted]);
});

test("the mesh is asked to end", async ({ client, isDown }) => {
  assert.deepEqual(await client.ask("POST", "/v1/down"), { ending: true });
  assert.ok(isDown());
});

test("who has sent half a request does not delay the end", async ({ control }) => {
  using client = await Deno.connect({ transport: "unix", path: control.socket });
  await client.write(new TextEncoder().encode("POST /v1/hosts HTTP/1.1\r\nHost: x\r\n"));
  const begun = performance.now();
  await control.close();
  assert.ok(performance.now() - begun < 2000);
  assert.deepEqual(runningMeshes().filter(({ name }) => name === control.name), []);
});

test("the description names every path, and its references lead somewhere", async ({ client }) => {
  const document = await client.ask("GET", "/openapi.json") as {
    openapi: string;
    paths: object;
    components: { schemas: Record<string, unknown> };
  };
  assert.equal(document.openapi, "3.1.0");
  assert.equal(Object.keys(document.paths).length, 12);
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
    assert.ok(name! in document.components.schemas, name);
  }
});
