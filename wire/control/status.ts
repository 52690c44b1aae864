/**
 * The request `status` and the event `listeners`: which listeners of an agent are up.
 *
 * @module
 */

import * as v from "valibot";
import { AGENT_SERVICES, type AgentServices } from "./agent_services.ts";
import { AGENT_STACK, type AgentStack } from "./agent_stack.ts";
import { check, type Schema } from "./check.ts";
import { object, shortList, shortText } from "./fields.ts";
import { PROCESS_FIGURES, type ProcessFigures } from "./process_figures.ts";

/** A real listener of an agent, as told by the result of `status`. */
export interface ListenerStatus {
  /** `address:port`. */
  address: string;
  /**
   * The listener's purpose; `dns` is a mesh's name server, on the real `VIP:10053`, and
   * `egress` leads into the mesh.
   */
  kind: "loopback" | "http" | "socks" | "dns" | "egress";
  /** Why the listener is not open; absent if open. */
  error?: {
    /** `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` or another short code. */
    code: string;
    /** The system's words. */
    message: string;
  };
}

/** `data` of the result of `status`, and of the event `listeners`. */
export interface AgentStatus {
  /**
   * Every listener the configuration asks for, up or not; in the event those
   * that had failed and are up now.
   */
  listeners: ListenerStatus[];
  /** The same for agents that share loopback addresses, if they know. */
  machine?: string;
  /** The state and counters of its TCP/IP stack; absent in the event. */
  stack?: AgentStack;
  /** Its clients and its dials; absent in the event. */
  services?: AgentServices;
  /** Its process; absent in the event, and of the agent in the manager's process. */
  process?: ProcessFigures;
}

const AGENT_STATUS: Schema<AgentStatus> = object({
  listeners: shortList(
    object({
      address: shortText(64),
      kind: v.picklist(["loopback", "http", "socks", "dns", "egress"]),
      error: v.nullish(v.object({ code: shortText(64), message: shortText(2000) })),
    }),
    65_536,
  ),
  machine: v.nullish(v.pipe(v.string(), v.maxLength(200))),
  stack: v.nullish(AGENT_STACK),
  services: v.nullish(AGENT_SERVICES),
  process: v.nullish(PROCESS_FIGURES),
});

/** Reads `data` of the result of `status`. @throws {ControlError} */
export function parseStatus(data: unknown): AgentStatus {
  return check("the result of status", AGENT_STATUS, data);
}
