/**
 * Denied connections as events: each one while they are few, and their number beyond that.
 *
 * A host that scans the mesh, or a program that tries again and again, must not fill the
 * log, nor hide the events of other hosts; so each host has an allowance of its own.
 *
 * @module
 */

import { Budget, type BudgetLimit } from "../../link/budget.ts";
import type { Clock } from "../../link/clock.ts";
import type { Denial } from "../../router/policy/gate.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { formatHostPort } from "../../wire/text.ts";
import type { DeniedEvent, MoreDeniedEvent } from "../events.ts";
import { Excess } from "./excess.ts";

/** Events of a host: some at once, then one in ten seconds. */
export const DENIED_LIMIT: BudgetLimit = { perSecond: 0.1, burst: 20 };

/** Options of {@linkcode Denials}. */
export interface DenialsOptions {
  readonly clock: Clock;
  /** Tells an event. */
  readonly emit: (event: DeniedEvent | MoreDeniedEvent) => void;
}

interface Teller {
  readonly budget: Budget;
  readonly excess: Excess;
}

/** Tells of the connections that the policy denied. */
export class Denials {
  readonly #options: DenialsOptions;
  /** By the host that asks. */
  readonly #tellers = new Map<string, Teller>();

  /** Nothing was denied yet. */
  constructor(options: DenialsOptions) {
    this.#options = options;
  }

  /** Tells of a denied connection, at once or as one of many. */
  add(denial: Denial): void {
    const { clock, emit } = this.#options;
    const { budget, excess } = this.#tellerOf(denial.from);
    if (!budget.has(1, clock.now())) return excess.add(0);
    budget.take(1);
    emit(eventOf(denial));
  }

  /** Forgets hosts that are not among `names`, and tells of what was not told of them. */
  keep(names: { has(name: string): boolean }): void {
    for (const [name, { excess }] of this.#tellers) {
      if (names.has(name)) continue;
      excess.flush();
      this.#tellers.delete(name);
    }
  }

  /** Tells of what was not told yet. */
  close(): void {
    for (const { excess } of this.#tellers.values()) excess.flush();
  }

  #tellerOf(host: string): Teller {
    const known = this.#tellers.get(host);
    if (known) return known;
    const { clock, emit } = this.#options;
    const excess = new Excess(clock, (count) =>
      emit({
        type: "moreDenied",
        level: "warn",
        host,
        count,
        message: `Forbidden by the policy: ${count} more ${
          count === 1 ? "connection" : "connections"
        } of ${host}`,
      }));
    const teller = { budget: new Budget(DENIED_LIMIT, clock.now()), excess };
    this.#tellers.set(host, teller);
    return teller;
  }
}

function eventOf(denial: Denial): DeniedEvent {
  const { from, to, isRouted, port, names, rule } = denial;
  const address = formatIpv4(denial.address);
  const name = names.at(-1);
  const target = isRouted
    ? `${formatHostPort(name ?? address, port)} behind ${to}`
    : formatHostPort(to, port);
  return {
    type: "denied",
    level: "warn",
    host: from,
    to,
    address,
    port,
    ...(names.length > 0 && { names: [...names] }),
    rule,
    message: `Forbidden by the policy: ${from} to ${target} (${rule})`,
  };
}
