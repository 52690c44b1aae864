/**
 * The manager's side of the talk with `script.sh`: takes its lines, sends the wanted
 * file, and hands on the link once the agent speaks.
 *
 * A host may say anything. Text that is not the script's is shown, up to a limit; words
 * that the script would not say end the talk. Nothing here has a limit of its own on
 * time: the host's `connectTimeout` goes on, but for bytes that move.
 *
 * @module
 */
import { withExit } from "../link/exit.ts";
import { explainingOf } from "../transports/command/explaining.ts";
import type { Link, LinkExit, OpenContext, Transport } from "../transports/mod.ts";
import type { AgentFiles } from "./agents.ts";
import { chooseFor, type Chosen } from "./choose.ts";
import { LineReader } from "./line_reader.ts";
import { SCRIPT_MARK } from "./script.ts";
import { Sending } from "./sending.ts";
import type { Uploads } from "./uploads.ts";

/**
 * Text that is not the script's, in characters; the same as before an agent's first
 * frame.
 */
const MOST_TEXT = 64 * 1024;
/** Of a line that is shown or in a message, in characters. */
const MOST_SHOWN = 1000;
/** The last lines of text that explain an end. */
const EXPLAINING_LINES = 3;
/** Milliseconds for the host's reason to come behind the end of its link. */
const REASON_GRACE = 500;

/** Milliseconds without a word of the host until that is told. */
const SILENCE = 6000;

/** How container runtimes and shells say that there is no `sh`. */
const NO_SHELL = /"sh"|\bsh\b.*(not found|no such file)/i;

/** Begins the script's complaint where no place is good enough. */
const NOWHERE = "nowhere to put it: ";
/** A shell's position in the script, in front of its errors: of no help to anybody. */
const SHELL_NOISE =
  /\b(?:environment: line \d+: |(norouter: )(?:eval: )?(?:line )?\d+: (?:eval: )?)/g;

/** The host cannot run the script, because there is no shell. */
export class NoShellError extends Error {}

/** The host's reason against the agent. */
class HostError extends Error {}

/** Options of a conversation. */
export interface TalkOptions {
  /** The files that can be sent. */
  readonly files: AgentFiles;
  /** Decides whether a file is sent. */
  readonly uploads?: Uploads | undefined;
  /** See {@linkcode Transport.otherCommand}. */
  readonly otherCommand?: Transport["otherCommand"] | undefined;
  /** Called when the host has said a word. */
  readonly heard?: (() => void) | undefined;
  /** Advice where there is no place for the agent. */
  readonly roomAdvice?: string | undefined;
}

/** A line of the script. */
interface Said {
  readonly what: string;
  readonly rest: readonly string[];
  readonly line: string;
}

/** A conversation with the script, over the link that runs the script. */
export class Talk {
  readonly #link: Link;
  readonly #context: OpenContext;
  readonly #reader: LineReader;
  /** The last lines of text. */
  readonly #text: string[] = [];
  #textLength = 0;
  /** Lines that only a terminal, or the like, would send back. */
  readonly #sent = new Set<string>();
  readonly #options: TalkOptions;
  /** Whether the command that the host was told runs. */
  #isHeard = false;
  /** Runs until the host's first word. */
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(link: Link, context: OpenContext, options: TalkOptions) {
    this.#link = link;
    this.#context = context;
    this.#options = options;
    this.#reader = new LineReader(link.readable);
  }

  /**
   * Sends the script, and all that the script asks for. Rejects with the host's reason
   * against it, or a {@linkcode NoShellError}.
   */
  async untilStart(script: Uint8Array<ArrayBuffer>): Promise<Link> {
    const { files, uploads } = this.#options;
    this.#awaitWord();
    try {
      this.#sendScript(script);
      const said = await this.#next();
      if (said.what !== "start") {
        expect(said, "want");
        expect(await this.#send(chooseFor(said.rest, files)), "start");
        uploads?.kept();
      }
    } finally {
      this.#hear();
    }
    this.#context.alive?.();
    const { writable, closed, releasesChunks } = this.#link;
    return {
      readable: this.#reader.rest(),
      writable,
      closed,
      ...(releasesChunks !== undefined && { releasesChunks }),
      abort: (reason) => this.#link.abort(reason),
    };
  }

  /** The command asks the user something, so the host cannot speak yet. */
  isAsking(): void {
    if (this.#silence !== undefined) this.#awaitWord();
  }

  /** Tells if the host says nothing for long. */
  #awaitWord(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const why = this.#options.otherCommand ? `: a slow login, or ${OTHER_COMMAND}` : "";
      this.#context.log(`the host has not said a word for ${SILENCE / 1000} s${why}`);
    }, SILENCE);
  }

  #hear(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  /** Ends the link, of which nothing comes. */
  drop(reason: string): void {
    this.#link.abort(reason);
    this.#reader.cancel().catch(() => {});
    this.#link.writable.abort().catch(() => {});
  }

  /** If that fails, the host's words and the link's end say why. */
  #sendScript(script: Uint8Array<ArrayBuffer>): void {
    this.#sent.add(new TextDecoder().decode(script.subarray(0, script.indexOf(10))));
    const writer = this.#link.writable.getWriter();
    writer.write(script).catch(() => {});
    writer.releaseLock();
  }

  /** Sends the file that the host wants; gives its next line. */
  async #send({ kind, file }: Chosen): Promise<Said> {
    const order = `${kind} ${file.bytes} ${await file.sha256()} ${file.name}`;
    this.#sent.add(order);
    const writer = this.#link.writable.getWriter();
    let hasBegun = false;
    try {
      const first = this.#next();
      await this.#taken(
        writer.write(new TextEncoder().encode(`${order}\n`)),
        first,
      );
      const said = await first;
      if (said.what === "start") return said; // the agent is there, all the same
      expect(said, "send");
      this.#options.uploads?.begin();
      hasBegun = true;

      let isOver = false;
      const answer = this.#next().finally(() => isOver = true);
      answer.catch(() => {}); // awaited below, unless something else is worse
      let sent = 0;
      using sending = new Sending(file.bytes, this.#context);
      for await (const chunk of file.read()) {
        sent += chunk.length;
        if (sent > file.bytes) break;
        await this.#taken(writer.write(chunk), answer);
        if (isOver) break;
        sending.sent(chunk.length);
      }
      if (sent === file.bytes) sending.end();
      else if (!isOver) throw new Error("the agent's file changed while it was sent");
      return await answer;
    } catch (error) {
      if (hasBegun && error instanceof HostError) {
        this.#options.uploads?.spoiled(error.message);
      }
      throw error;
    } finally {
      writer.releaseLock();
    }
  }

  /**
   * Waits until a write is done or the host answers. The host may explain a failed write.
   */
  async #taken(write: Promise<void>, answer: Promise<Said>): Promise<void> {
    try {
      await Promise.race([write, answer]);
    } catch (error) {
      write.catch(() => {});
      const reason = answer.then(() => error, (reason) => reason);
      await Promise.race([reason, this.#link.closed]);
      const { promise: late, resolve } = Promise.withResolvers<unknown>();
      const timer = setTimeout(() => resolve(error), REASON_GRACE);
      try {
        throw await Promise.race([reason, late]);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  /** The next line of the script. */
  async #next(): Promise<Said> {
    for (let line; (line = await this.#reader.line()) !== undefined;) {
      this.#hear();
      this.#options.heard?.();
      const [mark, what = "", ...rest] = line.split(" ");
      if (mark !== SCRIPT_MARK) {
        this.#show(line.trimEnd());
        continue;
      }
      const isHello = what === "hello" && !this.#isHeard;
      this.#isHeard = true;
      if (isHello) continue;
      if (what !== "fail") return { what, rest, line };
      const why = cut(rest.join(" ").replaceAll(SHELL_NOISE, "$1"));
      const { roomAdvice } = this.#options;
      const advice = roomAdvice && why.startsWith(NOWHERE) ? ` (${roomAdvice})` : "";
      throw new HostError(`cannot install the agent: ${why}${advice}`);
    }
    throw this.#endOf(await this.#link.closed);
  }

  #show(line: string): void {
    this.#textLength += line.length + 1;
    if (this.#textLength > MOST_TEXT) {
      throw new Error(
        `more than ${MOST_TEXT >> 10} KiB of text and nothing of the installer: ` +
          this.#text.join("; "),
      );
    }
    if (line === "") return;
    if (this.#sent.has(line)) {
      const other = this.#options.otherCommand ? `, or from ${OTHER_COMMAND}` : "";
      throw new Error(
        `what is sent comes back, as from a terminal: run the command without one ` +
          `(no "-t")${other}`,
      );
    }
    this.#text.push(cut(line));
    if (this.#text.length > EXPLAINING_LINES) this.#text.shift();
    // Such a line explains the end of the link, and is told with the end.
    if (!NO_SHELL.test(line)) this.#context.log(cut(line));
  }

  /** The command ended before the agent was started. */
  #endOf(exit: LinkExit): Error {
    const { reason, stderr, status } = exit;
    const hint = exit.hint ??
      (this.#isHeard ? undefined : this.#options.otherCommand?.(exit));
    const lines = explainingOf(stderr, this.#text);
    const said = [reason, lines.join("; ")].filter(Boolean).join(": ");
    const isMissing = isShellMissing(status, [...stderr, ...this.#text]);
    if (!isMissing) {
      const error = new Error(hint ? `${said} (${hint})` : said);
      return withExit(error, { ...exit, ...(hint && { hint }) });
    }
    const advice = exit.hint ?? `an agent can be put there only with a shell, "sh"`;
    const error = new NoShellError(`${said} (${advice})`);
    return withExit(error, { ...exit, hint: advice });
  }
}

/** Whether a command that ended so, with these words, found no shell on the host. */
export function isShellMissing(
  status: number | undefined,
  said: readonly string[],
): boolean {
  return (status === 126 || status === 127) && said.some((line) => NO_SHELL.test(line));
}

/** Advice where {@linkcode Transport.otherCommand} suspects another command. */
const OTHER_COMMAND =
  `another command than the one that the host was told, as by sshd's ` +
  `ForceCommand: if that is an agent, say "install: never"`;

function expect({ what, line }: Said, wanted: string): void {
  if (what === wanted) return;
  throw new Error(
    `the host speaks as the installer would not: ${JSON.stringify(cut(line))} ` +
      `in place of "${SCRIPT_MARK} ${wanted}"`,
  );
}

function cut(text: string): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}
