/**
 * The serving roles of a peer: `ROLE PORT …` listens on 127.0.0.1 (or `ADDRESS:PORT`).
 *
 * @module
 */
import { createServer, type Socket } from "node:net";
import type { Report, Role } from "./peer.ts";
import { exchange, parseSize } from "./peer_data.ts";
import { endingOf, readToEnd, writeAll } from "./peer_tcp.ts";

type Tell = (report: Report) => void;

function addressOf(text: string | undefined): { hostname: string; port: number } {
  const [port, hostname = "127.0.0.1"] = (text ?? "").split(":").reverse();
  return { hostname, port: Number(port) };
}

/**
 * The next connection that is still open. Deno's `accept` asks a socket for its peer and
 * throws NotConnected after a reset meanwhile; the listener itself is well.
 */
async function accept(listener: Deno.TcpListener): Promise<Deno.TcpConn> {
  for (;;) {
    try {
      return await listener.accept();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotConnected)) throw error;
    }
  }
}

/** A role that does the same to each accepted connection and reports how that went. */
function tcp(
  handle: (
    conn: Deno.TcpConn,
    args: string[],
    tell: Tell,
    connection: number,
  ) => Promise<Record<string, unknown>>,
): Role {
  return async ([at, ...args], tell) => {
    const listener = Deno.listen(addressOf(at));
    tell({ event: "listening", ...listener.addr });
    let number = 0;
    for (;;) {
      const conn = await accept(listener);
      const connection = number++;
      conn.setNoDelay(true);
      handle(conn, args, tell, connection)
        .catch((error) => ({ ending: endingOf(error) }))
        .then((result) => {
          conn.close();
          tell({ event: "closed", connection, ...result });
        });
    }
  };
}

/** `http PORT TEXT`: answers every request with TEXT and the path. */
const http: Role = async ([at, text], tell) => {
  const server = Deno.serve(
    { ...addressOf(at), onListen: (addr) => tell({ event: "listening", ...addr }) },
    (request) => new Response(`${text} ${new URL(request.url).pathname}\n`),
  );
  await server.finished;
};

/** `echo PORT`: sends the received bytes back, and ends when the other side does. */
const echo = tcp(async (conn) => {
  let bytes = 0;
  const ending = await readToEnd(conn, (piece) => {
    bytes += piece.length;
    return writeAll(conn, piece);
  });
  return { ending, bytes };
});

/**
 * `serve-exchange PORT BYTES SEED [STALL]`: sends BYTES of its own on each connection while
 * receiving, which begins after STALL ms; reports both hashes.
 */
const exchanging = tcp(async (conn, [bytes, seed, stall = "0"], _tell, connection) => ({
  ...await exchange(conn, parseSize(bytes), Number(seed) + connection, Number(stall)),
}));

/** `count PORT`: counts until the other side half-closes, then answers with the number. */
const count = tcp(async (conn) => {
  let bytes = 0;
  const ending = await readToEnd(conn, (piece) => {
    bytes += piece.length;
  });
  await writeAll(conn, new TextEncoder().encode(`counted ${bytes}`));
  return { ending, bytes };
});

/** `farewell PORT`: half-closes first, right after a greeting, and goes on receiving. */
const farewell = tcp(async (conn, _args, tell) => {
  await writeAll(conn, new TextEncoder().encode("farewell"));
  await conn.closeWrite();
  tell({ event: "half-closed" });
  let bytes = 0;
  const ending = await readToEnd(conn, (piece) => {
    bytes += piece.length;
  });
  return { ending, bytes };
});

/** `sink PORT`: receives and forgets. */
const sink = tcp(async (conn, _args, tell) => {
  let bytes = 0;
  tell({ event: "accepted" });
  const ending = await readToEnd(conn, (piece) => {
    bytes += piece.length;
  });
  return { ending, bytes };
});

/** `source PORT`: sends for ever; reports how many bytes were taken altogether. */
const source: Role = async (args, tell) => {
  const piece = new Uint8Array(64 * 1024).fill(0x61);
  let bytes = 0;
  setInterval(() => tell({ event: "pushed", bytes }), 100);
  const serve = tcp(async (conn) => {
    for (;;) {
      await writeAll(conn, piece);
      bytes += piece.length;
    }
  });
  await serve(args, tell);
};

/** `stalled PORT`: accepts and never reads. */
const stalled: Role = async ([at], tell) => {
  const listener = Deno.listen(addressOf(at));
  tell({ event: "listening", ...listener.addr });
  // Kept, or the garbage collector would close them.
  const held: Deno.TcpConn[] = [];
  for (;;) {
    held.push(await accept(listener));
    tell({ event: "accepted", connections: held.length });
  }
};

/** `reset PORT`: sends `partial`, and answers the first received byte with a reset. */
const reset: Role = async ([at], tell) => {
  const { hostname, port } = addressOf(at);
  const { promise } = Promise.withResolvers<void>();
  // Only node:net can send a reset: closing a Deno.TcpConn ends the stream properly.
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.write("partial");
    socket.once("data", () => {
      socket.resetAndDestroy();
      tell({ event: "closed", ending: "reset by us" });
    });
  });
  server.listen(port, hostname, () => tell({ event: "listening", hostname, port }));
  await promise;
};

/** `last-words PORT`: answers the first received byte with `busy`, and at once a reset. */
const lastWords: Role = async ([at], tell) => {
  const { hostname, port } = addressOf(at);
  const { promise } = Promise.withResolvers<void>();
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("busy", () => socket.resetAndDestroy()));
  });
  server.listen(port, hostname, () => tell({ event: "listening", hostname, port }));
  await promise;
};

export const servers: Record<string, Role> = {
  http,
  echo,
  "serve-exchange": exchanging,
  count,
  farewell,
  sink,
  source,
  stalled,
  reset,
  "last-words": lastWords,
};
