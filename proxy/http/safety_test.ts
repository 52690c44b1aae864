/**
 * Plays both sides of the proxy in every order of answers, ends and bodies: nothing of a
 * body ever becomes a request, and no client gets the answer to something else.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { within } from "../../tests/harness/scene/wait.ts";
import { Origin, Scene } from "./_fake_http.ts";
import type { HttpPeer } from "./_fake_http_peer.ts";
import { type HttpMessage, valuesOf } from "./_fake_http_reader.ts";

const SEED = 417;
const RUNS = 300;

/** What a server does with a request, and then with the connection. */
interface Reply {
  /** What it says before, if anything. */
  readonly interim: "" | "100" | "103";
  /** How much of the body it waits for. */
  readonly after: "head" | "some" | "all";
  readonly answer: "sized" | "chunked" | "closing" | "none";
  readonly status: 200 | 413 | 417;
  readonly end: "keep" | "say close" | "close" | "reset";
  /** If the client waits for a 100 that it does not get: the body is none of this request. */
  readonly forgetsBody: boolean;
}

/** A request, what its client does, and what its server does. */
interface Step {
  readonly method: "GET" | "POST" | "PUT";
  readonly body: "none" | "sized" | "chunked";
  readonly expects: boolean;
  /** Whether the client waits for the 100 before it sends a body. */
  readonly waits: boolean;
  /** Whether it sends the body although the answer came first. */
  readonly insists: boolean;
  /** Whether it uses a connection that is said to be closed. */
  readonly isRude: boolean;
  /** Where it cuts what it sends in two. */
  readonly cut: number;
  /** Whether it leaves when it has sent that first part. */
  readonly leaves: "" | "close" | "reset";
  /** Whether the next request is sent before the answer is read. */
  readonly pipelines: boolean;
  readonly reply: Reply;
}

const rarely = fc.integer({ min: 0, max: 9 }).map((number) => number === 0);

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    method: fc.constantFrom("GET", "POST", "PUT"),
    body: fc.constantFrom("none", "sized", "chunked"),
    expects: fc.boolean(),
    waits: fc.boolean(),
    insists: fc.boolean(),
    isRude: rarely,
    cut: fc.nat(400),
    leaves: rarely.chain((does) =>
      does ? fc.constantFrom("close", "reset") : fc.constant("")
    ),
    pipelines: rarely,
    reply: fc.record({
      interim: fc.constantFrom("", "100", "103"),
      after: fc.constantFrom("head", "some", "all"),
      answer: fc.constantFrom("sized", "sized", "chunked", "closing", "none"),
      status: fc.constantFrom(200, 413, 417),
      end: fc.constantFrom("keep", "keep", "say close", "close", "reset"),
      forgetsBody: fc.boolean(),
    }),
  }) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 5 },
);

/** A body that would be requests, were it taken for some. */
function bodyOf(index: number, authority: string): string {
  const evil =
    `GET http://${authority}/evil${index} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
  return `0\r\n\r\n${evil}${evil}`.repeat(2);
}

/** The request of a step, in two parts: what comes before its body, and the rest. */
function requestOf(step: Step, index: number, authority: string): [string, string] {
  const body = bodyOf(index, authority);
  const framing = {
    none: "",
    sized: `Content-Length: ${body.length}\r\n`,
    chunked: "Transfer-Encoding: chunked\r\n",
  }[step.body];
  const expect = step.expects && step.body !== "none" ? "Expect: 100-continue\r\n" : "";
  const head = `${step.method} http://${authority}/r${index} HTTP/1.1\r\n` +
    `Host: ${authority}\r\n${framing}${expect}\r\n`;
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  return [head, { none: "", sized: body, chunked: chunks }[step.body]];
}

function answerOf({ answer, status, end }: Reply, index: number): string {
  const text = `answer ${index}`;
  const close = end === "say close" ? "Connection: close\r\n" : "";
  const start = `HTTP/1.1 ${status} x\r\n${close}`;
  switch (answer) {
    case "sized":
      return `${start}Content-Length: ${text.length}\r\n\r\n${text}`;
    case "chunked":
      return `${start}Transfer-Encoding: chunked\r\n\r\n${
        text.length.toString(16)
      }\r\n${text}\r\n0\r\n\r\n`;
    case "closing":
      return `${start}\r\n${text}`;
    case "none":
      return "";
  }
}

/** Reads until `text` has what is looked for; false if the connection ends before. */
async function reads(peer: HttpPeer, has: () => boolean): Promise<boolean> {
  while (!has()) if (!await peer.more()) return false;
  return true;
}

/** A server that does what the steps say; `seen` gets each request line. */
function serverOf(plan: readonly Step[], seen: string[]) {
  return async (peer: HttpPeer): Promise<void> => {
    for (let at = 0;;) {
      const isHead = () => peer.got.includes("\r\n\r\n", at);
      if (!await reads(peer, isHead)) {
        if (peer.got.length > at) seen.push(`${peer.got.slice(at)}…`);
        return;
      }
      const start = at;
      at = peer.got.indexOf("\r\n\r\n", at) + 4;
      const head = peer.got.slice(start, at);
      seen.push(head.split("\r\n")[0]!);
      const index = Number(/^\w+ \/r(\d+) /.exec(head)?.[1] ?? "NaN");
      const step = plan[index];
      if (!step) return; // what it is shows in `seen`
      const { reply } = step;
      const isAwaited = /\r\nExpect: /.test(head);
      const forgets = reply.forgetsBody && isAwaited && reply.interim !== "100";
      const length = Number(/\r\nContent-Length: (\d+)/.exec(head)?.[1] ?? 0);
      const isChunked = /\r\nTransfer-Encoding: chunked/.test(head);
      const bodyEnd = () => {
        if (!isChunked) return peer.got.length >= at + length ? at + length : -1;
        for (let from = at;;) { // chunk by chunk: the bodies have last chunks in them
          const lineEnd = peer.got.indexOf("\r\n", from);
          if (lineEnd < 0) return -1;
          const size = parseInt(peer.got.slice(from, lineEnd), 16);
          from = lineEnd + 4 + size;
          if (peer.got.length < from) return -1;
          if (size === 0) return from;
        }
      };
      // A server that wants the body of a client that waits for leave gives it.
      const interim = isAwaited && reply.after !== "head" && !forgets
        ? "100"
        : reply.interim;
      if (interim) await peer.send(`HTTP/1.1 ${interim} x\r\n\r\n`);
      if (reply.after === "some" && !forgets && (length > 0 || isChunked)) {
        if (!await reads(peer, () => peer.got.length > at)) return;
      }
      if (reply.after === "all" && !forgets) {
        if (!await reads(peer, () => bodyEnd() >= 0)) return;
      }
      await peer.send(answerOf(reply, index));
      if (reply.end === "reset") return peer.reset();
      if (reply.end !== "keep" || reply.answer === "closing" || reply.answer === "none") {
        return;
      }
      if (forgets) continue;
      if (!await reads(peer, () => bodyEnd() >= 0)) return;
      at = bodyEnd();
    }
  };
}

/** Whether nothing comes in the time that a client waits for leave to send its body. */
async function isSilent(answer: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, 20, true);
  answer.finally(() => resolve(false));
  return await promise.finally(() => clearTimeout(timer));
}

/** A client that goes through the steps; throws if an answer is not to its request. */
async function converse(scene: Scene, plan: readonly Step[], authority: string) {
  let client: HttpPeer | undefined;
  let isClosing = false;
  /** Requests whose answers are still to be read. */
  let owed: number[] = [];
  const forget = () => {
    client?.close();
    client = undefined;
    owed = [];
  };
  const read = async (peer: HttpPeer): Promise<HttpMessage | undefined> => {
    try {
      let answer = await peer.message();
      while (/ 103 /.test(answer.start)) answer = await peer.message();
      return answer;
    } catch {
      return undefined; // it ended
    }
  };
  const check = (answer: HttpMessage | undefined, index: number) => {
    if (!answer) return forget();
    const { start, body } = answer;
    if (/ 50[24] /.test(start)) assert.match(body, /answer of|no answer/, start);
    else assert.equal(body, `answer ${index}`, start);
    isClosing = valuesOf(answer, "connection").includes("close");
  };
  for (const [index, step] of plan.entries()) {
    if (isClosing && !step.isRude) forget();
    const peer = client ??= await scene.client();
    if (!peer.end && owed.length === 0) isClosing = isClosing && step.isRude;
    const [head, body] = requestOf(step, index, authority);
    const sends = async (text: string) => {
      if (step.leaves) {
        await peer.send(text.slice(0, step.cut));
        if (step.leaves === "close") peer.close();
        else peer.reset();
        return forget();
      }
      await peer.send(text.slice(0, step.cut));
      await peer.send(text.slice(step.cut));
    };
    try {
      if (step.expects && step.waits && body !== "" && owed.length === 0) {
        await sends(head);
        if (!client) continue;
        const first = read(peer);
        const isLate = await isSilent(first);
        if (isLate) await sends(body); // as every client does after a while
        if (!client) continue;
        let answer = await first;
        if (answer && / 100 /.test(answer.start)) {
          if (!isLate) await sends(body);
          if (!client) continue;
          answer = await read(peer);
        } else if (answer && !isLate && step.insists) await sends(body);
        check(answer, index);
        continue;
      }
      await sends(head + body);
      if (!client) continue;
      owed.push(index);
      if (step.pipelines) continue;
      for (const one of owed.splice(0)) {
        let answer = await read(peer);
        while (answer && / 100 /.test(answer.start)) answer = await read(peer);
        check(answer, one);
        if (!client) break;
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      forget(); // it was closed under the client's hands
    }
  }
  forget();
}

/** Whether a line, which may break off, is one of what the client meant. */
function isMeant(line: string, plan: readonly Step[]): boolean {
  return plan.some(({ method }, index) => {
    const wanted = `${method} /r${index} HTTP/1.1`;
    return line.endsWith("…")
      ? line.startsWith(wanted) || wanted.startsWith(line.slice(0, -1))
      : line === wanted;
  });
}

Deno.test("whatever both sides do, a server sees the requests that were meant and no others", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const seen: string[] = [];
      {
        await using origin = new Origin(serverOf(plan, seen));
        await using scene = new Scene({ continueMs: 60_000 });
        const talk = converse(scene, plan, origin.authority);
        await within("the end of the conversation", talk, 20_000);
      }
      const odd = seen.filter((line) => !isMeant(line, plan));
      assert.deepEqual(odd, [], "a server saw what no client asked for");
      for (const [index, { method }] of plan.entries()) {
        if (method === "GET") continue; // which may be sent again
        const times = seen.filter((line) => line.startsWith(`${method} /r${index} `));
        assert.ok(times.length <= 1, `${times[0]} was sent ${times.length} times`);
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
});
