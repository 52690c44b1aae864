/**
 * Accounts for every transfer: joins the reports of client and server, and judges.
 *
 * A transfer is whole, or was reset as planned, or is lost. Lost is right only if a host
 * on its way was killed, or frozen to its end, meanwhile. Wrong bytes are never right.
 *
 * @module
 */
import type { ClientReport, ServerReport } from "./transfer.ts";

/** A time in which connections through a host may break. */
export interface Outage {
  readonly host: string;
  /** Milliseconds since 1970; no end while the outage lasts. */
  readonly from: number;
  until?: number;
  /** Its link alone was cut: only connections that had not reached their server may break. */
  readonly isOfLink?: boolean;
  /** A policy forbids the host; its agent goes on. */
  readonly isOfPolicy?: boolean;
}

/** Connections made right before and after an outage may see its edges. */
const EDGE_MS = 3_000;
/** Outages so near to a violation are told with it. */
const NEAR_MS = 30_000;

/** All transfers of a run. */
export class Ledger {
  readonly outages: Outage[] = [];
  /** Violations, a line each. */
  readonly violations: string[] = [];
  whole = 0;
  reset = 0;
  /** Bytes that arrived and were right, at both sides. */
  bytes = 0;
  /** Lost with reason, by how they ended. */
  readonly lost = new Map<string, number>();
  readonly #clients = new Map<string, ClientReport>();
  readonly #servers = new Map<string, ServerReport>();

  /** Transfers that are settled. */
  get settled(): number {
    return this.whole + this.reset + [...this.lost.values()].reduce((a, b) => a + b, 0);
  }

  /** Says that connections through a host may break from now on; call the result at its end. */
  begin(
    host: string,
    kind: Pick<Outage, "isOfLink" | "isOfPolicy"> = {},
  ): () => void {
    const outage: Outage = { host, from: Date.now(), ...kind };
    this.outages.push(outage);
    return () => outage.until = Date.now();
  }

  /** Takes a client's or a server's report of a transfer. */
  take(report: ClientReport | ServerReport): void {
    const { id } = report;
    if (report.event === "transfer") this.#clients.set(id, report);
    else this.#servers.set(id, report);
    const client = this.#clients.get(id);
    const server = this.#servers.get(id);
    if (client && server) this.#settle(client, server);
    // There may have been nobody to tell.
    else if (client?.ending.startsWith("no connection")) this.#settle(client, undefined);
  }

  /** Transfers of which a client said that they are over, and no server yet. */
  get waiting(): number {
    return this.#clients.size;
  }

  /** Judges transfers that a single side reported; call at the end of all reports. */
  close(): void {
    for (const client of [...this.#clients.values()]) this.#settle(client, undefined);
    for (const { id, ending } of this.#servers.values()) {
      this.violations.push(`${id}: only the server knows of it (${ending})`);
    }
  }

  #settle(client: ClientReport, server: ServerReport | undefined): void {
    const { transfer, received } = client;
    this.#clients.delete(transfer.id);
    this.#servers.delete(transfer.id);
    for (
      const [side, { wrongAt }] of Object.entries({ client, ...(server && { server }) })
    ) {
      if (wrongAt !== undefined) {
        this.#blame(client, server, `wrong byte ${wrongAt} at the ${side}`);
      }
    }
    this.bytes += received + (server?.received ?? 0);
    if (received > transfer.down || (server?.received ?? 0) > transfer.up) {
      this.#blame(client, server, "more bytes than were sent");
    }
    if (transfer.reset ? wasReset(client, server) : isWhole(client, server)) {
      if (transfer.reset) this.reset++;
      else this.whole++;
      return;
    }
    const kind = `${client.way}: ${client.ending} / ${server?.ending ?? "not served"}`;
    if (!this.#isExplained(client, server)) {
      this.#blame(client, server, "lost, and no host was");
    }
    this.lost.set(kind, (this.lost.get(kind) ?? 0) + 1);
  }

  #isExplained(client: ClientReport, server: ServerReport | undefined): boolean {
    return this.#outagesNear(client, server, EDGE_MS).some(({ isOfLink }) =>
      !isOfLink || server === undefined
    );
  }

  /**
   * Outages of hosts on the way. A client that has sent all may be gone long before the last
   * bytes arrive: a transfer lasts until its server has seen the end.
   */
  #outagesNear(
    { hosts, began, ended }: ClientReport,
    server: ServerReport | undefined,
    edgeMs: number,
  ): Outage[] {
    const over = Math.max(ended, server?.ended ?? 0);
    return this.outages.filter(({ host, from, until = Infinity }) =>
      hosts.includes(host) && from - edgeMs < over && began < until + edgeMs
    );
  }

  #blame(client: ClientReport, server: ServerReport | undefined, what: string): void {
    const near = this.#outagesNear(client, server, NEAR_MS);
    this.violations.push(
      `${what}: ${[client, server, near].map((part) => JSON.stringify(part)).join(" ")}`,
    );
  }
}

function isWhole(
  { transfer, ending, received }: ClientReport,
  server?: ServerReport,
): boolean {
  return ending === "end" && received === transfer.down && server?.ending === "end" &&
    server.received === transfer.up;
}

/** Whether neither side took the planned reset for a whole transfer. */
function wasReset({ transfer, ending }: ClientReport, server?: ServerReport): boolean {
  if (transfer.reset!.by === "server") {
    return /\breset$/.test(ending) && server?.ending === "reset by us";
  }
  // A reset may overtake the first bytes, and the server never hear of the transfer.
  return ending === "reset by us" && (server === undefined || server.ending === "reset");
}
