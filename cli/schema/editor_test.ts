/**
 * An editor's language server, yaml-language-server, with the schema beside a manifest: it
 * explains fields, offers them, and marks what is wrong.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { withFiles } from "../_run.ts";
import { MODELINE } from "./modeline.ts";
import { schemaText } from "./manifest_schema.ts";

const LIMIT_MS = 60_000;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
}

interface Marked {
  readonly uri: string;
  readonly diagnostics: readonly {
    readonly message: string;
    readonly range: { readonly start: { readonly line: number } };
  }[];
}

/** A language server as an editor has it, over its standard streams. */
class Server implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  readonly #marks = new Map<string, Marked["diagnostics"]>();
  readonly #read: Promise<void>;
  #marked = Promise.withResolvers<void>();
  #next = 1;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        config.imports["yaml-language-server"],
        "--stdio",
      ],
      cwd: new URL("../../", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#read = this.#readAll();
  }

  request(method: string, params: unknown): Promise<unknown> {
    const id = this.#next++;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    this.#send({ id, method, params });
    return within(promise, method);
  }

  notify(method: string, params: unknown): void {
    this.#send({ method, params });
  }

  /** What is marked in a document, as soon as `isRight`. */
  async marks(
    uri: string,
    isRight: (messages: readonly string[]) => boolean,
  ): Promise<Marked["diagnostics"]> {
    for (;;) {
      const found = this.#marks.get(uri);
      if (found && isRight(found.map(({ message }) => message))) return found;
      await within(this.#marked.promise, `marks, after ${JSON.stringify(found)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#writer.close().catch(() => {});
    await this.#child.status;
    await this.#read;
  }

  #send(message: object): void {
    const body = new TextEncoder().encode(JSON.stringify({ jsonrpc: "2.0", ...message }));
    const head = new TextEncoder().encode(`Content-Length: ${body.length}\r\n\r\n`);
    for (const part of [head, body]) this.#writer.write(part).catch(() => {});
  }

  async #readAll(): Promise<void> {
    let bytes = new Uint8Array();
    for await (const chunk of this.#child.stdout) {
      const joined = new Uint8Array(bytes.length + chunk.length);
      joined.set(bytes);
      joined.set(chunk, bytes.length);
      bytes = joined;
      for (;;) {
        const text = new TextDecoder("latin1").decode(bytes.subarray(0, 200));
        const [head, length] = /^[^]*?Content-Length: (\d+)[^]*?\r\n\r\n/.exec(text) ??
          [];
        if (!head || bytes.length < head.length + Number(length)) break;
        const body = bytes.subarray(head.length, head.length + Number(length));
        this.#take(JSON.parse(new TextDecoder().decode(body)));
        bytes = bytes.slice(head.length + Number(length));
      }
    }
  }

  #take({ id, method, params, result }: Message): void {
    if (method === undefined) return this.#waiting.get(id!)?.(result);
    if (method === "textDocument/publishDiagnostics") {
      const { uri, diagnostics } = params as Marked;
      this.#marks.set(uri, diagnostics);
      this.#marked.resolve();
      this.#marked = Promise.withResolvers();
    } else if (id !== undefined) {
      // It asks for settings; an editor without any has nothing for each.
      const { items = [] } = (params ?? {}) as { items?: unknown[] };
      this.#send({ id, result: items.map(() => null) });
    }
  }
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no ${what}`)), LIMIT_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const MANIFEST = `${MODELINE}hosts:
  local: {}
  web:
    docker: web
    ports: ["8080:127.0.0.1:80"]
pol
`;

/** Runs a server on a manifest in a folder with these files. */
async function edit(
  files: Readonly<Record<string, string>>,
  use: (server: Server, open: (text: string) => string) => Promise<void>,
): Promise<void> {
  await withFiles(files, async (folder) => {
    await using server = new Server();
    const rootUri = pathToFileURL(folder).href;
    await server.request("initialize", { processId: null, rootUri, capabilities: {} });
    server.notify("initialized", {});
    server.notify("workspace/didChangeConfiguration", {
      settings: {
        yaml: {
          hover: true,
          completion: true,
          validate: true,
          schemaStore: { enable: false },
        },
      },
    });
    let count = 0;
    await use(server, (text) => {
      const uri = `${rootUri}/mesh${count++}.yaml`;
      const textDocument = { uri, languageId: "yaml", version: 1, text };
      server.notify("textDocument/didOpen", { textDocument });
      return uri;
    });
  });
}

function placeOf(text: string, piece: string): { line: number; character: number } {
  const before = text.slice(0, text.indexOf(piece) + piece.length - 1).split("\n");
  return { line: before.length - 1, character: before.at(-1)!.length };
}

Deno.test("an editor explains, offers and checks fields by the schema", async () => {
  await edit({ "norouter.schema.json": schemaText() }, async (server, open) => {
    const uri = open(MANIFEST);
    const at = (piece: string, more = 0) => {
      const { line, character } = placeOf(MANIFEST, piece);
      return { textDocument: { uri }, position: { line, character: character + more } };
    };
    const hover = await server.request("textDocument/hover", at("    ports"));
    assert.match(JSON.stringify(hover), /What the host publishes, each LISTEN:HOST:PORT/);
    const offered = await server.request("textDocument/completion", at("\npol", 1));
    const { items } = offered as { items: { label: string; documentation?: unknown }[] };
    const policy = items.find(({ label }) => label === "policy");
    assert.match(JSON.stringify(policy), /Who may connect to whom/);

    const wrong = MANIFEST.replace("pol\n", "").replace("ports:", "prots:") +
      `policy: [{ from: [web], to: ["*"], action: drop }]\n`;
    const marks = await server.marks(
      open(wrong),
      (messages) => messages.some((message) => /prots/.test(message)),
    );
    const lineOf = (pattern: RegExp) =>
      marks.find(({ message }) => pattern.test(message))?.range.start.line;
    assert.equal(lineOf(/prots is not allowed/), placeOf(wrong, "prots").line);
    assert.equal(lineOf(/"allow"/), placeOf(wrong, "policy").line);

    const twice = MANIFEST.replace("pol\n", "").replace("web:\n", "web:\n    cmd: a\n");
    const two = await server.marks(open(twice), (messages) => messages.length > 0);
    assert.deepEqual(two.map(({ message }) => message), [
      '"docker" and "cmd" are two ways to reach one host; wanted one',
    ]);
  });
});

Deno.test("an editor without the schema beside the manifest says which file that is", async () => {
  await edit({}, async (server, open) => {
    const uri = open(MANIFEST.replace("pol\n", ""));
    const marks = await server.marks(uri, (messages) => messages.length > 0);
    assert.match(marks[0]!.message, /norouter\.schema\.json/);
  });
});
