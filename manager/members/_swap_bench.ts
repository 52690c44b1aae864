/** A mesh of fake agents whose manifest is swapped, for tests. */
import { settle } from "../../link/_fake_clock.ts";
import type { Link, OpenContext } from "../../transports/mod.ts";
import { manifestFromObject } from "../../manifest/parse.ts";
import { Bench } from "../_bench.ts";
import type { Behaviour } from "../_fake_agent.ts";
import type { RunningMesh } from "../running_mesh.ts";
import type { Manifest } from "../../manifest/manifest.ts";

/** A route in the YAML's shape. */
export interface RouteShape {
  readonly via: string;
  readonly to: readonly string[];
  readonly notTo?: readonly string[];
}

/** A manifest in the YAML's shape. */
export interface Shape {
  readonly hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly routes?: readonly RouteShape[];
}

/** Three hosts; the second publishes a port and is a bastion. */
export const base: Shape = {
  hosts: {
    a: { fake: {}, vip: "127.0.42.101" },
    b: { fake: {}, vip: "127.0.42.102", ports: ["80:127.0.0.1:8080"] },
    c: { fake: {}, vip: "127.0.42.103" },
  },
  routes: [{ via: "b", to: ["10.0.0.0/8", "*.internal"] }],
};

/** A fourth host. */
export const d = { fake: {}, vip: "127.0.42.104" };

/** The manifest without the hosts `names`, and with `more`, also in place of others. */
export function other(
  { hosts, routes = [] }: Shape,
  names: readonly string[],
  more: Shape["hosts"] = {},
): Shape {
  const all = Object.entries({ ...hosts, ...more });
  return {
    hosts: Object.fromEntries(all.filter(([name]) => !names.includes(name))),
    routes: routes.filter(({ via }) => !names.includes(via)),
  };
}

/** A mesh whose manifest is swapped. */
export class SwapBench extends Bench {
  /** The hosts to which links were opened, in order. */
  readonly opened: string[] = [];
  /** Links to these hosts do not end before the promise of the host settles. */
  readonly held = new Map<string, Promise<unknown>>();

  constructor() {
    super();
    const { open } = this.transport;
    this.transport.open = async (behaviour: Behaviour, context: OpenContext) => {
      this.opened.push(context.host);
      const link = await open.call(this.transport, behaviour, context);
      const closed = link.closed.then(async (exit) => {
        await this.held.get(context.host);
        return exit;
      });
      return { ...link, closed } satisfies Link;
    };
  }

  /** The mesh, with what is not public. */
  get running(): RunningMesh {
    return this.mesh as RunningMesh;
  }

  read(shape: Shape): Manifest {
    const transports = new Map([["fake", this.transport]]);
    return manifestFromObject({ ...shape }, { path: "manifest", transports });
  }

  /** Swaps within the turn. */
  swap(shape: Shape): Manifest {
    const manifest = this.read(shape);
    this.running.swap(manifest);
    return manifest;
  }

  /** Swaps, and waits until all that follows without time passing has happened. */
  async swapped(shape: Shape): Promise<Manifest> {
    const manifest = this.swap(shape);
    await settle();
    return manifest;
  }

  /** The names of the hosts, in order, each with its state. */
  get states(): string {
    return [...this.mesh.hosts.values()].map(({ name, state }) => `${name} ${state}`)
      .join(", ");
  }
}
