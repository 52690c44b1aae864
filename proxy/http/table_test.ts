/**
 * What real clients make of odd answers: directly, and through the proxy in each form.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until, within } from "../../tests/harness/scene/wait.ts";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { Origin, Scene } from "./_fake_http.ts";
import type { HttpPeer } from "./_fake_http_peer.ts";
import { readMessages } from "./_fake_http_reader.ts";
import { ODDITIES, type Oddity } from "./_oddities.ts";

/** The whole answer. */
function answerOf({ start = "HTTP/1.1 200 OK\r\n", rest }: Oddity): string {
  return start + rest;
}

/** Answers `GET /N` with oddity N, and closes. */
async function oddServer(peer: HttpPeer): Promise<void> {
  while (!peer.got.includes("\r\n\r\n")) if (!await peer.more()) return;
  const index = /^[A-Z]+ (?:http:\/\/[^/]*)?\/(\d+)/.exec(peer.got)?.[1];
  const oddity = ODDITIES[Number(index)];
  if (!oddity) return;
  await peer.send(answerOf(oddity));
  await peer.closeWrite();
  await peer.rest();
}

/** What a client says of one answer. */
interface Outcome {
  readonly status: string;
  readonly body: string;
  /** Empty if it was content. */
  readonly error: string;
}

async function run(command: string, args: readonly string[], env = {}): Promise<string> {
  const process = new Deno.Command(command, {
    args: [...args],
    env: { http_proxy: "", https_proxy: "", no_proxy: "", ...env },
    stdin: "null",
    stderr: "piped",
  });
  const { stdout, stderr } = await within(command, process.output(), 120_000);
  const text = new TextDecoder("latin1").decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return text;
}

/** One run of curl over all of them. */
async function curl(authority: string, options: readonly string[]): Promise<Outcome[]> {
  const end = "\x1f%{exitcode}\x1f%{http_code}\x1f%{errormsg}\x1e";
  const args = ODDITIES.flatMap((_, index) => [
    ...index > 0 ? ["--next"] : [],
    ...["--silent", "--max-time", "20", "--noproxy", "", ...options, "-w", end],
    `http://${authority}/${index}`,
  ]);
  const text = await run("curl", args);
  return text.split("\x1e").slice(0, -1).map((one) => {
    const [body = "", code, status = "", error = ""] = one.split("\x1f");
    return { body, status, error: code === "0" ? "" : `(${code}) ${error}` };
  });
}

const PYTHON = `
import json, sys, urllib.request
authority, count = sys.argv[1], int(sys.argv[2])
for index in range(count):
    status = body = error = ""
    try:
        with urllib.request.urlopen("http://%s/%d" % (authority, index), timeout=20) as got:
            status = str(got.status)
            body = got.read().decode("latin1")
    except Exception as failure:
        error = repr(failure)
    print(json.dumps([status, body, error]))
`;

async function urllib(authority: string, proxy: string): Promise<Outcome[]> {
  const args = ["-c", PYTHON, authority, `${ODDITIES.length}`];
  const text = await run("python3", args, proxy ? { http_proxy: `http://${proxy}` } : {});
  return text.trim().split("\n").map((line) => {
    const [status, body, error] = JSON.parse(line);
    return { status, body, error };
  });
}

async function wget(authority: string, proxy: string): Promise<Outcome[]> {
  const one = async (index: number) => {
    const options = ["-q", "-O-", "--tries=1", "--timeout=20", "--server-response"];
    const url = `http://${authority}/${index}`;
    const { code, stdout, stderr } = await new Deno.Command("wget", {
      args: ["--no-config", ...options, url],
      env: { http_proxy: proxy ? `http://${proxy}` : "", no_proxy: "" },
      stdin: "null",
    }).output();
    const [status = ""] = /(?<=HTTP\/1\.\d )\d{3}(?![^]*HTTP\/1\.\d \d)/
      .exec(new TextDecoder("latin1").decode(stderr)) ?? [];
    const body = new TextDecoder("latin1").decode(stdout);
    return { status, body, error: code === 0 ? "" : `status ${code}` };
  };
  const outcomes: Outcome[] = [];
  for (let index = 0; index < ODDITIES.length; index++) outcomes.push(await one(index));
  return outcomes;
}

/** Holds what came through the proxy against what came directly. */
function compare(client: string, direct: readonly Outcome[], ours: readonly Outcome[]) {
  assert.equal(direct.length, ODDITIES.length, client);
  assert.equal(ours.length, ODDITIES.length, client);
  for (const [index, { what, body = "hello", refused, breaks }] of ODDITIES.entries()) {
    const there = direct[index]!, here = ours[index]!;
    const told = `${client}, ${what}: ${JSON.stringify({ there, here })}`;
    if (refused) {
      assert.ok(here.status === "502" || here.error.includes("502"), told);
    } else if (breaks) assert.notEqual(here.error, "", told);
    else if (here.error !== "" || here.body !== body) {
      assert.deepEqual(here, there, told);
    } // else it came through, be it that the client alone does not take it
  }
}

const CURL = needs("curl");
Deno.test({
  name: "curl gets each odd answer through the proxy as it does without",
  ignore: CURL.ignore,
  fn: async () => {
    await using origin = new Origin(oddServer);
    await using scene = new Scene();
    const proxy = `http://127.0.0.1:${scene.port}`;
    const direct = await curl(origin.authority, []);
    compare("curl -x", direct, await curl(origin.authority, ["-x", proxy]));
    const tunnelled = await curl(origin.authority, ["-p", "-x", proxy]);
    for (const [index, { what }] of ODDITIES.entries()) {
      assert.deepEqual(tunnelled[index], direct[index], `curl -p, ${what}`);
    }
  },
});

for (
  const [name, program, client] of [
    ["wget", "wget", wget],
    ["urllib of Python", "python3", urllib],
  ] as const
) {
  Deno.test({
    name: `${name} gets each odd answer through the proxy as it does without`,
    ignore: needs(program).ignore,
    fn: async () => {
      await using origin = new Origin(oddServer);
      await using scene = new Scene();
      const direct = await client(origin.authority, "");
      compare(program, direct, await client(origin.authority, `127.0.0.1:${scene.port}`));
    },
  });
}

Deno.test({
  name:
    "an upload that is refused before its 100 is sent again by curl, and arrives whole",
  ignore: CURL.ignore,
  fn: async () => {
    const seen: string[] = [];
    // It says 417 to whoever waits for a 100, and goes on with what comes next.
    await using origin = new Origin(async (peer) => {
      for (;;) {
        const from = peer.got.length - peer.held.length;
        while (!peer.got.includes("\r\n\r\n", from)) if (!await peer.more()) return;
        const [head = ""] = peer.got.slice(from).split("\r\n\r\n");
        seen.push(head.split("\r\n")[0]!);
        if (/\r\nExpect:/i.test(head)) {
          await peer.take(head.length + 4);
          await peer.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
          continue;
        }
        const { body } = await peer.message();
        stored = body;
        await peer.send("HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\nstored");
      }
    });
    let stored = "";
    await using scene = new Scene();
    const file = await Deno.makeTempFile();
    const evil = `GET http://${origin.authority}/evil HTTP/1.1\r\nHost: x\r\n\r\n`;
    const content = "x".repeat(3_000_000) + evil.repeat(3);
    await Deno.writeTextFile(file, content);
    try {
      const said = await run("curl", [
        ...["--silent", "--max-time", "20", "-x", `http://127.0.0.1:${scene.port}`],
        ...["-w", " %{http_code}", "-T", file],
        `http://${origin.authority}/up`,
      ]);
      assert.equal(said, "stored 201");
    } finally {
      await Deno.remove(file);
    }
    assert.ok(stored === content, `${stored.length} bytes were stored`);
    assert.deepEqual(seen, ["PUT /up HTTP/1.1", "PUT /up HTTP/1.1"]);
    assert.deepEqual(origin.failures, []);
  },
});

Deno.test({
  name: "bytes beyond ASCII and odd letters in a URL arrive as curl wrote them",
  ignore: CURL.ignore,
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const origin = stack.use(
      new Origin(async (peer) => {
        const { start } = await peer.message();
        await peer.send(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${start}`);
      }),
    );
    const scene = stack.use(new Scene());
    const ways = [`127.0.0.1:${scene.port}`];
    if (needs("tinyproxy").missing.length === 0) ways.push(await tinyproxy(stack));
    const paths = [
      "/menu/café?q=naïve",
      '/a|b^c`d{e}"f"<g>\\h',
      "/%zz%",
      "/?a=[1]&b=;,@:",
    ];
    for (const path of paths) {
      const said = await Promise.all(ways.map((proxy) =>
        run("curl", [
          ...["--silent", "--globoff", "--path-as-is", "--max-time", "20"],
          ...["-x", `http://${proxy}`],
          `http://${origin.authority}${path}`,
        ])
      ));
      const bytes = new TextDecoder("latin1").decode(new TextEncoder().encode(path));
      for (const one of said) assert.match(one, /^GET \/.* HTTP\/1\.[01]$/);
      for (const one of said) assert.equal(one.slice(4, -9), bytes);
    }
  },
});

/** Runs tinyproxy on a port that was free; gives its address. */
async function tinyproxy(stack: AsyncDisposableStack): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "norouter-tinyproxy-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const lines = [
    `Port ${port}`,
    "Listen 127.0.0.1",
    "Timeout 60",
    "LogLevel Critical",
    `LogFile "${folder}/log"`,
  ];
  await Deno.writeTextFile(`${folder}/conf`, `${lines.join("\n")}\n`);
  const process = new Deno.Command("tinyproxy", {
    args: ["-d", "-c", `${folder}/conf`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    process.kill("SIGTERM");
    await process.status;
  });
  await until("tinyproxy listens", async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return false;
    }
  });
  return `127.0.0.1:${port}`;
}

Deno.test({
  name: "what tinyproxy brings to curl of odd answers, the proxy brings too",
  ignore: needs("curl", "tinyproxy").ignore,
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const origin = stack.use(new Origin(oddServer));
    const scene = stack.use(new Scene());
    const other = await tinyproxy(stack);
    const theirs = await curl(origin.authority, ["-x", `http://${other}`]);
    const ours = await curl(origin.authority, ["-x", `http://127.0.0.1:${scene.port}`]);
    for (const [index, { what, body = "hello", refused, breaks }] of ODDITIES.entries()) {
      const { error, body: got } = theirs[index]!;
      const isRight = error === "" && got === body && !refused && !breaks;
      if (isRight) assert.equal(ours[index]!.body, body, what);
    }
  },
});

Deno.test("a raw client gets each odd answer in plain form, or why it does not", async () => {
  await using origin = new Origin(oddServer);
  await using scene = new Scene();
  for (const [index, { what, body = "hello", refused, breaks }] of ODDITIES.entries()) {
    const client = await scene.client();
    await client.send(
      `GET http://${origin.authority}/${index} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    if (breaks) {
      await client.rest();
      assert.doesNotMatch(client.got, /\r\n0\r\n\r\n$/, what);
      continue;
    }
    let answer = await client.message();
    while (/ 10\d /.test(answer.start)) answer = await client.message();
    if (refused) {
      assert.match(answer.start, / 502 /, what);
      assert.match(answer.body, refused, what);
      assert.match(answer.body, /; through CONNECT \(curl -p\) it comes as it is/, what);
    } else assert.equal(answer.body, body, what);
  }
});

Deno.test("a request that is as odd is refused, and a server sees nothing of it", async () => {
  await using origin = new Origin(async (peer) => void await peer.rest());
  await using scene = new Scene();
  for (const { what, start, rest, passes, answerOnly } of ODDITIES) {
    if (passes || answerOnly || start !== undefined) continue;
    const client = await scene.client();
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n${rest}`);
    await client.closeWrite();
    const { start: line } = await client.message();
    assert.match(line, /^HTTP\/1.1 (400|501) /, what);
    await client.rest();
    client.close();
  }
  await until("the ends", () => origin.peers.every(({ end }) => end));
  for (const { got } of origin.peers) {
    const { messages, isBroken } = readMessages(got);
    assert.ok(messages.length === 0 && (isBroken || got === ""), got);
  }
});

Deno.test("a request that only looks odd goes on", async () => {
  await using origin = new Origin(async (peer) => {
    const { body } = await peer.message();
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  });
  await using scene = new Scene();
  for (const { what, rest } of ODDITIES.filter(({ passes }) => passes)) {
    const request = `POST http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\n${rest}`;
    assert.equal((await scene.ask(request)).body, "hello", what);
  }
  assert.deepEqual(origin.failures, []);
});
