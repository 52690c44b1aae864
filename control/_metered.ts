/** A status with something in each of its parts, for tests. */
import type { MeshStatus } from "../manager/status.ts";
import {
  type AgentServices,
  dialCounters,
  SERVICES,
} from "../wire/control/agent_services.ts";
import type { Metered } from "./metric_kinds.ts";

/** Options of {@linkcode meteredOf}. */
export interface MeteredOptions {
  readonly mesh?: string;
  readonly version?: string;
  /** What the status has in place of its own. */
  readonly more?: Partial<MeshStatus>;
}

/** The status of a mesh of ready hosts of these names. */
export function meteredOf(
  names: readonly string[],
  { mesh = "mesh", version = "1.2.3", more = {} }: MeteredOptions = {},
): Metered {
  const of = <T>(entry: (host: string, at: number) => T) => names.map(entry);
  const process = {
    cpuSeconds: 12.34,
    residentBytes: 98_765_432,
    startedAt: 1_796_000_000.25,
    openFiles: 77,
    mostFiles: 20_000,
  };
  const status: MeshStatus = {
    ms: 123_456,
    rulesVersion: 3,
    hosts: of((host, at) => ({
      host,
      vip: `127.0.${42 + (at >> 8)}.${at & 255}`,
      state: "ready",
      command: "docker exec -i x norouter",
      version,
      features: [],
      resume: { on: true, seconds: 300 },
      failures: 0,
      charged: 100 + at,
      suggestions: 1,
    })),
    links: of((host, at) => ({
      host,
      timesReady: 3,
      timesResumed: 2,
      attempts: 5,
      ms: 61_000,
      window: {
        window: 1_048_576,
        underWay: 400_000,
        rate: 150_000_000,
        base: 1.25,
        roundTrip: 4.5,
        drains: 7,
        faults: 0,
        mode: "steady",
      },
      frames: {
        ok: 123_456_789 + at,
        type: 1,
        short: 2,
        version: 3,
        length: 4,
        source: 5,
        late: 6,
      },
      traffic: {
        receivedBytes: 98_765_432_101,
        sentFrames: 4_567_890,
        sentBytes: 87_654_321_012,
        droppedFrames: 11,
        droppedBytes: 15_000,
      },
      droppedControls: { count: 6, bytes: 600 },
      droppedLines: { count: 8, bytes: 800 },
    })),
    queues: of((host) => ({
      host,
      pushed: 100,
      taken: 90,
      takenBytes: 9000,
      writtenBytes: 8000,
      dropped: 11,
      droppedBytes: 15_000,
      cut: 1,
      refused: 2,
      peakBytes: 1_000_000,
      frames: 10,
      bytes: 14_000,
      weight: 24_240,
      limitBytes: 33_554_432,
    })),
    waiting: names.slice(0, 1).map((host) => ({ host, frames: 2, bytes: 700 })),
    packets: {
      delivered: 1000,
      waited: 20,
      overflowed: 3,
      refused: 4,
      missed: 5,
      unroutable: 6,
      aborted: 7,
      evicted: 2,
      denied: 9,
      forbidden: 1,
    },
    flows: { opening: 1, open: 20, finished: 3, refused: 4, limit: 16_384 },
    policy: [
      { rule: 1, at: "mesh.yaml:9:5", action: "allow", allowed: 12, denied: 0 },
      { rule: 2, at: "mesh.yaml:10:5", action: "deny", allowed: 0, denied: 9 },
    ],
    stacks: of((host) => ({
      host,
      age: 12,
      pages: 160,
      usedPages: 21,
      usedBlocks: 300,
      connections: 42,
      pendingSyns: 1,
      active: 40,
      timeWait: 2,
      packetsIn: 1_234_567,
      packetsDropped: 1,
      packetsWithoutMemory: 2,
      packetsOut: 2_345_678,
      packetsPutOff: 3,
      failures: 4,
      turnedAway: 5,
      renewals: 0,
      echoes: 6,
      echoesDropped: 1,
    })),
    listeners: of((host) => host).flatMap((host) => [
      { host, address: "127.0.42.101:80", kind: "loopback" as const },
      {
        host,
        address: "127.0.42.101:81",
        kind: "loopback" as const,
        error: { code: "EADDRINUSE", message: "in use" },
      },
      { host, address: "127.0.0.1:1080", kind: "socks" as const },
    ]),
    services: of((host) => ({ host, ...servicesOf(1) })),
    processes: of((host) => ({ host, ...process })),
    process,
    ...more,
  };
  return { status, mesh, version };
}

function servicesOf(clients: number): AgentServices {
  const services = SERVICES.map((service, at) => [
    service,
    { clients, served: 10 + at, turnedAway: at },
  ]);
  return {
    services: Object.fromEntries(services),
    dials: { ...dialCounters(), connected: 100, refused: 3 },
  };
}
