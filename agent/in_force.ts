/**
 * In force: the configuration that a host goes by now, and the two decisions that follow from
 * a configuration and have state of their own: which foreign addresses are dialled for other
 * hosts, and who may ask the name server for which names.
 *
 * A swap renews only the decisions whose part of the configuration changed. Every look-up is
 * made anew for each connection, so no connection has to be told of a swap.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { NamePolicy } from "../proxy/dns/policy.ts";
import { Foreign } from "../proxy/foreign.ts";
import { ControlError, type ResumeWish } from "../wire/control/control.ts";
import type { Configuration } from "./configuration.ts";

/** The parts of a configuration that differ from the last. */
export interface Changes {
  /** The hosts files: names, and where they are written. */
  readonly files: boolean;
  /** Where names and addresses lead: names, routes, and their exceptions. */
  readonly directory: boolean;
}

/** The configuration of now. */
export class InForce {
  #configuration: Configuration;
  #foreign: Foreign;
  #namePolicy: NamePolicy;
  /** How the agent outlives its link, for its whole life. */
  readonly #wish: ResumeWish | undefined;
  #version = 0;

  /** Begins with the first configuration. */
  constructor(configuration: Configuration) {
    this.#configuration = configuration;
    this.#wish = configuration.source.configure.resume;
    this.#foreign = this.#foreignOf(configuration);
    this.#namePolicy = namePolicyOf(configuration);
  }

  /** The orders of now. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** The version of the last update, by the manager at the present link; 0 before the first. */
  get version(): number {
    return this.#version;
  }

  /** Another link may be another manager's, whose versions begin anew. */
  forgetVersion(): void {
    this.#version = 0;
  }

  /** Which addresses outside the mesh are dialled for other hosts. */
  get foreign(): Foreign {
    return this.#foreign;
  }

  /** Who may ask the name server for which names. */
  get namePolicy(): NamePolicy {
    return this.#namePolicy;
  }

  /**
   * Puts another configuration in place of the present one, and says which parts differ.
   * Throws a {@linkcode ControlError}, and changes nothing, if the VIP differs, if another
   * wish to stay is among the orders, or if `version` is lower than the last.
   */
  swap(next: Configuration, version = this.#version): Changes {
    const before = this.#configuration;
    if (version < this.#version) {
      throw new ControlError(
        `Version ${version} is older than ${this.#version}, which is in force`,
      );
    }
    if (next.me !== before.me) {
      const [was, is] = [before, next].map(({ source }) => source.configure.me);
      throw new ControlError(`The VIP of a host cannot change, from ${was} to ${is}`);
    }
    const { resume } = next.source.configure;
    if (resume && !isDeepStrictEqual(resume, this.#wish)) {
      throw new ControlError("Whether an agent outlives its link cannot change");
    }
    this.#version = version;
    const changes = changesOf(before, next);
    this.#configuration = next;
    // Addresses that were given for names of a route are forgotten with the route.
    if (changes.directory) this.#foreign = this.#foreignOf(next);
    this.#namePolicy = namePolicyOf(next);
    return changes;
  }

  #foreignOf({ directory }: Configuration): Foreign {
    return new Foreign({
      ...directory.mine,
      isVip: (address) => directory.isVip(address),
    });
  }
}

function namePolicyOf({ directory, resolveFor }: Configuration): NamePolicy {
  const policy = new NamePolicy(directory.mine);
  policy.resolveFor(resolveFor);
  return policy;
}

function changesOf(before: Configuration, next: Configuration): Changes {
  const differ = (part: (configuration: Configuration) => unknown) =>
    JSON.stringify(part(before)) !== JSON.stringify(part(next));
  return {
    files: differ(({ source: { configure } }) => [
      configure.hostnameMap,
      configure.stateDir,
      configure.writeEtcHosts,
    ]),
    directory: differ(({ source: { configure, extend } }) => [
      configure.hostnameMap,
      configure.routes,
      extend.aliases,
      extend.exceptions,
    ]),
  };
}
