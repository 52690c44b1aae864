/**
 * The socket: a unix socket by which a program lends its descriptors, of any kind.
 *
 * Its message `lend` brings them (SCM_RIGHTS); the answer is `yes`, or `no WHY`, and the end
 * of the connection lets it go. `end MESH HOST` asks for the end, with the same answers.
 * The kernel says who is there: only processes of this user, in this namespace.
 *
 * @module
 */

import { createServer, type Server, type Socket } from "node:net";
import { messageOf } from "../../wire/text.ts";
import type { Libc, Message } from "./libc.ts";
import { type Callers, oneLine, type Relay } from "./relay.ts";

/** A message is waited for in so many looks, so many ms apart. */
const LOOKS = 300;
const LOOK_MS = 3;
/** Connections at a time; that of the present relay is one. */
const MOST_CONNECTIONS = 8;

/** Options of {@linkcode listenForRelays}. */
export interface SocketOptions {
  readonly libc: Libc;
  readonly path: string;
  readonly callers: Callers;
}

/** Listens at `path` until the function returned is called. */
export async function listenForRelays(options: SocketOptions): Promise<() => void> {
  const { path, callers, libc } = options;
  const connections = new Set<Socket>();
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    socket.on("error", () => {}); // 'close' follows
    serve(socket, libc, callers);
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  Deno.chmodSync(path, 0o600);
  return () => {
    server.close();
    for (const socket of connections) socket.destroy();
  };
}

async function serve(socket: Socket, libc: Libc, callers: Callers): Promise<void> {
  let descriptors: readonly number[] = [];
  try {
    const fd = (socket as unknown as { readonly _handle: { readonly fd: number } })
      ._handle.fd;
    const { uid, pid } = libc.peerOf(fd);
    if (uid !== Deno.uid()) throw new Error("the relay is not of the keeper's user");
    if (pid <= 0) throw new Error("the relay is in another namespace of processes");
    const message = await received(socket, libc, fd);
    if (!message) return void socket.destroy();
    descriptors = message.descriptors;
    const end = /^end (.+)\n$/.exec(message.text);
    if (end) {
      const why = callers.onEnd(end[1]!);
      throw why === undefined ? undefined : new Error(why);
    }
    const [input, output, error, ...more] = descriptors;
    if (message.text !== "lend\n" || more.length > 0) throw new Error("wanted lend");
    if (input === undefined || output === undefined) throw new Error("nothing was lent");
    descriptors = [];
    callers.onRelay(programRelay(socket, { input, output, error }));
  } catch (error) {
    for (const fd of descriptors) libc.close(fd);
    socket.end(error === undefined ? "yes\n" : `no ${oneLine(messageOf(error))}\n`);
  }
}

/** The first message, before anything of the socket is read otherwise. */
async function received(
  socket: Socket,
  libc: Libc,
  fd: number,
): Promise<Message | undefined> {
  for (let look = 0; look < LOOKS && !socket.destroyed; look++) {
    const message = libc.receive(fd);
    if (message) return message;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function programRelay(socket: Socket, lent: Relay["lent"]): Relay {
  socket.resume(); // to see its end
  return {
    lent,
    accept: () => void socket.write("yes\n"),
    release(why) {
      if (why === undefined) socket.destroy();
      else socket.end(`no ${oneLine(why)}\n`);
    },
    isGone: () => socket.destroyed || socket.readableEnded,
    whenGone: (run) => void socket.on("close", run),
  };
}
