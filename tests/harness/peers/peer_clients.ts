/**
 * The dialling roles of a peer: `ROLE ADDRESS PORT …`, each ends with a `done` report.
 *
 * @module
 */
import { connect } from "node:net";
import type { Role } from "./peer.ts";
import { exchange, parseSize } from "./peer_data.ts";
import { dial, endingOf, readFull, readToEnd, writeAll } from "./peer_tcp.ts";

/**
 * `exchange ADDRESS PORT BYTES SEED [COUNT]`: sends BYTES of its own on each of COUNT
 * connections while receiving; reports both hashes of each.
 */
const exchanging: Role = async ([address, port, bytes, seed, count = "1"], tell) => {
  const all = await Promise.all(
    Array.from({ length: Number(count) }, async (_, index) => {
      using conn = await dial(address!, Number(port));
      return await exchange(conn, parseSize(bytes), Number(seed) + index);
    }),
  );
  for (const each of all) tell({ event: "exchanged", ...each });
  tell({ event: "done", ...all[0]! });
};

/**
 * `dial ADDRESS PORT [TEXT]`: sends TEXT, then receives to the end; reports the outcome.
 */
const dialling: Role = async ([address, port, text = ""], tell) => {
  let received = "";
  const decoder = new TextDecoder();
  let ending: string;
  let connected = false;
  const began = performance.now();
  try {
    using conn = await dial(address!, Number(port));
    connected = true;
    await writeAll(conn, new TextEncoder().encode(text));
    tell({ event: "connected" });
    ending = await readToEnd(conn, (bytes) => {
      received += decoder.decode(bytes, { stream: true });
      tell({ event: "received", text: received });
    });
  } catch (error) {
    ending = endingOf(error);
  }
  tell({ event: "done", connected, received, ending, ms: performance.now() - began });
};

/** `halfclose ADDRESS PORT BYTES`: sends BYTES, half-closes, then receives to the end. */
const halfclose: Role = async ([address, port, size], tell) => {
  using conn = await dial(address!, Number(port));
  await writeAll(conn, new Uint8Array(parseSize(size)));
  await conn.closeWrite();
  let received = "";
  const ending = await readToEnd(conn, (bytes) => {
    received += new TextDecoder().decode(bytes);
  });
  tell({ event: "done", received, ending });
};

/** `linger ADDRESS PORT BYTES`: receives to the end first, and sends BYTES only then. */
const linger: Role = async ([address, port, size], tell) => {
  using conn = await dial(address!, Number(port));
  let received = "";
  const ending = await readToEnd(conn, (bytes) => {
    received += new TextDecoder().decode(bytes);
  });
  await writeAll(conn, new Uint8Array(parseSize(size)));
  await conn.closeWrite();
  tell({ event: "done", received, ending });
};

/** `send-reset ADDRESS PORT`: waits for the echo of some bytes, then sends a reset. */
const reset: Role = async ([address, port], tell) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Only node:net can send a reset: closing a Deno.TcpConn ends the stream properly.
  const socket = connect({ host: address!, port: Number(port) });
  socket.on("error", reject);
  socket.on("close", () => resolve());
  socket.write("to be cut off");
  // Not before the echo: a connection reset that early might never have been accepted.
  socket.once("data", () => socket.resetAndDestroy());
  await promise;
  tell({ event: "done" });
};

/** `slam ADDRESS PORT COUNT`: connects and resets at once, COUNT times in sequence. */
const slam: Role = async ([address, port, count], tell) => {
  for (let number = 0; number < Number(count); number++) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({ host: address!, port: Number(port) });
    socket.on("error", reject);
    socket.on("connect", () => socket.resetAndDestroy());
    socket.on("close", () => resolve());
    await promise;
  }
  tell({ event: "done" });
};

/**
 * `hear ADDRESS PORT COUNT`: dials COUNT times in sequence, sends a byte and receives to the
 * end; reports how often each answer came with its ending, as `answer, ending`.
 */
const hear: Role = async ([address, port, count], tell) => {
  const heard: Record<string, number> = {};
  for (let number = 0; number < Number(count); number++) {
    using conn = await dial(address!, Number(port));
    await writeAll(conn, new TextEncoder().encode("x"));
    let answer = "";
    const ending = await readToEnd(conn, (bytes) => {
      answer += new TextDecoder().decode(bytes);
    });
    const each = `${answer}, ${ending}`;
    heard[each] = (heard[each] ?? 0) + 1;
  }
  tell({ event: "done", heard });
};

/** `many ADDRESS PORT COUNT`: opens COUNT connections, then lets each have its own echo. */
const many: Role = async ([address, port, count], tell) => {
  const total = Number(count);
  const conns = await Promise.all(
    Array.from({ length: total }, () => dial(address!, Number(port))),
  );
  tell({ event: "open", connections: conns.length });
  let right = 0;
  const wrong: string[] = [];
  await Promise.all(conns.map(async (conn, index) => {
    const sent = new TextEncoder().encode(`${index} of ${total} `.repeat(50));
    const received = new Uint8Array(sent.length);
    try {
      await Promise.all([writeAll(conn, sent), readFull(conn, received)]);
      if (sent.every((byte, at) => byte === received[at])) right++;
      else wrong.push(`connection ${index} got another one's bytes`);
    } catch (error) {
      wrong.push(`connection ${index}: ${endingOf(error)}`);
    }
  }));
  const endings = await Promise.all(conns.map(async (conn) => {
    await conn.closeWrite();
    return await readToEnd(conn, () => {}).finally(() => conn.close());
  }));
  const ended = endings.filter((ending) => ending === "end").length;
  tell({ event: "done", right, ended, wrong: wrong.slice(0, 10) });
};

/**
 * `push ADDRESS PORT [COUNT]`: sends on COUNT connections as fast as the server takes
 * them; reports how many bytes were taken altogether, and in the end how the connections
 * ended.
 */
const push: Role = async ([address, port, count = "1"], tell) => {
  const piece = new Uint8Array(64 * 1024);
  let bytes = 0;
  const timer = setInterval(() => tell({ event: "pushed", bytes }), 100);
  const endings = await Promise.all(
    Array.from({ length: Number(count) }, async () => {
      try {
        using conn = await dial(address!, Number(port));
        for (;;) {
          await writeAll(conn, piece);
          bytes += piece.length;
        }
      } catch (error) {
        return endingOf(error);
      }
    }),
  );
  clearInterval(timer);
  tell({ event: "done", bytes, endings });
};

/** `hang ADDRESS PORT [COUNT]`: opens COUNT connections and never reads. */
const hang: Role = async ([address, port, count = "1"], tell) => {
  // Kept, or the garbage collector would close them.
  const conns = await Promise.all(
    Array.from({ length: Number(count) }, () => dial(address!, Number(port))),
  );
  tell({ event: "connected" });
  await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
  for (const conn of conns) conn.close();
};

/**
 * `beat ADDRESS PORT`: a byte echoed every 20 ms on the same connection, each reported.
 */
const beat: Role = async ([address, port], tell) => {
  let beats = 0;
  try {
    using conn = await dial(address!, Number(port));
    for (;;) {
      const began = performance.now();
      await writeAll(conn, Uint8Array.of(beats));
      await readFull(conn, new Uint8Array(1));
      tell({ event: "beat", beats: ++beats, ms: performance.now() - began });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } catch (error) {
    tell({ event: "done", beats, ending: endingOf(error) });
  }
};

export const clients: Record<string, Role> = {
  exchange: exchanging,
  dial: dialling,
  halfclose,
  linger,
  "send-reset": reset,
  slam,
  hear,
  many,
  push,
  hang,
  beat,
};
