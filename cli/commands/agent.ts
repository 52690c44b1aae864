/**
 * `norouter agent --automated`: the program that a manager runs on a host.
 *
 * The agent speaks frames on standard input and output and ends when its input ends, or
 * goes on over the next link if its manager wants that. `--attach ID` goes back to such an
 * agent: this process then lends its standard input and output, and waits.
 *
 * @module
 */
import type { AgentLogEvent, AgentOptions } from "../../agent/agent.ts";
import { idleMemory } from "../../link/idle_memory.ts";
import { beginPace } from "../pace.ts";
import { stderr } from "../console/console.ts";
import { ignoreSignals } from "../ignored_signals.ts";
import { VERSION } from "../version.ts";
import { messageOf } from "../../wire/text.ts";

/** When less urgent signals are seen to: not while the manager waits for the first frame. */
const SIGNALS_AFTER_MS = 300;

/** Names an agent that outlives its link. */
const ID = /^[0-9a-f]{16}$/;

/** Options of {@linkcode agent}. */
export interface AgentCommandOptions {
  /** The agent to go back to, if it is still there. */
  readonly attach?: string | undefined;
}

/** Whether a text names an agent that outlives its link. */
export function isAttachId(text: string): boolean {
  return ID.test(text);
}

/** Runs the agent until its input ends, and gives the exit status. */
export async function agent({ attach }: AgentCommandOptions = {}): Promise<number> {
  if (Deno.stdin.isTerminal()) {
    stderr.line(`\n${ON_A_TERMINAL}`); // behind the terminal's echo
    return 1;
  }
  // A terminal sends Ctrl-C and its own end to the manager's children too; the manager
  // decides.
  Deno.addSignalListener("SIGINT", () => {});
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", () => {});
  Deno.unrefTimer(setTimeout(() => ignoreSignals(), SIGNALS_AFTER_MS));
  if (attach !== undefined) {
    const status = await lend(attach);
    if (status !== undefined) return status;
  }
  const [{ runAgent }, { stdioPort }] = await Promise.all([
    import("../../agent/agent.ts"),
    import("../../agent/link/stdio.ts"),
  ]);
  // The manager shows lines of stderr, with the host's name in front; the first word is
  // the level.
  const log = ({ level, message }: AgentLogEvent) => stderr.line(`${level}: ${message}`);
  idleMemory.begin();
  beginPace();
  const stop = new AbortController();
  const port = stdioPort();
  const keep: AgentOptions["keep"] = port.bound ?? (async (wish, hooks) => {
    const { openKeeper } = await import("../../agent/keeper/keeper.ts");
    const keeper = await openKeeper({ wish, hooks, numbers: port.numbers });
    // Others end by it at once, and leave no folder behind.
    Deno.addSignalListener("SIGTERM", () => stop.abort());
    return keeper;
  });
  try {
    await runAgent(port, { version: VERSION, log, keep, signal: stop.signal });
    return 0;
  } catch (error) {
    stderr.line(messageOf(error));
    return 1;
  }
}

/** The exit status if this process lent its descriptors; undefined if it is to be an agent. */
async function lend(id: string): Promise<number | undefined> {
  const { attach } = await import("../../agent/keeper/attach.ts");
  const lent = await attach(id);
  if (lent?.refusal === undefined) return lent && 0;
  stderr.line(`The agent did not take the link: ${lent.refusal}`);
  return 1;
}

/**
 * With `docker exec -t` alone no input would ever come, and with `-it` no input
 * unchanged.
 */
const ON_A_TERMINAL = `the agent's standard input is a terminal, which does not pass ` +
  `bytes as they are: run the command without one (no "-t", but "-i")`;

/** Said to users who start an agent by hand. */
export const NOT_BY_HAND = `"agent" without "--automated"

An agent is what a manager starts on each host, with the host's "cmd", to exchange
frames on standard input and output. By hand there is nothing to see: start a mesh with
"norouter FILE".`;
