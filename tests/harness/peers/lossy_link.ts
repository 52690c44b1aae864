/**
 * A plug-in: a command whose link spoils packets by seed, so that the stacks at both ends
 * drop these and TCP has to make it good. The bytes of the link stay as many as they are.
 *
 * ```yaml
 * hosts:
 *   web: { transport: ./lossy_link.ts, with: { cmd: [norouter], oneIn: 1000, seed: 1 } }
 * ```
 *
 * @module
 */
import type { PluginKit, Transport } from "../../../transports/mod.ts";
import { FrameDecoder } from "../../../wire/decoder.ts";
import { FrameType, HEADER_BYTES } from "../../../wire/frame.ts";
import { Protocol, protocolOf, TcpFlag, tcpFlagsOf } from "../../../wire/ip/ipv4.ts";
import { Random } from "../../soak/random.ts";

/** The manifest's value. */
interface LossyOptions {
  /** The command, without the words that start the agent. */
  readonly cmd: readonly string[];
  /** One packet of so many is spoiled, on average. */
  readonly oneIn: number;
  readonly seed: number;
}

/** The place of TCP's checksum in a frame with an IPv4 header without options. */
const CHECKSUM = HEADER_BYTES + 20 + 16;

/** Makes the transport `lossy`. */
export default ({ openProcess, SpecError }: PluginKit): Transport<LossyOptions> => ({
  name: "lossy",
  parse(spec) {
    const options = spec as LossyOptions;
    if (Array.isArray(options?.cmd) && options.oneIn >= 2) return options;
    throw new SpecError([], "wanted {cmd: [WORD…], oneIn: N, seed: S}");
  },
  describe: ({ cmd, oneIn }) => `${cmd.join(" ")} with one packet of ${oneIn} spoiled`,
  // deno-lint-ignore require-await -- the contract's `open` is asynchronous
  async open({ cmd, oneIn, seed }, context) {
    const words = ["agent", "--automated"];
    if (context.attach !== undefined) words.push("--attach", context.attach);
    const link = openProcess([...cmd, ...words], context);
    const there = spoiling(oneIn, seed);
    // Not `pipeThrough`, whose faults are nobody's.
    there.readable.pipeTo(link.writable).catch(() => {});
    return {
      ...link,
      writable: there.writable,
      readable: link.readable.pipeThrough(spoiling(oneIn, seed + 1)),
    };
  },
});

function spoiling(
  oneIn: number,
  seed: number,
): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  const decoder = new FrameDecoder();
  const random = new Random(seed);
  return new TransformStream({
    transform(chunk, controller) {
      for (const { bytes, type } of decoder.push(chunk.slice())) {
        const isSegment = type === FrameType.L3 &&
          protocolOf(bytes, HEADER_BYTES) === Protocol.TCP &&
          // No TCP sends a reset again: whoever only waits would never know.
          (tcpFlagsOf(bytes, HEADER_BYTES) & TcpFlag.RST) === 0;
        const frame = bytes.slice();
        if (isSegment && random.below(oneIn) === 0) frame[CHECKSUM]! ^= 0x55;
        controller.enqueue(frame);
      }
    },
  });
}
