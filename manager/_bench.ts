/** A mesh of fake agents in this process, for tests. */
import assert from "node:assert/strict";
import { memoryLinkPair } from "../link/memory.ts";
import type { Transport } from "../transports/mod.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { type Behaviour, FakeAgent } from "./_fake_agent.ts";
import { FakeClock, settle } from "../link/_fake_clock.ts";
import type { MeshEvent } from "./events.ts";
import type { Mesh, MeshOptions } from "./contract.ts";
import { startMesh } from "./mesh.ts";

/** A mesh of fake agents in this process, under a fake clock, and what it told. */
export class Bench implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly events: MeshEvent[] = [];
  /** The present agent of each host. */
  readonly agents = new Map<string, FakeAgent>();
  /** Ends the present link of a host. */
  readonly cut = new Map<string, (reason: string) => void>();
  /** Hosts that cannot be reached. */
  readonly unreachable = new Set<string>();
  readonly transport: Transport<Behaviour> = {
    name: "fake",
    parse: (spec) => spec as Behaviour,
    describe: () => "a fake agent",
    open: (behaviour, { host, attach }) => {
      if (this.unreachable.has(host)) return Promise.reject(new Error("no way"));
      const [near, far] = memoryLinkPair();
      const kept = this.agents.get(host);
      if (kept?.stays(attach)) kept.lend(far);
      else this.agents.set(host, new FakeAgent(far, behaviour));
      this.cut.set(host, (reason) => near.abort(reason));
      return Promise.resolve(near);
    },
  };
  mesh!: Mesh;

  async start(
    manifest: Parameters<typeof startMesh>[0],
    options: MeshOptions = {},
  ): Promise<this> {
    this.mesh = await startMesh(manifest, {
      onEvent: (event) => this.events.push(event),
      transports: [this.transport],
      clock: this.clock,
      ...options,
    });
    await settle();
    return this;
  }

  agent(host: string): FakeAgent {
    return this.agents.get(host)!;
  }

  messages(type: MeshEvent["type"]): string[] {
    return this.events.filter((event) => event.type === type).map(({ message }) =>
      message
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh.close();
    assert.equal(this.clock.pending, 0, "no timer is left");
  }
}

/** An agent that stays for a minute, and knows of absences. */
export const staying: Behaviour = {
  resume: { seconds: 60 },
  features: ["tcp", "loopback", "ping", "hostDown", "status", "resume", "hostAway"],
};

export const three = {
  hosts: {
    a: { fake: {}, vip: "127.0.42.101" },
    b: { fake: {}, vip: "127.0.42.102", ports: ["80:127.0.0.1:8080"] },
    c: { fake: { features: ["tcp", "loopback"] }, vip: "127.0.42.103" },
  },
  routes: [{ via: "b", to: ["10.0.0.0/8", "*.internal"] }],
};

/** A TCP segment from one address to another, checksums left out. */
export function segment(
  from: string,
  to: string,
  flags = 0x10,
  [fromPort, toPort]: [number, number] = [50_000, 80],
): Uint8Array {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, 40);
  view.setUint8(8, 64);
  view.setUint8(9, 6);
  view.setUint32(12, parseIpv4(from)!);
  view.setUint32(16, parseIpv4(to)!);
  view.setUint16(20, fromPort);
  view.setUint16(22, toPort);
  view.setUint8(32, 0x50);
  view.setUint8(33, flags);
  return bytes;
}

/** Flags of TCP. */
export const [SYN, ACK]: [number, number] = [0x02, 0x10];
/** The ports of an answer. */
export const BACK: [number, number] = [80, 50_000];
export const isReset = (packet: Uint8Array) => (packet[33]! & 0x04) !== 0;
