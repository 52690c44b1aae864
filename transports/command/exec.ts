/**
 * Transports whose client can run any command on the host: the agent, and inquiries or
 * work before there is an agent.
 *
 * Such a transport says which command of this machine runs some words over there. The run
 * of that command (pipes, lines of stderr, its end) is `process.ts`'s business.
 *
 * @module
 */
import { join } from "shlex";
import type {
  HostFiles,
  Link,
  LinkExit,
  OpenContext,
  SpecPlace,
  Transport,
} from "../mod.ts";
import { openProcess } from "./process.ts";
import { agentWords } from "./words.ts";

/** How commands are run on a host. */
export interface RemoteShell {
  /**
   * The command of this machine that runs `words` on the host, each word unchanged: no
   * shell there takes them apart. Standard input, output and error are those of the
   * remote command, and so is the exit status, unless the client has a status of its own
   * to tell.
   */
  command(words: readonly string[]): string[];
}

/** A transport that can run any command on its hosts. */
export interface ExecTransport<Options = unknown> extends Transport<Options> {
  /**
   * Finds the way to the host, as `open` does: called again for each link, since the way
   * may lead elsewhere each time.
   *
   * @throws {Error} with a message for the user, if there is no way.
   */
  shell(options: Options, context: OpenContext): Promise<RemoteShell>;
  exec(
    options: Options,
    words: readonly string[],
    context: OpenContext,
  ): Promise<Link>;
  hasAgent(options: Options): boolean;
  describeSent(options: Options): string;
}

/** The part of the options that says how the agent is started on the host. */
export interface AgentCommandOptions {
  /** The command there, without the words `agent --automated`; `norouter` if left out. */
  readonly agent?: readonly string[] | undefined;
}

/** The particulars of a transport of this kind. */
export interface ExecPlan<Options extends AgentCommandOptions> {
  /** See {@linkcode Transport.name}. */
  readonly name: string;
  /** See {@linkcode Transport.parse}. */
  parse(spec: unknown, place?: SpecPlace): Options;
  /** Adds words known only when a link is opened: the pod of a selector, a terminal. */
  prepare?(options: Options, context: OpenContext): Options | Promise<Options>;
  /** See {@linkcode RemoteShell.command}; also for messages, with options as parsed. */
  command(options: Options, words: readonly string[]): string[];
  /** See {@linkcode Transport.roomAdvice}. */
  readonly roomAdvice?: string;
  /** See {@linkcode Transport.files}. */
  readonly files?: HostFiles<Options>;
  /** See {@linkcode Transport.killsCommands}. */
  readonly killsCommands?: boolean;
  /** See {@linkcode Transport.otherCommand}. */
  otherCommand?(exit: LinkExit): string | undefined;
  /** Advice about a failure that only this client has. */
  hint?(exit: LinkExit, options: Options): string | undefined;
}

/** The words that start the agent by default. */
const AGENT: readonly string[] = ["norouter"];

/** Makes a transport of its particulars. */
export function execTransport<Options extends AgentCommandOptions>(
  plan: ExecPlan<Options>,
): ExecTransport<Options> {
  const { name, command } = plan;
  const prepare = async (options: Options, context: OpenContext) => {
    context.signal.throwIfAborted();
    return await plan.prepare?.(options, context) ?? options;
  };
  return {
    name,
    parse: (spec, place) => plan.parse(spec, place),
    async shell(options, context) {
      const prepared = await prepare(options, context);
      return { command: (words) => command(prepared, words) };
    },
    async open(options, context) {
      const prepared = await prepare(options, context);
      const agent = options.agent ?? AGENT;
      const words = [...agent, ...agentWords(context.attach)];
      return openProcess(command(prepared, words), context, {
        hint: (exit) => plan.hint?.(exit, prepared) ?? agentHint(exit, agent),
      });
    },
    hasAgent: (options) => options.agent !== undefined,
    async exec(options, words, context) {
      const prepared = await prepare(options, context);
      return openProcess(command(prepared, words), context, {
        hint: (exit) => plan.hint?.(exit, prepared),
      });
    },
    ...(plan.otherCommand && { otherCommand: plan.otherCommand }),
    ...(plan.killsCommands && { killsCommands: true }),
    ...(plan.roomAdvice && { roomAdvice: plan.roomAdvice }),
    ...(plan.files && { files: plan.files }),
    describe: (options) => join(command(options, options.agent ?? AGENT)),
    describeSent: (options) =>
      join(command(options, AGENT)).replace(/\S+$/, "(agent sent)"),
  };
}

/** The words of shells, container runtimes and LXD for a missing program. */
const NOT_FOUND =
  /executable file .*not found|command not found|: not found$|exec: .*no such file/i;

/**
 * Whether a command ended because its program is missing on the host. 126 and 127 are the
 * statuses of POSIX shells, and of runtimes after them, for such a command.
 */
export function isProgramMissing({ status, stderr }: LinkExit): boolean {
  return status === 127 || status === 126 || stderr.some((line) => NOT_FOUND.test(line));
}

function agentHint(exit: LinkExit, agent: readonly string[]): string | undefined {
  if (!isProgramMissing(exit)) return undefined;
  const program = JSON.stringify(agent[0]);
  return `${program} cannot be started on the host: install it there, ` +
    `or say with "agent" where it is`;
}
