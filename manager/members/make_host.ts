/**
 * A host made from its description, with its pipeline into the router. Not started yet.
 *
 * @module
 */

import type { Clock } from "../../link/clock.ts";
import { carry } from "../../router/pipeline.ts";
import { policeCounters } from "../../router/police.ts";
import type { ResumePlan } from "../attempt.ts";
import { happeningsOf, type MeshParts, ordersOf } from "../happenings.ts";
import { RunningHost } from "../running_host.ts";
import type { Starts } from "../starts.ts";
import type { Description } from "./description.ts";
import type { Keeping } from "./keeping.ts";

/** The mesh of a host, and its time. */
export interface MakingParts {
  readonly mesh: MeshParts;
  readonly clock: Clock;
  readonly starts: Starts;
  /** Keeps the keys of agents that stay. */
  readonly keeping: Keeping;
}

/** Makes a host of the mesh, whose rules have to know the host by its start. */
export function makeHost(
  description: Description,
  { mesh, clock, starts, keeping }: MakingParts,
): RunningHost {
  const { spec: { name }, reach: { command, open } } = description;
  const { router, connections, emit } = mesh;
  const resume: ResumePlan | undefined = keeping.planOf(description, {
    greeting: () => host.description.greeting,
    warn: (message) => emit({ type: "warning", level: "warn", host: name, message }),
  });
  const counters = policeCounters();
  const tap = connections?.tap(name);
  const host: RunningHost = new RunningHost({
    description,
    plan: {
      host: name,
      command,
      get greeting() {
        return host.description.greeting;
      },
      get connectTimeout() {
        return host.spec.connectTimeout;
      },
      resume,
      clock,
      starts,
      open,
      carry: (batches, onControl) =>
        carry(router, batches, {
          from: name,
          counters,
          tap,
          onControl,
          onDropped: (bytes) => host.packets.add(bytes),
        }),
    },
    police: counters,
    orders: (host) => ordersOf(host, mesh),
    hooks: (host) => happeningsOf(host, mesh),
    warn: emit,
  });
  return host;
}
