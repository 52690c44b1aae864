/**
 * `norouter agent --automated`, as a manager runs it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeControl, encodeControl } from "../../wire/control/control.ts";
import { FrameDecoder } from "../../wire/decoder.ts";
import { norouter, run } from "../_run.ts";
import { VERSION } from "../version.ts";

const configure = encodeControl({
  type: "request",
  body: {
    id: 1,
    op: "configure",
    args: {
      me: "127.0.42.100",
      forwards: [],
      others: [],
      hostnameMap: {},
      loopback: { disable: true },
    },
  },
});

Deno.test({
  name: "an agent answers, leaves Ctrl-C to its manager, and ends with its input",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const child = norouter(["agent", "--automated"]).spawn();
    const writer = child.stdin.getWriter();
    const noise = new Response(child.stderr).text();
    await writer.write(configure.bytes);
    const decoder = new FrameDecoder();
    const results = [];
    let isAsked = false;
    for await (const chunk of child.stdout) {
      for (const frame of decoder.push(chunk)) results.push(decodeControl(frame.payload));
      if (results.length === 0 || isAsked) continue;
      isAsked = true;
      child.kill("SIGINT");
      await writer.close();
    }
    const { code, signal } = await child.status;
    assert.deepEqual({ code, signal, noise: await noise }, {
      code: 0,
      signal: null,
      noise: "",
    });
    const [result] = results;
    assert.ok(result?.type === "result");
    assert.equal(result.body.error ?? undefined, undefined);
    assert.equal((result.body.data as { version: string }).version, VERSION);
  },
});

Deno.test("an agent that gets something else than frames says so and fails", async () => {
  const { status, stdout, stderr } = await run(["agent", "--automated"], {
    stdin: "GET / HTTP/1.1\r\n\r\n",
  });
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /GET/);
  assert.doesNotMatch(stderr, /^ {4}at /m, "a stack trace");
});
