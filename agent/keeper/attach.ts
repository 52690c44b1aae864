/**
 * Attach: lends this process's standard input, output and error to a keeper, and waits
 * until it lets them go. What a later exec runs on a host without a shell.
 *
 * Nothing of standard input is read here, and no byte passes through.
 *
 * @module
 */

import { type Libc, openLibc } from "./libc.ts";
import { findFolder } from "./place.ts";
import { startOf } from "./processes.ts";

/** Milliseconds for the keeper's answer. */
const ANSWER_MS = 10_000;

/** How lending ended. */
export interface Lent {
  /** Why the keeper did not keep the link, in its words; absent after a link of any length. */
  readonly refusal?: string;
}

/**
 * Lends to the keeper `id`. Settles when that lets go; undefined if there is no such
 * keeper, or it does not take what is lent, and so nothing was touched.
 */
export async function attach(id: string): Promise<Lent | undefined> {
  let libc: Libc;
  let socket: number | undefined;
  try {
    libc = openLibc();
    socket = connect(id, libc);
    if (socket === undefined) return undefined;
    libc.send(socket, { text: "lend\n", descriptors: [0, 1, 2] });
  } catch {
    return undefined; // such as no keeper
  }
  const lines = linesOf(socket, libc);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_MS);
  });
  const first = await Promise.race([lines.next(), late]);
  clearTimeout(timer);
  if (first?.value !== "yes") {
    libc.shutdown(socket); // what was lent is not to be used
    return undefined;
  }
  for await (const line of lines) {
    if (line.startsWith("no ")) return { refusal: line.slice(3) };
  }
  return {};
}

/** A connection to the keeper, if it is there and of this user. */
function connect(id: string, libc: Libc): number | undefined {
  const folder = findFolder(id);
  if (folder === undefined) return undefined;
  const [pid, start] = Deno.readTextFileSync(`${folder}/pid`).trimEnd().split(" ");
  if (startOf(Number(pid)) !== start) return undefined;
  const socket = libc.connect(`${folder}/sock`);
  const peer = libc.peerOf(socket);
  if (peer.uid === Deno.uid() && peer.pid === Number(pid)) return socket;
  libc.close(socket);
}

async function* linesOf(socket: number, libc: Libc): AsyncGenerator<string> {
  const bytes = new Uint8Array(1024);
  let text = "";
  for (;;) {
    const got = await libc.read(socket, bytes);
    if (got === 0) return;
    text += new TextDecoder().decode(bytes.subarray(0, got));
    const lines = text.split("\n");
    text = lines.pop()!.slice(0, bytes.length);
    yield* lines;
  }
}
