/** Captures of a mesh of fake agents, asked for over HTTP. */
import assert from "node:assert/strict";
import { Bench, three } from "../manager/_bench.ts";
import type { RunningMesh } from "../manager/running_mesh.ts";
import { BlockType } from "../wire/pcapng.ts";
import { WholeBlocks } from "../wire/pcapng_blocks.ts";
import { answer, type Answering } from "./routes.ts";
import { MOST_CAPTURES } from "./captures.ts";

/** The mesh, which tells whether anybody looks on, and who answers for it. */
interface Scene {
  readonly bench: Bench;
  readonly ended: AbortController;
  readonly isWatched: () => boolean;
  readonly ask: (target: string, method?: string) => Promise<Response>;
}

function test(name: string, use: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    await using bench = await new Bench().start(three);
    const mesh = bench.mesh as RunningMesh;
    const ended = new AbortController();
    let isWatched = false;
    const watched: Answering["mesh"] = {
      manifest: mesh.manifest,
      rules: mesh.rules,
      status: () => mesh.status(),
      events: () => mesh.events(),
      ping: (host, options) => mesh.ping(host, options),
      watch: (around) => {
        isWatched = around !== undefined;
        mesh.watch(around);
      },
    };
    const target = {
      mesh: watched,
      name: "m",
      version: "1.2.3",
      signal: ended.signal,
    } as Answering;
    const body = () => assert.fail("there is none");
    await use({
      bench,
      ended,
      isWatched: () => isWatched,
      ask: (path, method = "GET") =>
        answer({ method, target: path, length: undefined, body }, target),
    });
    ended.abort();
  });
}

async function fault(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer;
  return [response.status, (await response.json()).error.message];
}

test("a capture that is ended has its rest, and leaves nothing behind", async (scene) => {
  const { ask, isWatched } = scene;
  const response = await ask("/v1/capture");
  assert.equal(response.headers.get("content-type"), "application/x-pcapng");
  assert.ok(isWatched());
  const id = response.headers.get("x-capture");
  const ended = await ask(`/v1/capture?id=${id}`, "DELETE");
  const { ended: number, packets, dropped } = await ended.json();
  assert.deepEqual([String(number), packets, dropped], [id, 0, 0]);
  assert.ok(!isWatched());
  const bytes = new Uint8Array(await response.arrayBuffer());
  const types = [];
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += view.getUint32(at + 4, true)) {
    types.push(view.getUint32(at, true));
  }
  const { SECTION, INTERFACE, NAMES, STATISTICS } = BlockType;
  const three = (type: number) => [type, type, type];
  assert.deepEqual(types, [
    ...[SECTION, ...three(INTERFACE), NAMES, ...three(STATISTICS)],
  ]);
  const again = await fault(ask(`/v1/capture?id=${id}`, "DELETE"));
  assert.deepEqual(again, [404, `No capture ${id} is under way`]);
});

test("there are so many at a time, and each that its reader leaves makes room", async (scene) => {
  const { ask, isWatched } = scene;
  const responses = [];
  for (let at = 0; at < MOST_CAPTURES; at++) responses.push(await ask("/v1/capture"));
  assert.ok(responses.every(({ status }) => status === 200));
  assert.deepEqual(await fault(ask("/v1/capture")), [
    503,
    "8 captures are under way, which is the most",
  ]);
  await responses[0]!.body!.cancel();
  const next = await ask("/v1/capture");
  assert.equal(next.status, 200);
  for (const { body } of [...responses.slice(1), next]) await body!.cancel();
  assert.ok(!isWatched());
});

test("the end of the mesh ends it in order", async (scene) => {
  const { ask, ended, isWatched } = scene;
  const response = await ask("/v1/capture?host=a&flow=tcp:a->b&flow=*->c:80&snaplen=0");
  ended.abort();
  const blocks = new WholeBlocks();
  for await (const piece of response.body!) blocks.take(piece);
  assert.deepEqual([blocks.begun, blocks.packets], [0, 0]);
  assert.ok(!isWatched());
});

test("what cannot be captured is said, and nobody looks on", async ({ ask, isWatched }) => {
  const wrong: readonly (readonly [query: string, status: number, message: RegExp])[] = [
    ["host=z", 404, /There is no host "z"/],
    ["flow=a->z", 400, /"a->z", character 4: There is no host "z"/],
    ["flow=a", 400, /the "->" is missing/],
    ["count=0", 400, /In "count" of the query: it is 0; wanted a number of packets/],
    ["seconds=1.5", 400, /In "seconds" of the query: it is "1.5"; wanted a number of/],
    ["seconds=99999999", 400, /it is 99999999; wanted a number of seconds, from 1 to/],
    ["snaplen=-1", 400, /it is "-1"; wanted a number of bytes/],
    ["hots=a", 400, /In "hots" of the query: there is no such field/],
  ];
  for (const [query, status, message] of wrong) {
    const [found, said] = await fault(ask(`/v1/capture?${query}`));
    assert.equal(found, status, query);
    assert.match(said, message);
  }
  assert.ok(!isWatched());
  const [status, message] = await fault(ask("/v1/capture?id=x", "DELETE"));
  assert.equal(status, 400);
  assert.match(message, /wanted the number of a capture/);
});

test("it is described", async ({ ask }) => {
  const api = await (await ask("/openapi.json")).json();
  const { get, delete: remove } = api.paths["/v1/capture"];
  assert.deepEqual(
    get.parameters.map(({ name, required }: Record<string, unknown>) => [name, required]),
    [
      ...[["host", false], ["flow", false], ["snaplen", false]],
      ...[["count", false], ["seconds", false]],
    ],
  );
  assert.ok("application/x-pcapng" in get.responses[200].content);
  assert.deepEqual(remove.parameters[0].name, "id");
});
