/**
 * Captures of real meshes, read by tshark and tcpdump.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Process } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { LiveMesh, ran } from "./live_mesh.ts";

const needs = ["curl", "tshark", "tcpdump", "python3"];

/** A mesh whose host `web` serves pages on its port 8080, and its folder. */
async function meshOf(scene: Scene): Promise<{ mesh: LiveMesh; folder: string }> {
  const mesh = await LiveMesh.start(scene);
  const folder = await scene.folder();
  await Deno.mkdir(`${folder}/pages`);
  await Deno.writeTextFile(`${folder}/pages/page`, "a page");
  scene.start("server", [
    ...["python3", "-u", "-m", "http.server", "80", "--bind", "127.0.0.1"],
    ...["-d", `${folder}/pages`],
  ], { namespace: mesh.there });
  await until("the server", async () => (await get(mesh)).stdout === "a page");
  return { mesh, folder };
}

function get(mesh: LiveMesh, path = "page") {
  const url = `http://127.0.42.101:8080/${path}`;
  return ran(...mesh.here.command("curl", "-s", "--max-time", "15", url));
}

/** A capture that has begun; `then` is shell after the command, such as a pipe. */
async function capturing(
  scene: Scene,
  mesh: LiveMesh,
  args: readonly string[],
  then = "",
): Promise<Process> {
  const command = [...NOROUTER, "capture", "--mesh", mesh.name, ...args];
  // The shell tells the number of the command, for signals.
  const script =
    `{ sh -c 'echo "pid $$" >&2; exec "$0" "$@"' "$@"; echo "ended $?" >&2; }`;
  const process = scene.start("capture", [
    ...["sh", "-c", `${script} ${then}`, "sh"],
    ...command,
  ], { env: { NO_COLOR: "1" } });
  await process.line(/Capturing packets of/);
  return process;
}

async function signalled(capture: Process, signal: Deno.Signal): Promise<void> {
  const [, pid] = await capture.line(/^pid (\d+)$/);
  Deno.kill(Number(pid), signal);
  await capture.line(/^ended 0$/);
}

/** What tshark reads, a line a packet of these fields. */
async function read(file: string, ...fields: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr } = await ran(
    ...["tshark", "-r", file, "-N", "n", "-T", "fields", "-E", "separator=,"],
    ...["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"],
    ...fields.flatMap((field) => ["-e", field]),
  );
  assert.equal(status, 0, stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Waits until both ends of a connection have said that they end. */
async function ended(file: string): Promise<void> {
  await until("the ends of the connection", async () => {
    const { stdout } = await ran(
      ...[
        "tshark",
        "-r",
        file,
        "-Y",
        "tcp.flags.fin == 1",
        "-T",
        "fields",
        "-e",
        "ip.src",
      ],
    );
    return new Set(stdout.trim().split("\n")).size === 2;
  });
}

/** Nothing is under way any more: as many as there may be can begin anew. */
async function nothingIsLeft(scene: Scene, mesh: LiveMesh): Promise<void> {
  const streams: Process[] = [];
  for (let at = 0; at < 8; at++) {
    const command = ["curl", "-sN", "-D", "/dev/stderr", "-o", "/dev/null"];
    const stream = scene.start("stream", [
      ...[...command, "--unix-socket", mesh.socket, "http://x/v1/capture"],
    ]);
    streams.push(stream);
    await stream.line(/^HTTP\/1.1 200/);
  }
  const ninth = await mesh.curl("/v1/capture", "-w", "%{http_code}");
  assert.match(ninth.stdout, /8 captures are under way.*503$/);
  for (const stream of streams) stream.signal("SIGKILL");
}

e2e(
  "tshark and tcpdump read a request from its handshake to its end",
  async (scene) => {
    const { mesh, folder } = await meshOf(scene);
    const file = `${folder}/all.pcapng`;
    await Deno.writeTextFile(file, "", { mode: 0o644 });
    const capture = await capturing(scene, mesh, ["-w", file]);
    assert.equal((await get(mesh)).stdout, "a page");
    await ended(file);
    await signalled(capture, "SIGINT");
    const [, told] = await capture.line(/(\d+) packets captured, none dropped/);
    assert.equal(Deno.statSync(file).mode! & 0o777, 0o600);
    const packets = await read(
      file,
      ...["frame.interface_name", "frame.packet_flags_direction", "ip.src_host"],
      ...["ip.dst_host", "tcp.flags.str", "ip.checksum.status", "tcp.checksum.status"],
    );
    assert.equal(packets.length, Number(told));
    const names = /^(local|web),.*?1,(local|web),(local|web),.{12},1,1$/;
    for (const packet of packets) {
      const [, on, from, to] = names.exec(packet) ?? assert.fail(packet);
      assert.equal(on, from, "on the interface of the host that it came from");
      assert.notEqual(from, to);
    }
    const [first, second, third] = packets;
    assert.match(first!, /^local,.*S\W*,/);
    assert.match(second!, /^web,.*A··S·,/);
    assert.match(third!, /^local,.*A····,/);
    const last = packets.findLastIndex((packet) => /^web,.*A···F,/.test(packet));
    assert.ok(last > 3, "the end stands behind the rest");
    const [request, answer] = await read(file, "http.request.uri", "http.response.code")
      .then((lines) => lines.filter((line) => line !== ","));
    assert.deepEqual([request, answer], ["/page,", ",200"]);
    const { status, stdout } = await ran("tcpdump", "-nr", file);
    assert.equal(status, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, packets.length);
    assert.match(lines[0]!, /127\.0\.42\.100\.\d+ > 127\.0\.42\.101\.8080: Flags \[S\]/);
    const about = (await ran("capinfos", file)).stdout;
    assert.match(about, /Capture application: norouter \d/);
    assert.match(about, /File timestamp precision: +nanoseconds/);
    await nothingIsLeft(scene, mesh);
  },
  { needs },
);

e2e("a pipe shows packets as they come, and its end ends the capture", async (scene) => {
  const { mesh } = await meshOf(scene);
  const fields = "-T fields -e http.request.uri -e ip.dst_host";
  const shark = `| tshark -l -N n -i - -Y http.request ${fields}`;
  const capture = await capturing(scene, mesh, ["-w", "-"], shark);
  for (const page of ["one", "two"]) {
    await get(mesh, page);
    await capture.line(new RegExp(`^/${page}\\tweb$`));
  }
  // As whoever closes Wireshark: the reader goes, and the next packet finds that out.
  const reader = scene.start("pipe", [
    ...["sh", "-c", `"$@" | head -c 40 >/dev/null; echo "all is over"`, "sh"],
    ...[...NOROUTER, "capture", "--mesh", mesh.name],
  ]);
  await reader.line(/Capturing packets of/);
  await until("the end", async () => {
    await get(mesh);
    return reader.isComplete;
  });
  assert.match(reader.since(), /all is over/);
  assert.doesNotMatch(reader.since(), /error/);
  await signalled(capture, "SIGTERM");
  await nothingIsLeft(scene, mesh);
}, { needs });

e2e("filters, limits and snap lengths do what they say", async (scene) => {
  const { mesh, folder } = await meshOf(scene);
  const capture = async (name: string, ...args: readonly string[]) => {
    const file = `${folder}/${name}`;
    const process = await capturing(scene, mesh, [...args, "-w", file]);
    return { file, process };
  };
  const flows = ["--flow", "udp:* -> *", "--flow", "tcp:local -> web:8080"];
  const one = await capture("one", ...flows, "--count", "3", "--snaplen", "40");
  const none = await capture("none", "--flow", "local -> web:81", "--seconds", "1");
  const web = await capture("web", "--host", "web");
  await get(mesh);
  await one.process.line(/^ended 0$/);
  await none.process.line(/^ended 0$/);
  await ended(web.file);
  await signalled(web.process, "SIGINT");
  const lengths = await read(one.file, "frame.cap_len", "frame.len");
  assert.deepEqual(lengths, ["40,52", "40,52", "40,40"]);
  assert.deepEqual(await read(none.file, "ip.src"), []);
  const directions = await read(web.file, "frame.interface_name", "ip.src_host");
  assert.ok(directions.length >= 7, "handshake, request, answer, ends");
  assert.ok(directions.every((line) => line.startsWith("web,")));
  const wrong = async (...args: readonly string[]) => {
    const { status, stderr } = await ran("sh", "-c", '"$@" | cat; exit 0', "sh", ...[
      ...[...NOROUTER, "capture", "--mesh", mesh.name, ...args],
    ]);
    assert.equal(status, 0);
    return stderr;
  };
  assert.match(await wrong("--host", "wbe"), /no host "wbe"; did you mean "web"\?/);
  assert.match(
    await wrong("--flow", "tcp:wbe -> local"),
    /character 5: .*no host "wbe"; did you mean "web"\?/,
  );
  assert.match(await wrong("--flow", "web"), /--flow "web", character 4: the "->" is/);
  const query = "/v1/capture?flow=x&count=0";
  const { stdout } = await mesh.curl(query, "-w", "%{http_code}");
  assert.match(stdout, /In \\"count\\" of the query: it is 0; wanted a number.*400$/);
}, { needs });

e2e(
  "a reader that stands still slows nothing, and what it misses is counted",
  async (scene) => {
    const { mesh, folder } = await meshOf(scene);
    const size = 64 << 20;
    await Deno.writeFile(`${folder}/pages/big`, new Uint8Array(size));
    const url = "http://127.0.42.101:8080/big";
    const bulk = async () => {
      const { stdout } = await ran(...mesh.here.command(
        ...["curl", "-s", "-o", "/dev/null", "--max-time", "30", url],
        ...["-w", "%{size_download} %{time_total}"],
      ));
      const [bytes, seconds] = stdout.split(" ").map(Number);
      assert.equal(bytes, size);
      return seconds!;
    };
    const before = await bulk();
    const [file, go] = [`${folder}/late.pcapng`, `${folder}/go`];
    await ran("mkfifo", go);
    const capture = await capturing(
      scene,
      mesh,
      [],
      `| { read line < ${go}; cat > ${file}; echo "all is read"; }`,
    );
    const during = await bulk();
    // Others use the machine too.
    assert.ok(during < 5 * before + 2, `${during} s with it, ${before} s without`);
    await Deno.writeTextFile(go, "go\n");
    await until("the reader to go on", async () => {
      await get(mesh);
      return (await ran("stat", "-c", "%s", file)).stdout.trim() > "1000";
    });
    await signalled(capture, "SIGINT");
    await capture.line(/all is read/);
    const [, told] = await capture.line(/packets captured, (\d+) dropped, since the/);
    assert.ok(Number(told) > 0);
    const { status, stdout, stderr } = await ran("capinfos", "-c", "-M", file);
    assert.equal(status, 0, stderr);
    const [, kept] = await capture.line(/(\d+) packets captured/);
    assert.match(stdout, new RegExp(`Number of packets: +${kept}\\b`));
    const statistics = await droppedIn(file);
    assert.equal(statistics, Number(told));
    await nothingIsLeft(scene, mesh);
  },
  { needs, limitMs: 120_000 },
);

/** The packets that the last statistics of a file say were dropped. */
async function droppedIn(file: string): Promise<number> {
  const bytes = await Deno.readFile(file);
  const view = new DataView(bytes.buffer);
  const dropped = new Map<number, number>();
  for (let at = 0; at < bytes.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== 5) continue;
    // Behind two times of 12 bytes and the count of those received.
    assert.equal(view.getUint16(at + 56, true), 5, "isb_ifdrop");
    const count = Number(view.getBigUint64(at + 60, true));
    dropped.set(view.getUint32(at + 8, true), count);
  }
  return [...dropped.values()].reduce((sum, each) => sum + each, 0);
}

e2e("a mesh that ends ends its captures in order", async (scene) => {
  const { mesh, folder } = await meshOf(scene);
  const file = `${folder}/down.pcapng`;
  const capture = await capturing(scene, mesh, ["-w", file]);
  await get(mesh);
  await ended(file);
  await mesh.command("down");
  await capture.line(/^ended 0$/);
  await capture.line(/\d+ packets captured, none dropped/);
  assert.ok((await read(file, "ip.src")).length >= 7);
}, { needs });

e2e("what a killed manager has sent is a whole file", async (scene) => {
  const { mesh, folder } = await meshOf(scene);
  const file = `${folder}/killed.pcapng`;
  const capture = await capturing(scene, mesh, ["-w", file]);
  await get(mesh);
  await ended(file);
  mesh.manager.signal("SIGKILL");
  await capture.line(/error +The mesh "live-.*" .* does not answer/);
  await capture.line(/^ended 1$/);
  assert.ok((await read(file, "ip.src")).length >= 7);
}, { needs });

e2e("packets are not for a terminal", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const command = [...NOROUTER, "capture", "--mesh", mesh.name].join(" ");
  const { status, stdout } = await ran("script", "-qec", command, "/dev/null");
  assert.equal(status, 2);
  assert.match(stdout, /packets are not for a terminal; try .*wireshark -k -i -/);
}, { needs: ["script"] });
