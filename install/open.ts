/**
 * Opens a link to an agent that is put on its host first, if not there yet: through the
 * same command that runs the agent, so that nothing but that command is needed.
 *
 * @module
 */
import { exitOf, withExit } from "../link/exit.ts";
import type { Link, OpenContext, Transport } from "../transports/mod.ts";
import { type AgentFiles, agentFiles } from "./agents.ts";
import { openCopied } from "./copy.ts";
import { agentWords } from "../transports/command/words.ts";
import { scriptFor } from "./script.ts";
import { NoShellError, Talk } from "./talk.ts";
import type { Uploads } from "./uploads.ts";
import type { KnownProgram, WayBack } from "./way_back.ts";

/** Whether an agent is put on its host. */
export type InstallMode = "auto" | "always" | "never";

/** How to open a link with an agent that installs itself. */
export interface InstallOptions {
  readonly mode: Exclude<InstallMode, "never">;
  /** The folder on the host to keep the agent in; some usual folders if absent. */
  readonly path?: string | undefined;
  /** The files that can be sent; all that is at hand if absent. */
  readonly files?: AgentFiles;
  /** The uploads to this host so far; if absent, each is the first. */
  readonly uploads?: Uploads;
  /** The way back to the agent on a host without a shell; if absent, none is known. */
  readonly wayBack?: WayBack;
}

/**
 * Opens the link. Rejects with an Error that names the host's lack or refusal.
 */
export async function openInstalled<Options>(
  transport: Transport<Options>,
  options: Options,
  install: InstallOptions,
  context: OpenContext,
): Promise<Link> {
  const run = transport.exec;
  if (!run) throw new Error(`the transport "${transport.name}" cannot run an installer`);
  const { path, wayBack } = install;
  const { attach } = context;
  const program = attach === undefined ? undefined : wayBack?.take();
  if (program && await isGuarded(program, context)) {
    const words = [...program.words, ...agentWords(attach)];
    const link = await run.call(transport, options, words, context);
    wayBack?.keep(program, context.answered);
    return link;
  }
  const files = install.files ?? await agentFiles();
  const always = install.mode === "always";
  const detached = transport.killsCommands;
  const { words, text } = await scriptFor({ files, path, always, attach, detached });
  const begun: { talk?: Talk } = {};
  const alive = context.alive && (() => {
    begun.talk?.isAsking();
    context.alive?.();
  });
  const heard = Promise.withResolvers<void>();
  const answered = heard.promise;
  const watched = { ...context, answered, ...(alive && { alive }) };
  const link = await run.call(transport, options, words, watched);
  const { uploads } = install;
  const otherCommand = transport.otherCommand?.bind(transport);
  const roomAdvice = transport.roomAdvice ??
    (path ? undefined : `name a folder for it in "installPath"`);
  const said = { files, uploads, otherCommand, roomAdvice, heard: heard.resolve };
  const talk = begun.talk = new Talk(link, context, said);
  try {
    return await talk.untilStart(text);
  } catch (error) {
    talk.drop(error instanceof Error ? error.message : String(error));
    const { files: way } = transport;
    if (!way || !(error instanceof NoShellError)) {
      throw exitOf(error) ? error : withExit(error, await link.closed);
    }
    return await openCopied(
      { transport, files: way },
      options,
      { path, always, uploads, wayBack },
      context,
    );
  }
}

/** Whether nobody else may change the program; if not, the whole way says what is wrong. */
function isGuarded(program: KnownProgram, context: OpenContext): Promise<boolean> {
  return program.inspect(context).then(() => true, () => false);
}
