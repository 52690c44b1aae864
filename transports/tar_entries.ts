/**
 * The entries of a tar archive, by which `docker cp PATH -` describes what is at a path of a
 * container, and below.
 *
 * Numbers that do not fit into their field stand in an extended header, with 0 in the field:
 * an owner there would else look like root.
 *
 * @module
 */
import type { PathInfo, TreeEntry } from "./mod.ts";

/** Of an archive, in bytes (POSIX ustar). */
const BLOCK = 512;
/** Bytes of the longest extended header that is read. */
const MOST_EXTENDED = 64 * 1024;

/** Where the fields of a header are, and their bytes. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const UID = [108, 8] as const;
const SIZE = [124, 12] as const;
const KIND = 156;
const MAGIC = [257, 5] as const;
const PREFIX = [345, 155] as const;

/** Reads the first entry off a stream; undefined if it is empty. The rest is left. */
export async function tarHead(
  stream: ReadableStream<Uint8Array>,
): Promise<PathInfo | undefined> {
  for await (const { kind, mode, uid } of tarEntries(stream)) return { kind, mode, uid };
}

/**
 * Reads the entries off a stream, in the order of the archive.
 *
 * @throws {Error} if that is no archive, or is cut.
 */
export async function* tarEntries(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<TreeEntry> {
  const reader = stream.getReader();
  const source = new Source(reader);
  try {
    let extended = new Map<string, string>();
    for (let isFirst = true;; isFirst = false) {
      if (!await source.fill(BLOCK)) {
        if (isFirst) return;
        throw new Error("the archive is cut"); // its end is a header of zeros
      }
      const header = source.take(BLOCK);
      if (header.every((byte) => byte === 0)) return;
      const kind = String.fromCharCode(header[KIND]!);
      const size = numberOf(extended.get("size"), header, SIZE);
      const room = Math.ceil(size / BLOCK) * BLOCK;
      if (kind === "x" || kind === "g" || kind === "L" || kind === "K") {
        if (size > MOST_EXTENDED) throw new Error("an extended header is too long");
        if (!await source.fill(room)) throw new Error("the archive is cut");
        const data = source.take(room).subarray(0, size);
        if (kind === "x") extended = recordsOf(data);
        if (kind === "L") {
          extended.set("path", new TextDecoder().decode(data).replace(/\0+$/, ""));
        }
        continue;
      }
      yield {
        path: extended.get("path") ?? pathOf(header),
        kind: kind === "5" ? "folder" : kind === "2" ? "link" : "file",
        mode: numberOf(undefined, header, MODE) & 0o7777,
        uid: numberOf(extended.get("uid"), header, UID),
      };
      // Only files bring anything: of the others the size says nothing.
      if (kind === "0" || kind === "\0" || kind === "7") await source.skip(room);
      extended = new Map();
    }
  } finally {
    reader.releaseLock();
  }
}

/** The bytes of a stream, in portions that are asked for. */
class Source {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #bytes = new Uint8Array();

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
  }

  /** Waits for so many bytes; false if the stream has none any more. */
  async fill(count: number): Promise<boolean> {
    while (this.#bytes.length < count) {
      const { value, done } = await this.#reader.read();
      if (done && this.#bytes.length > 0) throw new Error("the archive is cut");
      if (done) return false;
      const joined = new Uint8Array(this.#bytes.length + value.length);
      joined.set(this.#bytes);
      joined.set(value, this.#bytes.length);
      this.#bytes = joined;
    }
    return true;
  }

  /** So many bytes, which are there. */
  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.slice(count);
    return taken;
  }

  /** Passes over so many bytes, which need not be there at once. */
  async skip(count: number): Promise<void> {
    let left = count;
    for (;;) {
      const step = Math.min(left, this.#bytes.length);
      this.#bytes = this.#bytes.slice(step);
      left -= step;
      if (left === 0) return;
      if (!await this.fill(1)) throw new Error("the archive is cut");
    }
  }
}

type Field = readonly [at: number, length: number];

function textOf(header: Uint8Array, [at, length]: Field): string {
  const bytes = header.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function pathOf(header: Uint8Array): string {
  const name = textOf(header, NAME);
  // GNU's own form has other fields there.
  const isUstar = header[MAGIC[0] + MAGIC[1]] === 0;
  const prefix = isUstar ? textOf(header, PREFIX) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** A number, in octal digits, or of GNU's form: bytes behind one that is 0x80. */
function numberOf(
  extended: string | undefined,
  header: Uint8Array,
  [at, length]: Field,
): number {
  const field = header.subarray(at, at + length);
  const digits = new TextDecoder("latin1").decode(field).replace(/^[ \0]+|[ \0]+$/g, "");
  const number = extended !== undefined
    ? /^\d+$/.test(extended) ? Number(extended) : NaN
    : field[0] === 0x80
    ? field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
    : /^[0-7]+$/.test(digits)
    ? parseInt(digits, 8)
    : NaN;
  if (!Number.isSafeInteger(number)) throw new Error("this is no archive");
  return number;
}

/**
 * The records of an extended header: `LENGTH KEY=VALUE` and a line feed, each. By their
 * lengths, for a value may have line feeds.
 */
function recordsOf(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(
      new TextDecoder().decode(bytes.subarray(at, Math.max(at, space))),
    );
    const end = at + length;
    if (!(Number.isSafeInteger(length) && end > space + 1 && end <= bytes.length)) {
      throw new Error("an extended header makes no sense");
    }
    const [key, ...value] = new TextDecoder().decode(bytes.subarray(space + 1, end - 1))
      .split("=");
    records.set(key!, value.join("="));
    at = end;
  }
  return records;
}
