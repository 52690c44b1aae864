/**
 * A peer that writes and reads exact bytes, and messages of HTTP.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { within } from "../../tests/harness/scene/wait.ts";
import { type HttpMessage, readMessage, type ReadOptions } from "./_fake_http_reader.ts";
import { resetConnection } from "../edge/reset.ts";

/** An end of a connection; bytes are text in latin1. */
export class HttpPeer {
  readonly socket: Deno.TcpConn;
  /** Everything that came. */
  got = "";
  /** How the connection ended, once read to the end. */
  end: "clean" | "reset" | undefined;
  #taken = 0;
  #isClosed = false;

  constructor(socket: Deno.TcpConn) {
    this.socket = socket;
  }

  /** Writes all of `text`. */
  async send(text: string): Promise<void> {
    const bytes = Buffer.from(text, "latin1");
    for (let at = 0; at < bytes.length;) {
      at += await this.socket.write(bytes.subarray(at));
    }
  }

  /** Reads once; false at the end. */
  async more(most = 65_536): Promise<boolean> {
    if (this.end) return false;
    const chunk = new Uint8Array(most);
    try {
      const count = await within("bytes", this.socket.read(chunk), 30_000);
      if (count !== null) {
        this.got += Buffer.from(chunk.buffer, 0, count).toString("latin1");
        return true;
      }
      this.end = "clean";
    } catch (error) {
      if (this.#isClosed || !(error instanceof Deno.errors.ConnectionReset)) throw error;
      this.end = "reset";
    }
    return false;
  }

  /** Bytes that came and were not taken yet. */
  get held(): string {
    return this.got.slice(this.#taken);
  }

  /** The next `text.length` bytes, which have to come. */
  async take(count: number): Promise<string> {
    while (this.held.length < count && await this.more());
    const taken = this.held.slice(0, count);
    this.#taken += taken.length;
    return taken;
  }

  /** All until the end; `end` tells how that was. */
  async rest(): Promise<string> {
    while (await this.more());
    return this.take(this.held.length);
  }

  /** The next whole message; throws if the connection ends before. */
  async message(options: ReadOptions = {}): Promise<HttpMessage> {
    for (;;) {
      const isEnd = this.end === "clean";
      const read = readMessage(this.got, this.#taken, { ...options, isEnd });
      if (read) {
        this.#taken = read.end;
        return read.message;
      }
      if (this.end) {
        const held = JSON.stringify(this.held.slice(0, 2000));
        throw new Error(`The message ended too soon (${this.end}): ${held}`);
      }
      await this.more();
    }
  }

  /** Ends the direction to the other end. */
  async closeWrite(): Promise<void> {
    await this.socket.closeWrite();
  }

  /** Ends the connection with a reset. */
  reset(): void {
    this.#isClosed = true;
    resetConnection(this.socket);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.close();
  }
}
