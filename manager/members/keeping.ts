/**
 * Keeping: the keys of the agents that stay, in memory, and in the state file if there is one.
 *
 * An agent that an earlier manager left is taken back only if the manifest gives its host the
 * very configuration that it has. Otherwise it is *stale*: it is told to end, since it has the
 * ports of the next.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Manifest } from "../../manifest/manifest.ts";
import { messageOf } from "../../wire/text.ts";
import { AgentKey } from "../resume/agent_key.ts";
import type { ResumePlan } from "../attempt.ts";
import type { GreetingPlan } from "../greeting.ts";
import type { StateFile } from "../resume/state_file.ts";
import type { Description } from "./description.ts";

/** How the key of a host is kept. */
export interface KeepingOptions {
  /** What its next agent is told. */
  readonly greeting: () => GreetingPlan;
  /** Takes a line about the host, for people. */
  readonly warn: (message: string) => void;
}

/** The keys of one mesh. */
export class Keeping {
  readonly #mesh: string;
  readonly #state: StateFile | undefined;
  /** Agents of an earlier manager that cannot be taken back, by host. */
  readonly #stale = new Map<string, AgentKey>();
  /** Whether hosts are those of the first manifest. */
  #isFirst = true;
  #hasFailed = false;

  /** Keeps the keys of a mesh of that name, also in the file `state`. */
  constructor(mesh: string, state: StateFile | undefined) {
    this.#mesh = mesh;
    this.#state = state;
  }

  /** The plan for the agents of a host; undefined if they end with their links. */
  planOf(
    { spec: { name, transport, resume = 0 }, greeting }: Description,
    options: KeepingOptions,
  ): ResumePlan | undefined {
    const kept = this.#isFirst ? this.#state?.hosts.get(name) : undefined;
    const isWanted = transport !== undefined && resume > 0;
    const isSame = kept?.configuration === configurationHash(greeting);
    if (kept && transport && !(isWanted && isSame)) {
      this.#stale.set(name, new AgentKey(kept));
    }
    if (!isWanted) return undefined;
    return {
      seconds: resume / 1000,
      mesh: this.#mesh,
      ...(kept && isSame && { left: new AgentKey(kept) }),
      keep: (key) => this.#keep(name, key, options),
      goesBy: (greeting) => this.#goesBy(name, greeting, options),
    };
  }

  /** The key of the agent of a host that has to end first. */
  staleOf(host: string): AgentKey | undefined {
    return this.#stale.get(host);
  }

  /** The hosts of the first manifest are made. @throws {Error} if the file cannot be written. */
  begin({ hosts }: Manifest): void {
    this.#isFirst = false;
    const names = new Set(hosts.map(({ name }) => name));
    const isThere = (host: string) => names.has(host) && !this.#stale.has(host);
    this.#state?.begin(this.#mesh, hosts, isThere);
  }

  /** The agent of a host took other orders, by which it is known again. */
  #goesBy(host: string, greeting: GreetingPlan, options: KeepingOptions): void {
    const known = this.#state?.hosts.get(host);
    const configuration = configurationHash(greeting);
    if (!known || known.configuration === configuration) return;
    this.#write(() => this.#state?.set(host, { ...known, configuration }), options);
  }

  #keep(host: string, key: AgentKey | undefined, options: KeepingOptions): void {
    const state = this.#state;
    if (!state) return;
    this.#write(() => {
      if (!key) return state.remove(host);
      const { id, secret, seconds, epoch } = key;
      const known = state.hosts.get(host);
      // The configuration may be another by now; the agent still has the one it got.
      const configuration = known?.id === id
        ? known.configuration
        : configurationHash(options.greeting());
      state.set(host, { id, secret, seconds, epoch, configuration });
    }, options);
  }

  #write(change: () => void, options: KeepingOptions): void {
    try {
      change();
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      options.warn(messageOf(error));
    }
  }
}

/** Tells configurations of agents apart; the wish to stay is no part of them. */
function configurationHash({ configure, extend }: GreetingPlan): string {
  const text = JSON.stringify([configure, extend ?? null]);
  return createHash("sha256").update(text).digest("hex");
}
