/**
 * Tunnels: of CONNECT, and of an upgrade that the server agreed to.
 *
 * @module
 */
import { AheadSocket } from "../edge/ahead_socket.ts";
import { join } from "../upstream.ts";
import type { ReadAhead } from "../edge/read_ahead.ts";
import { type ByteStream, MeshStream, SocketStream } from "../edge/stream.ts";
import { turns } from "../edge/turns.ts";
import { writeParts } from "./bytes.ts";
import type { Client } from "./client/client.ts";

const BUFFER_BYTES = 65_536;

/**
 * Makes a tunnel, after the first bytes for the client. Settles when the tunnel has
 * ended; never rejects. With `signal`, both sides are reset.
 */
export async function makeTunnel(
  client: Client,
  upstream: ByteStream,
  down: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<void> {
  const end = () => upstream.reset();
  signal.addEventListener("abort", end);
  try {
    signal.throwIfAborted();
    await writeParts(client, down);
  } catch {
    upstream.reset();
    client.reset(); // too late for words: the client believes to speak with the server
    return;
  } finally {
    signal.removeEventListener("abort", end);
  }
  client.handOver();
  const { stream, input } = client;
  const isKnown = upstream instanceof SocketStream || upstream instanceof MeshStream;
  if (stream instanceof SocketStream && isKnown) {
    const socket = new AheadSocket(stream.socket, input);
    return await join(new SocketStream(socket), upstream, signal);
  }
  await joinStreams(stream, input, upstream, signal);
}

/** The same for streams of any other kind. */
async function joinStreams(
  stream: ByteStream,
  input: ReadAhead,
  upstream: ByteStream,
  signal: AbortSignal,
): Promise<void> {
  const end = () => {
    stream.reset();
    upstream.reset();
  };
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  const up = async () => {
    while (input.ended === undefined || input.size > 0) {
      if (input.size === 0) await input.fill();
      const part = input.held;
      await upstream.write(part);
      input.consume(part.length);
    }
    if (input.ended) throw input.ended;
    await upstream.closeWrite();
  };
  const down = async () => {
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const got = await upstream.read(buffer);
      if (got === null) return await stream.closeWrite();
      const turn = turns.next();
      if (turn) await turn;
      await stream.write(buffer.subarray(0, got));
    }
  };
  input.unwatch();
  await Promise.all([up().catch(end), down().catch(end)]);
  signal.removeEventListener("abort", end);
  stream.close();
  upstream.close();
}
