/**
 * A stand-in for an agent that has outlived its link: it takes what it is lent, and sends
 * back each byte.
 *
 * @module
 */
import { until } from "../tests/harness/scene/wait.ts";

/** The name of an agent. */
export const ID = "0123456789abcdef";

/** What a stand-in says to those who lend; nothing if undefined. */
export type Answer = "yes" | "no not now" | undefined;

/** Something that was lent. */
interface Lent {
  readonly input: Deno.FsFile;
  readonly output: Deno.FsFile;
  readonly errors: Deno.FsFile;
  readonly reply: Deno.FsFile;
  readonly echo: Promise<void>;
}

/** An agent whose door is in a folder. */
export class StandInKeeper implements AsyncDisposable {
  /** The lines that came to the door. */
  readonly heard: string[] = [];
  readonly folder: string;
  readonly #door: Deno.FsFile;
  /** A file takes one call at a time, and that of #door waits. */
  readonly #knocker: Deno.FsFile;
  readonly #answer: Answer;
  readonly #lent: Lent[] = [];
  readonly #serving: Promise<void>;
  #isOpen = true;

  private constructor(folder: string, doors: readonly Deno.FsFile[], answer: Answer) {
    this.folder = folder;
    [this.#door, this.#knocker] = doors as [Deno.FsFile, Deno.FsFile];
    this.#answer = answer;
    this.#serving = this.#serve();
  }

  /** Makes the folder below `place`, as the agent of a user does. */
  static async make(
    place: string,
    { answer = "yes", uid = 0, id = ID }: {
      readonly answer?: Answer | "none";
      readonly uid?: number;
      readonly id?: string;
    } = {},
  ): Promise<StandInKeeper> {
    const folder = `${place}/norouter-${uid}/keep-${id}`;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(`${folder}/pid`, `${Deno.pid} ${startOf(Deno.pid)}\n`);
    await new Deno.Command("mkfifo", { args: ["-m", "600", `${folder}/door`] }).output();
    // To read and write, so that it waits for nobody, and never ends.
    const open = () => Deno.open(`${folder}/door`, { read: true, write: true });
    const doors = [await open(), await open()];
    for (const path of [`${place}/norouter-${uid}`, folder]) {
      await Deno.chown(path, uid, uid);
    }
    return new StandInKeeper(folder, doors, answer === "none" ? undefined : answer);
  }

  /** The process that lent something last, once it has. */
  async lender(): Promise<number> {
    await until("somebody at the door", () => this.heard.length > 0);
    return Number(this.heard.at(-1)!.split(" ")[1]);
  }

  /** Names in its folder. */
  get names(): string[] {
    return Array.from(Deno.readDirSync(this.folder), ({ name }) => name).sort();
  }

  /** Says something where the lender's standard error is. */
  async complain(text: string): Promise<void> {
    await this.#lent.at(-1)!.errors.write(new TextEncoder().encode(text));
  }

  /** Lets go of all that it was lent. */
  release(): void {
    for (const { output, errors, reply } of this.#lent) {
      for (const file of [output, errors, reply]) closeOnce(file);
    }
  }

  async #serve(): Promise<void> {
    const bytes = new Uint8Array(4096);
    let text = "";
    while (this.#isOpen) {
      const count = await this.#door.read(bytes);
      text += new TextDecoder().decode(bytes.subarray(0, count ?? 0));
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines.filter((line) => line !== "")) await this.#take(line);
    }
  }

  async #take(line: string): Promise<void> {
    this.heard.push(line);
    const [word, pid, ...numbers] = line.split(" ");
    if (word !== "lend" || this.#answer === undefined) return;
    const reply = await Deno.open(`${this.folder}/r${pid}`, { write: true });
    const say = (text: string) => reply.write(new TextEncoder().encode(`${text}\n`));
    if (this.#answer !== "yes") {
      await say(this.#answer);
      reply.close();
      return;
    }
    const [input, output, errors] = await Promise.all(
      numbers.map((number, at) =>
        Deno.open(`/proc/${pid}/fd/${number}`, { read: at === 0, write: at > 0 })
      ),
    ) as [Deno.FsFile, Deno.FsFile, Deno.FsFile];
    const echo = this.#echo(input, output);
    this.#lent.push({ input, output, errors, reply, echo });
    await say("yes");
  }

  /** Sends all back, and lets go at the end. */
  async #echo(input: Deno.FsFile, output: Deno.FsFile): Promise<void> {
    const bytes = new Uint8Array(65_536);
    try {
      for (let count; (count = await input.read(bytes)) !== null;) {
        for (let at = 0; at < count;) at += await output.write(bytes.subarray(at, count));
      }
    } catch { /* let go meanwhile */ }
    this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    await this.#knocker.write(new TextEncoder().encode("\n"));
    await this.#serving;
    this.#door.close();
    this.#knocker.close();
    this.release();
    for (const { input, echo } of this.#lent) {
      await echo; // its other end has to be closed by then
      closeOnce(input);
    }
    await Deno.remove(this.folder, { recursive: true }).catch(() => {}); // gone before
  }
}

function closeOnce(file: Deno.FsFile): void {
  try {
    file.close();
  } catch { /* closed before */ }
}

/** When a process started, by the 22nd word of its `stat`. */
export function startOf(pid: number): string {
  return Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ")[19]!;
}

/** A process and all below it. */
export function familyOf(pid: number): number[] {
  const children = Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name))
    .filter((each) => parentOf(each) === pid);
  return [pid, ...children.flatMap(familyOf)];
}

function parentOf(pid: number): number {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return Number(stat.split(") ").at(-1)!.split(" ")[1]);
  } catch {
    return -1; // no process, or gone meanwhile
  }
}

/** Whether a process runs. One that has ended, and of which nobody took note, does not. */
export function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
