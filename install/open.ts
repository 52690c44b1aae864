/**
 * Opens a link to an agent that is put on its host first, if it is not there yet: through the
 * same command that runs it, so that nothing but that command is needed.
 */
import type { Link, LinkExit, OpenContext, Transport } from "../transports/mod.ts";
import {
  type AgentFile,
  AGENTS_VARIABLE,
  architectureOf,
  portableFile,
  programPack,
} from "./agents.ts";
import { openCopied } from "./copy.ts";
import { LineReader } from "./line_reader.ts";
import { MARK, scriptWords } from "./script.ts";
import { Sending } from "./sending.ts";

/** Whether an agent is put on its host. */
export type InstallMode = "auto" | "always" | "never";

/** How to open a link with an agent that installs itself. */
export interface InstallOptions {
  readonly mode: Exclude<InstallMode, "never">;
  /** The folder on the host to keep it in; some usual ones if absent. */
  readonly path?: string | undefined;
}

/** Deno on a host is used if it is as new as this. */
const LEAST_DENO = [2, 9] as const;

/**
 * Opens the link. Rejects with an Error that says what the host lacks or refused.
 */
export async function openInstalled<Options>(
  transport: Transport<Options>,
  options: Options,
  install: InstallOptions,
  context: OpenContext,
): Promise<Link> {
  const run = transport.exec;
  if (!run) throw new Error(`the transport "${transport.name}" cannot run an installer`);
  const [x64, arm64, pack] = await Promise.all([
    portableFile("x64"),
    portableFile("arm64"),
    programPack(),
  ]);
  const words = scriptWords({
    x64: x64?.name,
    arm64: arm64?.name,
    pack: pack?.name,
    path: install.path,
    always: install.mode === "always",
  });
  const link = await run.call(transport, options, words, context);
  const reader = new LineReader(link.readable);
  let said = "";
  try {
    for (;;) {
      const line = await reader.line();
      if (line === undefined) {
        const { files } = transport;
        if (!files || !lacksShell(await link.closed, said)) throw await endOf(link);
        const copy = { path: install.path, always: install.mode === "always" };
        return await openCopied({ transport, files }, options, copy, context);
      }
      const [mark, what, ...rest] = line.split(" ");
      if (mark !== MARK) {
        // Some clients say on standard output that there is no shell.
        said = line.trim();
        if (said && !(transport.files && NO_SHELL.test(said))) context.log(said);
      } else if (what === "start") {
        context.alive?.();
        return { ...link, readable: reader.rest() };
      } else if (what === "want") {
        const file = chooseFrom({ x64, arm64, pack }, rest);
        await send(link, reader, file, context);
      } else if (what === "fail") {
        throw new Error(`cannot install the agent: ${rest.join(" ")}`);
      }
    }
  } catch (error) {
    link.abort("the agent could not be installed");
    throw error;
  }
}

interface Files {
  readonly x64: AgentFile | undefined;
  readonly arm64: AgentFile | undefined;
  readonly pack: AgentFile | undefined;
}

interface Chosen {
  readonly kind: "agent" | "app";
  readonly file: AgentFile;
}

/** What a host with this system, machine and version of deno gets. */
function chooseFrom(files: Files, [system, machine, deno]: string[]): Chosen {
  const [major = 0, minor = 0] = (deno ?? "").split(".").map(Number);
  const isNew = major > LEAST_DENO[0] ||
    major === LEAST_DENO[0] && minor >= LEAST_DENO[1];
  if (isNew && files.pack) return { kind: "app", file: files.pack };
  const architecture = architectureOf(machine!);
  if (system !== "Linux" || !architecture) {
    throw new Error(
      `no agent for ${system} on ${machine}: there is one for Linux on x86_64 and aarch64, ` +
        `and for any host with deno ${LEAST_DENO.join(".")} or later` +
        (deno === "-" || deno === undefined ? "" : `, which has ${deno}`),
    );
  }
  const file = files[architecture];
  if (file) return { kind: "agent", file };
  const name = `norouter-linux-${architecture}`;
  throw new Error(
    `the host needs ${name}, which is not at hand: put that file beside this program or ` +
      `into a folder that ${AGENTS_VARIABLE} names; a checkout makes it by ` +
      `"deno task portable ${architecture}"`,
  );
}

/** Sends what the host wants, when it says that it can take it. */
async function send(
  link: Link,
  reader: LineReader,
  { kind, file }: Chosen,
  context: OpenContext,
): Promise<void> {
  const writer = link.writable.getWriter();
  try {
    const order = `${kind} ${file.bytes} ${await file.sha256()} ${file.name}\n`;
    await writer.write(new TextEncoder().encode(order));
    for (;;) {
      const line = await reader.line();
      if (line === undefined) throw await endOf(link);
      if (line === `${MARK} send`) break;
      if (line.startsWith(`${MARK} fail `)) {
        throw new Error(`cannot install the agent: ${line.slice(MARK.length + 6)}`);
      }
    }
    const sending = new Sending(file.bytes, context);
    for await (const chunk of file.read()) {
      await writer.write(chunk);
      sending.sent(chunk.length);
    }
    sending.end();
  } catch (error) {
    // If the host said why it ended, that is the reason.
    const last = await reader.line().catch(() => undefined);
    if (!last?.startsWith(`${MARK} fail `)) throw error;
    throw new Error(`cannot install the agent: ${last.slice(MARK.length + 6)}`);
  } finally {
    writer.releaseLock();
  }
}

/** How container runtimes put it that there is no `sh`. */
const NO_SHELL = /"sh"|\bsh\b.*(not found|no such file)/i;

/** Whether a command ended because of that; `said` is its last line of standard output. */
function lacksShell({ status, stderr }: LinkExit, said: string): boolean {
  return (status === 126 || status === 127) &&
    [...stderr, said].some((line) => NO_SHELL.test(line));
}

/** The command ended without a word of the script. */
async function endOf(link: Link): Promise<Error> {
  const exit: LinkExit = await link.closed;
  const said = [exit.reason, exit.stderr.slice(-5).join("; ")].filter(Boolean).join(": ");
  return new Error(exit.hint ? `${said} (${exit.hint})` : said);
}
