/**
 * The greeting: an agent gets its configuration and answers with its features.
 *
 * `configure` is the request that every agent understands. An agent that announces
 * `extend` gets the rest by that request, and is ready only after that: without the rest,
 * routes and proxies would do things they must not. An agent that does not announce
 * `extend` never sees a password.
 *
 * The two calls have no time of their own. The attempt's deadline, which begins anew while
 * opening the link gets on, ends the link and with it the calls.
 *
 * @module
 */

import { Refusal } from "../link/calls.ts";
import type { Channel } from "../link/channel.ts";
import {
  type ConfigureArgs,
  type ConfigureData,
  type ExtendArgs,
  parseConfigureData,
} from "../wire/control/control.ts";
import { describeLack, type NeededFeatures } from "./configure.ts";

/** The requests to an agent, and the features that its host needs. */
export interface GreetingPlan {
  /** The arguments of `configure`. */
  readonly configure: ConfigureArgs;
  /** The arguments of `extend`; an agent that announces it is ready only after that. */
  readonly extend?: ExtendArgs;
  /** The features that the agent must and should have. */
  readonly needed: NeededFeatures;
}

/** The outcomes of a greeting; one is called, or the link ends before. */
export interface GreetingHooks {
  /** The agent took all requests. Called before frames behind its answer are read. */
  greeted(agent: ConfigureData): void;
  /** The agent cannot serve the host: to stand after `the link ended: `. */
  failed(reason: string): void;
}

/** Greets the agent at the other end of a channel that has a link. */
export function greet(
  channel: Channel,
  { configure, extend, needed, greeted, failed }: GreetingPlan & GreetingHooks,
): void {
  const failure = (what: string) => (error: unknown) => {
    // Any other error is the end of the link, or nonsense that ends it; both tell why.
    if (error instanceof Refusal) failed(`its agent ${what}: ${error.words}`);
  };
  channel.call("configure", configure, {
    take(data) {
      const agent = parseConfigureData(data);
      const lacking = needed.required.filter((feature) =>
        !agent.features.includes(feature)
      );
      if (lacking.length > 0) {
        const version = agent.version ? ` (version ${agent.version})` : "";
        return failed(`its agent${version} ${describeLack(lacking)}`);
      }
      if (!extend || !agent.features.includes("extend")) return greeted(agent);
      channel.call("extend", extend, { take: () => greeted(agent) })
        .catch(failure(
          "cannot set up its proxies' passwords or its routes' exceptions (extend)",
        ));
    },
  }).catch(failure("cannot be configured"));
}
