/**
 * The greeting: an agent is told what its host is, and says what it can do.
 *
 * `configure` is the request that every agent understands. An agent that announces `extend`
 * is told the rest by it, and is ready only after that: without what `extend` asks for,
 * routes and proxies would do what they must not. An agent that does not announce it never
 * sees a password.
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

/** What an agent is told, and must be able to do. */
export interface GreetingPlan {
  /** What the agent is told. */
  readonly configure: ConfigureArgs;
  /** What else an agent that announces `extend` is told before it counts as ready. */
  readonly extend?: ExtendArgs;
  /** What the agent must and should be able to do. */
  readonly needed: NeededFeatures;
}

/** How a greeting goes; one of these is called, or the link ends before. */
export interface GreetingHooks {
  /** The agent took all of it. Called before the frame behind its answer is looked at. */
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
    // Any other error is the link's end, or nonsense that ends it, which tells why itself.
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
