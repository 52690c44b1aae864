// An agent without a stack, for tests of the manager: it speaks raw frames, written here
// once more instead of imported, and misbehaves as it is told. As a program it takes its
// behaviour as JSON in its first argument.
import { fileURLToPath } from "node:url";

/** How a fake agent behaves; by default as a good one. */
export interface Behaviour {
  /** Text written to the link before the first frame. */
  readonly banner?: string;
  /** Text written to stderr at the start (program only). */
  readonly stderr?: string;
  /** Ends at once with this status (program only). */
  readonly exit?: number;
  /** Never answers `configure`. */
  readonly isMute?: boolean;
  /** Refuses its configuration with this error. */
  readonly error?: unknown;
  /** Refuses `extend` with this error, or never answers it for `null`. */
  readonly extendError?: unknown;
  readonly features?: readonly string[];
  readonly version?: string;
  /** Answers pings; true by default. */
  readonly pong?: boolean;
  /** What `status` tells. */
  readonly listeners?: readonly unknown[];
  /** What `status` tells of its stack; nothing by default. */
  readonly stack?: unknown;
  /** Never answers `status`. */
  readonly hidesStatus?: boolean;
  /** Bytes, as text, written once it is ready. */
  readonly garbage?: string;
  /** Events sent once it is ready. */
  readonly events?: readonly unknown[];
  /** Ends with this status once it is ready (program only). */
  readonly exitWhenReady?: number;
  /** Goes on after its input ended and after SIGTERM (program only). */
  readonly isStubborn?: boolean;
}

/** A control message as it came or goes. */
export interface RawMessage {
  readonly type: string;
  // deno-lint-ignore no-explicit-any -- whatever JSON holds
  readonly body: any;
}

interface Ends {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

const ALL_FEATURES = [
  "tcp",
  "loopback",
  "loopback.disable",
  "ping",
  "hostDown",
  "status",
  "extend",
];

/** Answers on its link from construction until its input ends. */
export class FakeAgent {
  /** Everything it was sent, in order. */
  readonly messages: RawMessage[] = [];
  /** The packets it was sent. */
  readonly packets: Uint8Array[] = [];
  /** Settles when its input has ended and its output is closed. */
  readonly ended: Promise<void>;
  /** Settles once it has answered `configure`. */
  readonly configured: Promise<void>;
  behaviour: Behaviour;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #configured = Promise.withResolvers<void>();

  constructor(ends: Ends, behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
    this.configured = this.#configured.promise;
    this.#writer = ends.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.ended = this.#run(ends.readable);
  }

  /** Sends one packet. */
  packet(bytes: Uint8Array): Promise<void> {
    return this.#frame(1, bytes);
  }

  /** Sends one control message. */
  message(message: unknown): Promise<void> {
    return this.#frame(2, new TextEncoder().encode(JSON.stringify(message)));
  }

  /** Sends bytes as a control message, whether they are one or not. */
  control(payload: Uint8Array): Promise<void> {
    return this.#frame(2, payload);
  }

  /** Sends bytes as they are. */
  raw(text: string): Promise<void> {
    return this.#write(new TextEncoder().encode(text));
  }

  async #run(readable: ReadableStream<Uint8Array>): Promise<void> {
    if (this.behaviour.banner) await this.raw(this.behaviour.banner);
    let rest = new Uint8Array(0);
    try {
      for await (const chunk of readable) {
        rest = concat(rest, chunk);
        while (rest.length >= 4) {
          const size = 4 + (rest[1]! << 16 | rest[2]! << 8 | rest[3]!);
          if (rest.length < size) break;
          await this.#take(rest[5]!, rest.slice(8, size));
          rest = rest.slice(size);
        }
      }
    } catch {
      // The link was aborted: for an agent that is an end like another.
    }
    await this.#writer.close().catch(() => {});
  }

  async #take(type: number, payload: Uint8Array): Promise<void> {
    if (type === 1) return void this.packets.push(payload);
    const message: RawMessage = JSON.parse(new TextDecoder().decode(payload));
    this.messages.push(message);
    if (message.type !== "request") return;
    const { id, op } = message.body;
    const { behaviour } = this;
    const result = (more: object) =>
      this.message({ type: "result", body: { request_id: id, op, ...more } });
    if (op === "configure" && !behaviour.isMute) {
      await result(
        behaviour.error !== undefined ? { error: behaviour.error } : {
          data: {
            features: behaviour.features ?? ALL_FEATURES,
            version: behaviour.version ?? "1.2.3",
          },
        },
      );
      for (const body of behaviour.events ?? []) {
        await this.message({ type: "event", body });
      }
      if (behaviour.garbage !== undefined) await this.raw(behaviour.garbage);
      this.#configured.resolve();
    }
    const { extendError } = behaviour;
    if (op === "extend" && extendError !== null) {
      await result(extendError === undefined ? {} : { error: extendError });
    }
    if (op === "ping" && (behaviour.pong ?? true)) await result({});
    if (op === "status" && !behaviour.hidesStatus) {
      const { listeners = [], stack } = behaviour;
      await result({ data: { listeners, ...(stack !== undefined && { stack }) } });
    }
  }

  #frame(type: number, payload: Uint8Array): Promise<void> {
    const length = payload.length + 4;
    const header = [0x42, length >>> 16, length >>> 8 & 255, length & 255, 0, type, 0, 0];
    return this.#write(concat(Uint8Array.from(header), payload));
  }

  /** What cannot be written any more is nobody's loss. */
  #write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes).catch(() => {});
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/** The command that runs a fake agent as a process of its own. */
export function fakeAgentCommand(behaviour: Behaviour = {}): string[] {
  const program = fileURLToPath(import.meta.url);
  return [Deno.execPath(), "run", "--quiet", "-A", program, JSON.stringify(behaviour)];
}

if (import.meta.main) {
  const behaviour: Behaviour = JSON.parse(Deno.args[0]!);
  if (Deno.args.slice(-2).join(" ") !== "agent --automated") Deno.exit(64);
  if (behaviour.stderr) console.error(behaviour.stderr);
  if (behaviour.exit !== undefined) Deno.exit(behaviour.exit);
  if (behaviour.isStubborn && Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", () => {});
  }
  const { readable } = Deno.stdin;
  const agent = new FakeAgent({ readable, writable: Deno.stdout.writable }, behaviour);
  if (behaviour.exitWhenReady !== undefined) {
    agent.configured.then(() => Deno.exit(behaviour.exitWhenReady));
  }
  await agent.ended;
  if (behaviour.isStubborn) setInterval(() => {}, 1000);
}
