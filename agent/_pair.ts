/** Two agents in this process joined by a link in memory, for tests. */
import {
  type ControlMessage,
  decodeControl,
  encodeControl,
} from "../wire/control/control.ts";
import { type Credit, decodeCredit } from "../wire/credit.ts";
import { FrameDecoder } from "../wire/decoder.ts";
import { FrameType } from "../wire/frame.ts";
import { runAgent } from "./agent.ts";
import { joinedLink } from "./link/port.ts";

/** One agent, seen from where its manager would be. */
export interface TestAgent {
  readonly finished: Promise<void>;
  readonly log: string[];
  /** The credits that it sent. */
  readonly credits: Credit[];
  /** Sends a request and waits for its result. */
  ask(op: string, args?: unknown): Promise<(ControlMessage & { type: "result" })["body"]>;
  /** Sends bytes as they are. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends the agent's input. */
  end(): Promise<void>;
  /** Where packets of this agent go; nowhere until set. */
  peer: TestAgent | undefined;
}

/** Starts an agent that is not configured yet. */
export function startAgent(): TestAgent {
  const { link: near, port } = joinedLink();
  const log: string[] = [];
  const finished = runAgent(port, {
    version: "test",
    log: ({ message }) => void log.push(message),
  });
  finished.catch(() => {});
  const writer = near.writable.getWriter();
  const results = new Map<number, (body: never) => void>();
  let id = 0;
  const agent: TestAgent = {
    finished,
    log,
    credits: [],
    peer: undefined,
    ask(op, args) {
      const request = { id: ++id, op, ...(args !== undefined && { args }) };
      const { promise, resolve } = Promise.withResolvers<never>();
      results.set(request.id, resolve);
      writer.write(encodeControl({ type: "request", body: request }).bytes);
      return promise;
    },
    send: (bytes) => writer.write(bytes),
    async end() {
      await writer.close().catch(() => {});
    },
  };
  (async () => {
    const decoder = new FrameDecoder();
    for await (const chunk of near.readable) {
      for (const frame of decoder.push(chunk)) {
        if (frame.type === FrameType.CREDIT) {
          agent.credits.push(decodeCredit(frame.payload));
          continue;
        }
        if (frame.type === FrameType.L3) {
          await agent.peer?.send(frame.bytes.slice());
          continue;
        }
        const message = decodeControl(frame.payload);
        if (message.type === "result") {
          results.get(message.body.request_id)?.(message.body as never);
        }
      }
    }
  })().catch(() => {});
  return agent;
}

/** Two configured agents: `a` listens for what `b` publishes, `b` only in the mesh. */
export async function startPair(
  options: { a: string; b: string; forwards: [number, string, number][] },
): Promise<{ a: TestAgent; b: TestAgent; stop: () => Promise<void> }> {
  const [a, b] = [startAgent(), startAgent()];
  a.peer = b;
  b.peer = a;
  const stateDir = { disable: true };
  const shared = { hostnameMap: {}, routes: null, nameServers: [], stateDir };
  await a.ask("configure", {
    ...shared,
    me: options.a,
    forwards: [],
    others: options.forwards.map(([port]) => ({ ip: options.b, port, proto: "tcp" })),
  });
  await b.ask("configure", {
    ...shared,
    me: options.b,
    loopback: { disable: true },
    others: [],
    forwards: options.forwards.map(([listen_port, connect_ip, connect_port]) => {
      return { listen_port, connect_ip, connect_port, proto: "tcp" };
    }),
  });
  return {
    a,
    b,
    async stop() {
      await Promise.all([a.end(), b.end()]);
      await Promise.all([a.finished, b.finished]);
    },
  };
}
