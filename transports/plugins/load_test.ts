/**
 * What is loaded, with whose consent, and what is said of what is not.
 *
 * A server on this machine stands in for https.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { PluginProblem, PluginUse } from "../../manifest/manifest.ts";
import type { Link, Transport } from "../mod.ts";
import { type PluginOptions, PluginSet } from "./load.ts";

const GOOD = `export default {
  name: "good",
  parse: (spec: unknown) => ({ spec }),
  describe: () => "good",
  open: () => Promise.reject(new Error("not today")),
};`;
/** Throws when it is run, so that a test knows that it was. */
const TELLTALE = `throw new RangeError("it was run");`;
const AT = { file: "mesh.yaml", line: 2, column: 3 };

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A file or URL, locked to a content. */
function locked(specifier: string, text: string): PluginUse {
  return { specifier, lock: { sha256: sha256(text), at: AT } };
}

/** Loads one plug-in. */
async function load(use: PluginUse | string, base: string, options: PluginOptions = {}) {
  const plugins = new PluginSet(options);
  const named = typeof use === "string" ? { specifier: use } : use;
  await plugins.load([named], base);
  return plugins.find(named);
}

/** What is said instead of loading one. */
async function problem(
  use: PluginUse | string,
  base: string,
  options: PluginOptions = {},
): Promise<PluginProblem> {
  const found = await load(use, base, options);
  assert("problem" in found, "it was loaded");
  return found;
}

/** Calls `use` with a folder that holds these files. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (folder: string, href: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await use(folder, new URL(`file://${folder}/`).href);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Calls `use` with the URL of a server, and what it was asked for. */
async function withServer(
  answer: (request: Request) => Response | Promise<Response>,
  use: (url: string, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      asked.push(new URL(request.url).pathname);
      return answer(request);
    },
  );
  try {
    await use(`http://127.0.0.1:${server.addr.port}`, asked);
  } finally {
    await server.shutdown();
  }
}

const serving = (text: string) => () =>
  new Response(text, { headers: { "content-type": "application/typescript" } });

Deno.test("a file beside the manifest is loaded without being asked about, with what it imports", async () => {
  const files = { "far.ts": `export { default } from "./good.ts";`, "good.ts": GOOD };
  await withFiles(files, async (folder, href) => {
    const found = await load("./far.ts", folder) as Transport;
    assert.equal(found.name, `${href}far.ts`);
    assert.deepEqual(found.parse({ n: 1 }), { spec: { n: 1 } });
    for (const specifier of [`${folder}/far.ts`, `${href}far.ts`]) {
      assert.equal((await load(specifier, "/no/such") as Transport).name, found.name);
    }
  });
});

Deno.test("a file that was changed is loaded anew", async () => {
  await withFiles({ "far.ts": "export default 7;" }, async (folder) => {
    assert.match((await problem("./far.ts", folder)).problem, /is a number/);
    await Deno.writeTextFile(`${folder}/far.ts`, GOOD);
    assert("parse" in await load("./far.ts", folder));
  });
});

Deno.test("a locked file is run if its bytes are the locked ones, and nothing else of it", async () => {
  await withFiles({ "far.ts": GOOD, "bad.ts": TELLTALE }, async (folder, href) => {
    assert("parse" in await load(locked("./far.ts", GOOD), folder));
    assert.deepEqual(await problem(locked("./bad.ts", GOOD), folder), {
      problem:
        `the plug-in ${href}bad.ts is not the one that is locked at mesh.yaml:2:3: ` +
        `its sha256 is ${sha256(TELLTALE)}, wanted ${sha256(GOOD)}`,
      isError: true,
    });
    const allowed = [`${folder}/bad.ts`];
    const both = await problem(locked("./bad.ts", GOOD), folder, { allowed });
    assert.match(both.problem, /is not the one that is locked/);
  });
});

Deno.test("a locked file cannot import its neighbours, which are not in the hash", async () => {
  const text = `export { default } from "./good.ts";`;
  await withFiles({ "far.ts": text, "good.ts": GOOD }, async (folder) => {
    const { problem: said } = await problem(locked("./far.ts", text), folder);
    assert.match(said, /cannot be loaded: it imports a relative path, .* is one file$/);
  });
});

Deno.test("a URL without consent is fetched to tell its hash, and not run", async () => {
  await withServer(serving(TELLTALE), async (url) => {
    const href = `${url}/far.ts`;
    assert.deepEqual(await problem(href, "."), {
      problem:
        `the plug-in ${href} is code from elsewhere, which runs with consent only: ` +
        `--allow-plugin ${href}, or in the manifest plugins: ` +
        `{"${href}": "sha256:${sha256(TELLTALE)}"}`,
      isError: true,
    });
  });
});

Deno.test("a URL is loaded with the consent of the command line, or of a lock that fits", async () => {
  await withServer(serving(GOOD), async (url) => {
    const href = `${url}/far.ts`;
    const allowed = [`HTTP://127.0.0.1${href.slice(16)}#anything`];
    for (
      const found of [
        await load(href, ".", { allowed }),
        await load(locked(href, GOOD), "."),
        await load(locked(href, GOOD), ".", { allowed, isCompiled: true }),
      ]
    ) {
      assert("parse" in found, JSON.stringify(found));
      assert.equal(found.name, href);
    }
    const other = await problem(href, ".", { allowed: [`${url}/fa.ts`] });
    assert.match(other.problem, /runs with consent only/);
  });
});

Deno.test("a URL whose bytes are not the locked ones is not run, even if it is allowed", async () => {
  await withServer(serving(TELLTALE), async (url) => {
    const href = `${url}/far.ts`;
    for (const allowed of [[], [href]]) {
      const { problem: said } = await problem(locked(href, GOOD), ".", { allowed });
      assert.match(said, new RegExp(`sha256 is ${sha256(TELLTALE)}, wanted`));
    }
  });
});

Deno.test("JavaScript is told by its name or type, and loaded too", async () => {
  // Without types the second line compares; with them it calls a number.
  const text = `${GOOD.replace(": unknown", "")}
    export const a = 1, b = 2, isLess = a<b>(0);`;
  const type = { headers: { "content-type": "text/javascript" } };
  await withServer(() => new Response(text, type), async (url) => {
    for (const path of ["far.js", "far.mjs", "far"]) {
      const found = await load(`${url}/${path}`, ".", { allowed: [`${url}/${path}`] });
      assert("parse" in found, JSON.stringify(found));
    }
  });
});

Deno.test("the compiled form says what it cannot read or load", async () => {
  const text = "enum A { B }\nexport default A.B;";
  await withFiles({ "far.ts": text }, async (folder) => {
    const { problem: said } = await problem("./far.ts", folder, { isCompiled: true });
    assert.match(
      said,
      /TypeScript that the compiled program cannot read: .*; wanted Java/,
    );
    const name = "npm:far@1.2.3";
    const options = { isCompiled: true, allowed: [name] };
    const pack = await problem(name, folder, options);
    assert.match(pack.problem, /is a package, which the compiled program cannot load/);
  });
});

Deno.test("redirects are followed where nobody can listen, and not without end", async () => {
  const answer = (request: Request) => {
    const { pathname } = new URL(request.url);
    const to = {
      "/far.ts": "/there/far.ts",
      "/leak.ts": "http://192.0.2.1/far.ts",
      "/loop.ts": "/loop.ts",
    }[pathname];
    return to === undefined
      ? serving(GOOD)()
      : new Response(null, { status: 302, headers: { location: to } });
  };
  await withServer(answer, async (url, asked) => {
    const allowed = ["far", "leak", "loop"].map((name) => `${url}/${name}.ts`);
    const found = await load(allowed[0]!, ".", { allowed });
    assert("parse" in found);
    assert.equal(found.name, `${url}/far.ts`);
    const leak = await problem(allowed[1]!, ".", { allowed });
    assert.match(
      leak.problem,
      /is redirected to http:\/\/192.0.2.1\/far.ts, which is not/,
    );
    asked.length = 0;
    const loop = await problem(allowed[2]!, ".", { allowed });
    assert.match(loop.problem, /is redirected more than 5 times/);
    assert.equal(asked.length, 6);
  });
});

Deno.test("what a server refuses is told with its status, and who is not there by the reason", async () => {
  const answer = () => new Response("no", { status: 404, statusText: "Not Found" });
  let gone = "";
  await withServer(answer, async (url) => {
    gone = `${url}/far.ts`;
    const { problem: said } = await problem(gone, ".", { allowed: [gone] });
    assert.equal(
      said,
      `the plug-in ${gone} cannot be fetched: HTTP status 404 Not Found`,
    );
    const refused = await problem(gone, ".");
    assert.match(refused.problem, /status 404 Not Found, and is code from elsewhere/);
  });
  const { problem: said } = await problem(gone, ".", { allowed: [gone] });
  assert.match(said, /cannot be fetched: .*refused/i);
});

Deno.test("a server that never answers, or never ends, is given up", async () => {
  const stop = Promise.withResolvers<void>();
  const answer = async (request: Request) => {
    if (request.url.endsWith("/silent.ts")) await stop.promise;
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("// ")),
      }),
    );
  };
  await withServer(answer, async (url) => {
    for (const name of ["silent", "endless"]) {
      const href = `${url}/${name}.ts`;
      const { problem: said } = await problem(href, ".", { allowed: [href], limit: 300 });
      assert.equal(said, `the plug-in ${href} did not come within 0.3 s`);
    }
    stop.resolve();
  });
});

Deno.test("a file without end is not read to the end", async () => {
  const chunk = new Uint8Array(1 << 20);
  const body = () => new ReadableStream({ pull: (to) => to.enqueue(chunk) });
  await withServer(() => new Response(body()), async (url) => {
    const { problem: said } = await problem(`${url}/a.ts`, ".", {
      allowed: [`${url}/a.ts`],
    });
    assert.match(said, /is larger than 16 MiB/);
  });
});

const broken: [string, string, RegExp][] = [
  ["throws", TELLTALE, /cannot be loaded: RangeError: it was run \(line 1, column 7\)$/],
  [
    "is not TypeScript",
    "export default {\n  a:\n};",
    /SyntaxError: .* \(line 3, column 1\)$/,
  ],
  [
    "never ends loading",
    "await new Promise(() => {});",
    /took more than 0.5 s|[Pp]romise/,
  ],
  [
    "has no default export",
    "export const far = 1;",
    /has no default export \(it exports far\); wanted a Transport$/,
  ],
  ["exports nothing", "export {};", /has no default export; wanted a Transport$/],
  [
    "exports text",
    `export default "far";`,
    /its default export is a string; wanted a Tr/,
  ],
  [
    "exports a promise",
    "export default Promise.resolve({});",
    /its default export is a promise; wanted/,
  ],
  [
    "makes nothing",
    "export default () => {};",
    /the function that it exports as default gave nothing; wanted a Transport$/,
  ],
  [
    "throws when it is made",
    "export default () => { throw new Error('no'); };",
    /the function that it exports as default threw Error: no$/,
  ],
  [
    "lacks all members",
    "export default {};",
    /is no Transport: "name" is missing; wanted a string, "parse" is missing; wanted a function, "open" is missing; wanted a function, "describe" is missing; wanted a function$/,
  ],
  ...["name", "parse", "open", "describe", "exec"].map((member): typeof broken[0] => [
    `has the wrong kind of "${member}"`,
    `${GOOD.slice(0, -2)} ${member}: 7 };`,
    new RegExp(`is no Transport: "${member}" is a number; wanted a (string|function)$`),
  ]),
];
for (const [what, text, message] of broken) {
  Deno.test(`a plug-in that ${what} is told with its URL`, async () => {
    await withFiles({ "far.ts": text }, async (folder, href) => {
      for (const use of ["./far.ts", locked("./far.ts", text)]) {
        const { problem: said, isError } = await problem(use, folder, { limit: 500 });
        assert.match(said, message);
        assert(said.startsWith(`the plug-in ${href}far.ts`), said);
        assert(isError);
      }
    });
  });
}

/** A plug-in with other members than a good one. */
async function withPlugin(
  members: string,
  use: (plugin: Transport, href: string) => Promise<void> | void,
): Promise<void> {
  const text = `${GOOD.slice(0, -2)} ${members} };`;
  await withFiles({ "far.ts": text }, async (folder, href) => {
    const found = await load("./far.ts", folder);
    assert("parse" in found, JSON.stringify(found));
    await use(found as Transport, `the plug-in ${href}far.ts: `);
  });
}

const wrongParts: [string, string][] = [
  [
    `parse() { null.x; }`,
    `"parse" threw TypeError: Cannot read properties of null (reading 'x'); wanted a ` +
    `SpecError where the value is wrong`,
  ],
  [
    `async parse() { throw new Error("late"); }`,
    `"parse" gave a promise; it has to be synchronous`,
  ],
  [`describe: () => undefined`, `"describe" gave nothing; wanted a string`],
  [`describe() { throw new Error("no"); }`, `"describe" threw Error: no`],
];
for (const [members, message] of wrongParts) {
  Deno.test(`a mistake in a plug-in's part has a place in the manifest: ${members}`, async () => {
    await withPlugin(members, (plugin, href) => {
      assert.throws(() => plugin.parse(1), { path: [], message: href + message });
    });
  });
}

Deno.test("mistakes that a plug-in finds in its value are its own, of any class", async () => {
  const one = `Object.assign(new Error("no"), { path: ["a"] })`;
  await withPlugin(`parse() { throw ${one}; }`, (plugin) => {
    assert.throws(() => plugin.parse(1), { path: ["a"], message: "no" });
  });
  await withPlugin(
    `parse() { throw new AggregateError([${one}, ${one}]); }`,
    (plugin) => {
      assert.throws(() => plugin.parse(1), AggregateError);
    },
  );
});

const context = { host: "far", signal: new AbortController().signal, log() {} };

Deno.test("what is opened is a link, or an error that names what it lacks", async () => {
  const members = `
    open: () => Promise.resolve({ readable: 7, abort(why: string) { this.why = why } }),
    exec: () => Promise.resolve(undefined),`;
  await withPlugin(members, async (plugin, href) => {
    await assert.rejects(plugin.open(1, context), {
      message: `${href}what "open" gave is no Link: "readable" is a number; wanted a ` +
        `ReadableStream, "writable" is missing; wanted a WritableStream, "closed" is ` +
        `missing; wanted a promise`,
    });
    await assert.rejects(plugin.exec!(1, [], context), {
      message: `${href}what "exec" gave is no Link: it is missing`,
    });
  });
  await withPlugin("", async (plugin) => {
    await assert.rejects(plugin.open(1, context), { message: "not today" });
    assert.equal(plugin.exec, undefined);
  });
});

Deno.test("a plug-in may say that its hosts kill commands, by yes or no", async () => {
  await withPlugin("killsCommands: true", (plugin) => {
    assert.equal(plugin.killsCommands, true);
  });
  await withPlugin("", (plugin) => {
    assert.equal(plugin.killsCommands, undefined);
  });
});

Deno.test("a plug-in's methods keep their this, and its links come through", async () => {
  const members = `
    n: 5,
    open() {
      const { readable, writable } = new TransformStream();
      const closed = Promise.resolve({ ok: true, reason: "n " + this.n, stderr: [] });
      return Promise.resolve({ readable, writable, closed, abort() {} });
    }`;
  await withPlugin(members, async (plugin) => {
    const link: Link = await plugin.open(1, context);
    assert.equal((await link.closed).reason, "n 5");
  });
});

Deno.test("check asks no server and runs nothing, unless the command line says so", async () => {
  await withServer(serving(TELLTALE), async (url, asked) => {
    const href = `${url}/far.ts`;
    assert.deepEqual(await problem(href, ".", { isCheck: true }), {
      problem: `the plug-in ${href} was not fetched or run, so that its values are not ` +
        `checked; "check" does that with --allow-plugin ${href}`,
      isError: false,
    });
    assert.deepEqual(asked, []);
    const allowed = await problem(href, ".", { isCheck: true, allowed: [href] });
    assert.match(allowed.problem, /RangeError: it was run/);
  });
  await withFiles({ "far.ts": TELLTALE }, async (folder, href) => {
    assert.deepEqual(await problem("./far.ts", folder, { isCheck: true }), {
      problem: `the plug-in ${href}far.ts was not run, so that its values are not ` +
        `checked; "check" does that with --allow-plugin ${href}far.ts`,
      isError: false,
    });
    const gone = await problem("./gone.ts", folder, { isCheck: true });
    assert.match(gone.problem, /gone.ts cannot be read: there is no such file/);
    assert(gone.isError);
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe.ts`] }).output();
    const pipe = await problem("./pipe.ts", folder);
    assert.match(pipe.problem, /pipe.ts cannot be read: it is a named pipe \(FIFO\)/);
  });
});

Deno.test("check compares what is locked, and does not run it", async () => {
  await withServer(serving(TELLTALE), async (url) => {
    const href = `${url}/far.ts`;
    const right = await problem(locked(href, TELLTALE), ".", { isCheck: true });
    assert.match(right.problem, /was not run, so that its values/);
    assert(!right.isError);
    const wrong = await problem(locked(href, GOOD), ".", { isCheck: true });
    assert.match(wrong.problem, /is not the one that is locked/);
    assert(wrong.isError);
  });
});

Deno.test("a package wants consent and is asked of nobody before", async () => {
  const name = "npm:far@1.2.3";
  assert.deepEqual(await problem(name, "."), {
    problem:
      `the plug-in ${name} is code from elsewhere, which runs with consent only: ` +
      `--allow-plugin ${name}, or in the manifest plugins: {"${name}": "registry"}`,
    isError: true,
  });
  const { problem: said, isError } = await problem(
    { specifier: name, lock: { at: AT } },
    ".",
    { isCheck: true },
  );
  assert.match(said, /was not fetched or run/);
  assert(!isError);
});

Deno.test("a package is imported with consent, and held to the same contract", async () => {
  // One that is here anyway, and no transport.
  const name = "npm:fastest-levenshtein@1.0.16";
  for (
    const found of [
      await problem(name, ".", { allowed: [name] }),
      await problem({ specifier: name, lock: { at: AT } }, "."),
    ]
  ) {
    assert.match(
      found.problem,
      /^the plug-in npm:fastest-levenshtein@1.0.16 is no Transport: "name" is missing/,
    );
  }
});
