/**
 * The processes of this machine, as Linux tells them in `/proc`.
 *
 * @module
 */

/** A process. */
export interface ProcessEntry {
  readonly pid: number;
  /** The program's name, 15 characters at most. */
  readonly name: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /**
   * Ticks from the start of the system to that of the process: with `pid`, its identity.
   */
  readonly start: number;
  /** The value of {@linkcode COMMAND_MARK} in its environment, if readable. */
  readonly mark?: string;
}

/** The variable by which a command's processes are found. */
export const COMMAND_MARK = "NOROUTER_COMMAND";

/** Files that are read at a time; Deno has 32 threads for that. */
const AT_ONCE = 16;
/**
 * Milliseconds after which no further process is looked at: those seen so far have to do.
 */
const LOOK_LIMIT = 500;

let running: Promise<ProcessEntry[]> | undefined;
let queued: Promise<ProcessEntry[]> | undefined;

/**
 * All that run now, without those that have ended and wait to be asked for their status.
 * Empty where there is no `/proc`, or no right to read there. Whoever asks while a look
 * is under way shares the next look, so a mesh of a hundred hosts that ends looks twice.
 * On a machine so busy that half a second does not do for all, the later processes are
 * missing.
 */
export function processes(): Promise<readonly ProcessEntry[]> {
  if (!running) return running = look().finally(() => running = undefined);
  return queued ??= running.then(() => {
    queued = undefined;
    return processes() as Promise<ProcessEntry[]>;
  });
}

async function look(): Promise<ProcessEntry[]> {
  if (Deno.build.os !== "linux") return [];
  const own = await entryOf(Deno.pid).catch(() => undefined);
  if (!own) return [];
  const pids: number[] = [];
  try {
    for await (const { name } of Deno.readDir("/proc")) {
      if (/^\d+$/.test(name)) pids.push(Number(name));
    }
  } catch {
    return [];
  }
  const entries: ProcessEntry[] = [];
  const end = performance.now() + LOOK_LIMIT;
  const worker = async () => {
    for (let pid; performance.now() < end && (pid = pids.pop()) !== undefined;) {
      try {
        const entry = await entryOf(pid);
        // Only processes younger than this process can be of its making.
        if (entry && entry.start >= own.start) entries.push(await marked(entry));
      } catch {
        // The process has just ended.
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return entries;
}

/** Undefined if the process has ended; throws if its entry is gone. */
async function entryOf(pid: number): Promise<ProcessEntry | undefined> {
  return parse(pid, await Deno.readTextFile(`/proc/${pid}/stat`));
}

/** `1234 (a name) S 1 1234 1234 …`; the name may hold spaces and parentheses. */
function parse(pid: number, text: string): ProcessEntry | undefined {
  const end = text.lastIndexOf(")");
  const [state = "", ...fields] = text.slice(end + 2).split(" ");
  if ("ZX".includes(state)) return undefined;
  return {
    pid,
    name: text.slice(text.indexOf("(") + 1, end),
    parent: Number(fields[0]),
    group: Number(fields[1]),
    session: Number(fields[2]),
    start: Number(fields[18]),
  };
}

async function marked(entry: ProcessEntry): Promise<ProcessEntry> {
  try {
    return withMark(entry, await Deno.readFile(`/proc/${entry.pid}/environ`));
  } catch {
    return entry; // not ours to read
  }
}

function withMark(entry: ProcessEntry, environment: Uint8Array): ProcessEntry {
  const text = new TextDecoder("latin1").decode(environment);
  const at = `\0${text}`.indexOf(`\0${COMMAND_MARK}=`);
  if (at < 0) return entry;
  const [mark = ""] = text.slice(at + COMMAND_MARK.length + 1).split("\0", 1);
  return { ...entry, mark };
}

/**
 * The descendants of a process, at once: a look at a few files only. Those whose parent
 * has ended are not among them, and where the kernel does not tell children there are
 * none.
 */
export function descendantsOf(pid: number): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const text = Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`);
      for (const child of text.split(" ").filter(Boolean).map(Number)) {
        const entry = entryNow(child);
        if (entry) found.push(entry, ...descendantsOf(child));
      }
    }
  } catch {
    // The process has just ended, or the system has no such files.
  }
  return found;
}

/** The state of a process now; nothing if the process has ended. */
export function entryNow(pid: number): ProcessEntry | undefined {
  try {
    return parse(pid, Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return undefined;
  }
}

/** Whether the process still runs, and is no other with the same number. */
export function isRunning({ pid, start }: ProcessEntry): boolean {
  return entryNow(pid)?.start === start;
}

/**
 * The same as {@linkcode processes}, at once: for the moment before this process ends.
 */
export function processesNow(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const entry = entryNow(Number(name));
      if (!entry) continue;
      try {
        entries.push(withMark(entry, Deno.readFileSync(`/proc/${name}/environ`)));
      } catch {
        // The process has just ended, or is not ours.
      }
    }
  } catch {
    // No /proc.
  }
  return entries;
}
