/**
 * The manager's side of an agent in a process of its own, over links that come and go, for
 * tests.
 */
import {
  type ControlMessage,
  decodeControl,
  encodeControl,
} from "../../wire/control/control.ts";
import { FrameDecoder } from "../../wire/decoder.ts";
import { FrameType } from "../../wire/frame.ts";
import { until, within } from "../../tests/harness/scene/wait.ts";
import { startAgent, type TestAgent } from "../_pair.ts";
import { PLACES } from "./private_folder.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
/** VIPs of the agent under test, and of the other host, which publishes. */
export const HERE = "127.0.42.220";
export const THERE = "127.0.42.221";
export const SECRET = "0123456789abcdef0123456789abcdef";

/**
 * A later exec by a shell, with the folder as its argument: lends standard input, output
 * and error by the door, and says the agent's answer and an empty line.
 */
const RELAY = `
[ -p "$1/door" ] || exit 3
exec 3<&0 4>&1 5>&2
r=$1/r$$
mkfifo -m 600 "$r" || exit 3
exec 7<>"$r" 6<"$r"
echo "lend $$ 3 4 5" 1<>"$1/door"
read -r said <&6
exec 7>&-
rm -f "$r"
printf '%s\\n\\n' "$said"
[ "$said" = yes ] || exit 3
while read -r said <&6; do echo "$said" >&2; done
`;

/** That shell as a command. */
export function shellCommand(
  folder: string,
  stdin: "piped" | "null" = "piped",
): Deno.Command {
  const args = ["-c", RELAY, "sh", folder];
  return new Deno.Command("sh", { args, stdin, stdout: "piped", stderr: "piped" });
}

type Result = (ControlMessage & { type: "result" })["body"];

/** A process, and the link to it. */
export class TestLink {
  readonly child: Deno.ChildProcess;
  /** What it said on standard error. */
  stderr = "";
  /** Bytes that came and are no frames: lines of a script, until the first frame. */
  text = "";
  /** The data of the events `askedToEnd`. */
  readonly wishes: unknown[] = [];
  /** Credits and other frames of no interest here. */
  others = 0;
  /** Whether its output has ended. */
  isOver = false;
  /** Where its packets go. */
  peer: TestAgent | undefined;
  readonly ended: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #results = new Map<number, (result: Result) => void>();
  #id = 0;

  readonly #hasText: boolean;

  /** `hasText`: lines come before the first frame, and an empty line behind them. */
  constructor(command: Deno.Command, { hasText = false } = {}) {
    this.#hasText = hasText;
    this.child = command.spawn();
    this.#writer = this.child.stdin.getWriter();
    this.#writer.closed.catch(() => {});
    this.ended = Promise.all([this.#read(hasText), this.#readErrors()]).then(() => {});
  }

  get pid(): number {
    return this.child.pid;
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes).catch(() => {});
  }

  event(type: string, data?: unknown): Promise<void> {
    const body = { type, ...(data !== undefined && { data }) };
    return this.send(encodeControl({ type: "event", body }).bytes);
  }

  async ask(op: string, args?: unknown): Promise<Result> {
    if (this.#hasText) await until("the lines", () => this.text.endsWith("\n\n"));
    const id = ++this.#id;
    const { promise, resolve } = Promise.withResolvers<Result>();
    this.#results.set(id, resolve);
    const body = { id, op, ...(args !== undefined && { args }) };
    await this.send(encodeControl({ type: "request", body }).bytes);
    return await within(`the answer to ${op}`, promise);
  }

  /** Ends the input, as the death of an exec's client does. */
  async drop(): Promise<void> {
    await this.#writer.close().catch(() => {});
  }

  /** Ends the process, if it has not ended. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    try {
      this.child.kill(signal);
    } catch {
      // It has ended.
    }
    await this.drop();
    await this.child.status;
    await this.ended;
  }

  async #read(hasText: boolean): Promise<void> {
    const decoder = new FrameDecoder();
    for await (let chunk of this.child.stdout) {
      if (hasText && !this.text.endsWith("\n\n")) {
        const text = new TextDecoder("latin1").decode(chunk);
        const end = text.indexOf("\n\n");
        this.text += end < 0 ? text : text.slice(0, end + 2);
        if (end < 0) continue;
        chunk = chunk.subarray(end + 2);
      }
      for (const frame of decoder.push(chunk)) {
        if (frame.type === FrameType.L3) {
          await this.peer?.send(frame.bytes.slice());
        } else if (frame.type === FrameType.JSON) {
          const message = decodeControl(frame.payload);
          if (message.type === "event" && message.body.type === "askedToEnd") {
            this.wishes.push(message.body.data);
          }
          if (message.type !== "result") continue;
          this.#results.get(message.body.request_id)?.(message.body);
        } else this.others++;
      }
    }
    this.isOver = true;
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.child.stderr.pipeThrough(new TextDecoderStream())) {
      this.stderr += text;
    }
  }
}

/** `norouter agent --automated …` as a command. */
export function agentCommand(
  args: readonly string[] = [],
  permissions: readonly string[] = ["-A"],
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...permissions, CLI, "agent", "--automated", ...args],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/** 16 digits of chance. */
export function someId(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex();
}

/** The wish of a manager. */
export function wishOf(id: string, more: Record<string, unknown> = {}) {
  return { id, secret: SECRET, seconds: 60, mesh: `test-${id}`, host: "ho st", ...more };
}

/** The folder of a keeper, if there is one. */
export function folderOf(id: string): string | undefined {
  return PLACES.map((place) => `${place}/norouter-${Deno.uid()}/keep-${id}`).find(
    isThere,
  );
}

export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process runs that is not just waiting to be asked for its status. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

/** The arguments of `configure`: listens for `port` of the other host. */
export function configuration(port: number, resume?: unknown) {
  return {
    me: HERE,
    forwards: [],
    others: port === 0 ? [] : [{ ip: THERE, port, proto: "tcp" }],
    hostnameMap: {},
    stateDir: { disable: true },
    ...(resume !== undefined && { resume }),
  };
}

/** A kept agent, another host that echoes, and a manager between them. */
export class Kept {
  readonly id: string = someId();
  readonly first: TestLink;
  link: TestLink;
  /** The port of the echo, on THERE. */
  port = 0;
  readonly #there: TestAgent;
  readonly #target: Deno.TcpListener;
  readonly #links: TestLink[] = [];
  readonly #clients: Deno.TcpConn[] = [];
  #epoch = 0;

  private constructor(command: Deno.Command) {
    this.#target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#there = startAgent();
    this.first = this.link = this.#adopt(new TestLink(command));
    this.#there.peer = { ...this.#there, send: (bytes) => this.link.send(bytes) };
    this.#echo();
  }

  static async start(
    { wish = {}, command = agentCommand() }: {
      wish?: Record<string, unknown>;
      command?: Deno.Command;
    } = {},
  ): Promise<Kept> {
    const kept = new Kept(command);
    kept.port = freePort(THERE);
    await kept.#there.ask("configure", {
      me: THERE,
      loopback: { disable: true },
      stateDir: { disable: true },
      hostnameMap: {},
      others: [],
      forwards: [{
        listen_port: kept.port,
        connect_ip: "127.0.0.1",
        connect_port: kept.#target.addr.port,
        proto: "tcp",
      }],
    });
    const { data, error } = await kept.first.ask(
      "configure",
      configuration(kept.port, wishOf(kept.id, wish)),
    );
    if (error !== undefined) throw new Error(String(error));
    const { resume } = data as { resume?: { seconds?: number; off?: string } };
    if (resume?.seconds === undefined) throw new Error(`off: ${resume?.off}`);
    return kept;
  }

  get folder(): string | undefined {
    return folderOf(this.id);
  }

  /** A later exec: the program, unless told otherwise. */
  exec(command: Deno.Command = agentCommand(["--attach", this.id]), hasText = false) {
    return this.#adopt(new TestLink(command, { hasText }));
  }

  /** Asks for the agent over a lent link. */
  resume(link: TestLink, args: Record<string, unknown> = {}): Promise<Result> {
    const epoch = ++this.#epoch;
    return link.ask("resume", { id: this.id, secret: SECRET, epoch, ...args });
  }

  /** Takes the agent back by the program, and carries on over the new link. */
  async back(link: TestLink = this.exec()): Promise<{ away: number }> {
    const result = await this.resume(link);
    if (result.error !== undefined) throw new Error(String(result.error));
    this.link = link;
    return result.data as { away: number };
  }

  /** A connection through the mesh, to the echo. */
  async connect(): Promise<Deno.TcpConn> {
    const client = await Deno.connect({ hostname: THERE, port: this.port });
    this.#clients.push(client);
    return client;
  }

  /** Ends all of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) close(client);
    for (const link of this.#links) await link.kill();
    await this.#there.end();
    await this.#there.finished;
    this.#target.close();
    const folder = this.folder;
    if (folder) await Deno.remove(folder, { recursive: true });
  }

  #adopt(link: TestLink): TestLink {
    link.peer = this.#there;
    this.#links.push(link);
    return link;
  }

  async #echo(): Promise<void> {
    for await (const connection of this.#target) {
      connection.readable.pipeTo(connection.writable).catch(() => {});
    }
  }
}

function close(closer: Deno.TcpConn): void {
  try {
    closer.close();
  } catch {
    // Closed already.
  }
}

function freePort(hostname: string): number {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** Sends a text through an echo and waits until it is back. */
export async function echoed(client: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  const got = new Uint8Array(bytes.length);
  const work = async () => {
    for (let at = 0; at < bytes.length;) at += await client.write(bytes.subarray(at));
    for (let at = 0; at < got.length;) {
      const count = await client.read(got.subarray(at));
      if (count === null) throw new Error("the echo ended");
      at += count;
    }
  };
  await within(`the echo of "${text}"`, work());
  if (new TextDecoder().decode(got) !== text) throw new Error(`wrong echo of "${text}"`);
}

/** Waits for the end of a keeper's process and folder. */
export async function gone(kept: Kept): Promise<void> {
  await until("the end of the keeper", () => !isRunning(kept.first.pid));
  await until("the end of its folder", () => kept.folder === undefined);
}

/** A test of a keeper, of which there is none but on Linux. */
export function keeperTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os !== "linux", fn });
}
