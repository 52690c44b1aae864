/** A host on a stack of its own, whose packets go to an agent in this process, for tests. */
import { stackModule } from "../stack/module.ts";
import type { ConfigureArgs, ListenerStatus } from "../wire/control/control.ts";
import { FrameDecoder } from "../wire/decoder.ts";
import type { TestAgent } from "./_pair.ts";
import { Host } from "./host.ts";
import { LivingStack } from "./living_stack.ts";
import { joinedLink } from "./link/port.ts";
import { Pump } from "./link/pump.ts";

/** A host under test. */
export interface TestHost {
  readonly host: Host;
  /** What it warned of. */
  readonly warnings: string[];
  /** The listeners that it told to be up now. */
  readonly up: ListenerStatus[];
  /** Ends it, and its link. */
  stop(): Promise<void>;
}

/** Starts a host; its packets go to `peer`, and those of `peer` to it. */
export async function startHost(
  args: ConfigureArgs,
  peer: TestAgent,
): Promise<TestHost> {
  const { link: near, port } = joinedLink();
  const warnings: string[] = [];
  const up: ListenerStatus[] = [];
  const pump = new Pump({ onControl: () => {} });
  let host: Host | undefined = undefined;
  const stack: LivingStack = new LivingStack({
    module: await stackModule(),
    onSyn: (connection) => host?.serve(connection),
    onTouched: () => pump.touched(),
    onTurnedAway: () => {},
    onRenewed: (error) => warnings.push(error.message),
    onGivenUp: (error) => pump.fail(error),
    now: () => performance.now(),
  });
  pump.use(stack);
  const running = pump.carry(port);
  host = new Host(args, {
    stack,
    warn: (message) => warnings.push(message),
    suggest: () => {},
    sent: () => pump.sent(),
    listening: (statuses) => up.push(...statuses),
  });
  pump.start();
  const writer = near.writable.getWriter();
  peer.peer = { ...peer, send: (bytes) => writer.write(bytes) };
  const reading = (async () => {
    const decoder = new FrameDecoder();
    for await (const chunk of near.readable) {
      for (const frame of decoder.push(chunk)) await peer.send(frame.bytes.slice());
    }
  })();
  return {
    host,
    warnings,
    up,
    async stop() {
      await host.end();
      await writer.close();
      await running;
      pump.stop();
      await reading;
    },
  };
}
