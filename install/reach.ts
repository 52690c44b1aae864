/**
 * Whether the agent is put on a host, and how the host is reached, in a line.
 *
 * @module
 */
import type { Transport } from "../transports/mod.ts";
import type { InstallMode } from "./open.ts";

/**
 * Whether an agent is put there: by `exec`, where no option says how to start an agent.
 */
export function isInstalled<Options>(
  transport: Transport<Options>,
  options: Options,
  mode: InstallMode,
): mode is Exclude<InstallMode, "never"> {
  return mode !== "never" && transport.exec !== undefined &&
    !transport.hasAgent?.(options);
}

/** The command or address, for messages. */
export function describeReach<Options>(
  transport: Transport<Options>,
  options: Options,
  mode: InstallMode,
): string {
  const text = isInstalled(transport, options, mode)
    ? (transport.describeSent ?? transport.describe).call(transport, options)
    : transport.describe(options);
  return text.replaceAll(/\s+/g, " "); // a command may have lines
}
