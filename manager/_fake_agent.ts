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
  /** Refuses `update` with this error, or never answers it for `null`. */
  readonly updateError?: unknown;
  readonly features?: readonly string[];
  readonly version?: string;
  /** Answers pings; true by default. */
  readonly pong?: boolean;
  /** What `status` tells. */
  readonly listeners?: readonly unknown[];
  /** What `status` tells of its stack; nothing by default. */
  readonly stack?: unknown;
  /** More of what `status` tells. */
  readonly more?: Readonly<Record<string, unknown>>;
  /**
   * What it answers to the wish to stay; with seconds it stays when its link is gone. By
   * default it knows nothing of that.
   */
  readonly resume?: { readonly seconds: number } | { readonly off: string };
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
  /** Settles when its input has ended and its output is closed; for good, if it can stay. */
  readonly ended: Promise<void>;
  /** Settles once it has answered `configure`. */
  readonly configured: Promise<void>;
  behaviour: Behaviour;
  /** How often it was taken back. */
  timesBack = 0;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** The wish by which it stays. */
  #wish: { readonly id: string; readonly secret: string } | undefined;
  #epoch = 0;
  #saidBye = false;
  #isOver = false;
  readonly #ended = Promise.withResolvers<void>();
  readonly #configured = Promise.withResolvers<void>();

  constructor(ends: Ends, behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
    this.configured = this.#configured.promise;
    this.ended = this.#ended.promise;
    this.#writer = writerOf(ends);
    this.#run(ends.readable, this.#writer);
  }

  /** Whether it is there for the link of an attempt that names it. */
  stays(id: string | undefined): boolean {
    return this.#wish !== undefined && this.#wish.id === id && !this.#isOver;
  }

  /**
   * Takes another link, as one lends it to an agent that stays: the first request has to be
   * the right `resume`.
   */
  async lend(ends: Ends): Promise<void> {
    const writer = writerOf(ends);
    const body = await firstRequest(ends.readable);
    const { id, secret, epoch } = body?.args ?? {};
    const isRight = body?.op === "resume" && this.stays(id) &&
      secret === this.#wish!.secret && epoch > this.#epoch;
    if (!isRight) return void await writer.close().catch(() => {});
    this.#epoch = epoch;
    this.timesBack++;
    this.#writer.close().catch(() => {});
    this.#writer = writer;
    const { features = ALL_FEATURES, version = "1.2.3" } = this.behaviour;
    const data = { features, version, away: 1 };
    await this.message({
      type: "result",
      body: { request_id: body.id, op: "resume", data },
    });
    this.#run(ends.readable, writer);
  }

  /** Ends it, as the end of its time does. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#writer.close().catch(() => {});
    this.#ended.resolve();
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

  async #run(
    readable: ReadableStream<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
  ): Promise<void> {
    if (this.behaviour.banner && this.timesBack === 0) {
      await this.raw(this.behaviour.banner);
    }
    try {
      for await (const { type, payload } of framesOf(readable)) {
        await this.#take(type, payload);
      }
    } catch {
      // The link was aborted: for an agent that is an end like another.
    }
    await writer.close().catch(() => {});
    if (this.#wish !== undefined && !this.#saidBye || this.#writer !== writer) return;
    this.#isOver = true;
    this.#ended.resolve();
  }

  async #take(type: number, payload: Uint8Array): Promise<void> {
    if (type === 1) return void this.packets.push(payload);
    const message: RawMessage = JSON.parse(new TextDecoder().decode(payload));
    this.messages.push(message);
    if (message.body.type === "bye") this.#saidBye = true;
    if (message.type !== "request") return;
    const { id, op } = message.body;
    const { behaviour } = this;
    const result = (more: object) =>
      this.message({ type: "result", body: { request_id: id, op, ...more } });
    if (op === "resume") await result({ error: "no agent stayed here" });
    if (op === "configure" && !behaviour.isMute) {
      const { resume } = message.body.args;
      const answer = resume && behaviour.resume;
      if (answer && "seconds" in answer) this.#wish = resume;
      await result(
        behaviour.error !== undefined ? { error: behaviour.error } : {
          data: {
            features: behaviour.features ?? ALL_FEATURES,
            version: behaviour.version ?? "1.2.3",
            ...(answer && { resume: answer }),
          },
        },
      );
      for (const body of behaviour.events ?? []) {
        await this.message({ type: "event", body });
      }
      if (behaviour.garbage !== undefined) await this.raw(behaviour.garbage);
      this.#configured.resolve();
    }
    const { extendError, updateError } = behaviour;
    if (op === "update" && updateError !== null) {
      const { version } = message.body.args;
      await result(
        updateError === undefined ? { data: { version } } : { error: updateError },
      );
    }
    if (op === "extend" && extendError !== null) {
      await result(extendError === undefined ? {} : { error: extendError });
    }
    if (op === "ping" && (behaviour.pong ?? true)) await result({});
    if (op === "status" && !behaviour.hidesStatus) {
      const { listeners = [], stack, more } = behaviour;
      await result({
        data: { listeners, ...(stack !== undefined && { stack }), ...more },
      });
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

function writerOf({ writable }: Ends): WritableStreamDefaultWriter<Uint8Array> {
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  return writer;
}

/** The body of the first message, behind which nothing comes until it is answered. */
async function firstRequest(readable: ReadableStream<Uint8Array>) {
  for await (const { payload } of framesOf(readable)) {
    return JSON.parse(new TextDecoder().decode(payload)).body;
  }
}

/** The frames of a link; what was read and not taken is left in the stream. */
async function* framesOf(readable: ReadableStream<Uint8Array>) {
  let rest = new Uint8Array(0);
  for await (const chunk of readable.values({ preventCancel: true })) {
    rest = concat(rest, chunk);
    while (rest.length >= 4) {
      const size = 4 + (rest[1]! << 16 | rest[2]! << 8 | rest[3]!);
      if (rest.length < size) break;
      yield { type: rest[5]!, payload: rest.slice(8, size) };
      rest = rest.slice(size);
    }
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
