/**
 * Idle memory: goes back to the system when the traffic of this process is over.
 *
 * Buffers are kept for the next burst, and the C library keeps the memory of all that was
 * ever allocated. After a download that is over a hundred megabytes, of no use to anybody
 * and missing in a small container. So the bytes that links bring are counted, and when
 * hardly any come any more, the owners of buffers let go, and the system gets the memory.
 *
 * Only Linux is asked, through its C library, where FFI is allowed.
 *
 * @module
 */

/** Milliseconds between two looks at the traffic. */
const LOOK_MS = 10_000;
/** Traffic between two looks is over when less came, in bytes. */
const QUIET_BYTES = 1 << 20;
/** The traffic that makes a release worth while, in bytes. */
const WORTH_BYTES = 4 << 20;
/**
 * Looks without traffic in which memory is given back: buffers that were dropped at the first
 * are the allocator's only after the next collection of garbage.
 */
const QUIET_LOOKS = 4;
/** What a read costs in memory beside its bytes. */
const READ_COST_BYTES = 512;

/** `madvise(2)`: the content may be lost. */
const MADV_DONTNEED = 4;

/** Takes memory whose content may be lost. */
export type Give = (memory: Uint8Array<ArrayBuffer>) => void;

/** What a process does about its idle memory. */
export class IdleMemory {
  readonly #owners = new Set<(give: Give) => void>();
  #isOn = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Bytes that came since the last release, and until the last look. */
  #moved = 0;
  #seen = 0;

  /** From now on memory is given back: for a program that owns its process. */
  begin(): void {
    this.#isOn = Deno.build.os === "linux" &&
      Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  }

  /** A link has brought so many bytes. */
  moved(bytes: number): void {
    if (!this.#isOn) return;
    this.#moved += bytes + READ_COST_BYTES;
    if (this.#timer !== undefined || this.#moved < WORTH_BYTES) return;
    this.#look();
  }

  /**
   * Has `release` called when traffic is over, to drop buffers or hand over memory whose
   * content may be lost. The function returned ends that.
   */
  onQuiet(release: (give: Give) => void): () => void {
    this.#owners.add(release);
    return () => this.#owners.delete(release);
  }

  /** Gives memory back now. */
  release(): void {
    const c = openLibc();
    for (const release of this.#owners) {
      release((memory) => {
        c?.madvise(Deno.UnsafePointer.of(memory), BigInt(memory.length), MADV_DONTNEED);
      });
    }
    c?.trim();
    c?.close();
  }

  #look(quiet = 0): void {
    this.#seen = this.#moved;
    this.#timer = setTimeout(() => {
      if (this.#moved - this.#seen > QUIET_BYTES) return this.#look();
      this.release();
      if (quiet + 1 < QUIET_LOOKS) return this.#look(quiet + 1);
      this.#timer = undefined;
      this.#moved = 0;
    }, LOOK_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  }
}

/** That of this process. */
export const idleMemory: IdleMemory = new IdleMemory();

const MADVISE = {
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
} as const;
const TRIM = { malloc_trim: { parameters: ["usize"], result: "i32" } } as const;

interface Libc {
  madvise(at: Deno.PointerValue, length: bigint, advice: number): number;
  /** Has the allocator give back all that it can; not every C library knows how. */
  trim(): void;
  close(): void;
}

function openLibc(): Libc | undefined {
  for (const name of ["libc.so.6", "libc.so"]) {
    const library = opened(() => Deno.dlopen(name, MADVISE));
    if (!library) continue;
    const allocator = opened(() => Deno.dlopen(name, TRIM));
    return {
      madvise: library.symbols.madvise,
      trim: () => void allocator?.symbols.malloc_trim(0n),
      close() {
        library.close();
        allocator?.close();
      },
    };
  }
}

function opened<Library>(open: () => Library): Library | undefined {
  try {
    return open();
  } catch {
    return undefined; // another C library, or no FFI
  }
}
