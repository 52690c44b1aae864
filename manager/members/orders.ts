/**
 * Orders: what the agent of a host goes by, and how the agent comes to go by what is wanted.
 *
 * ## Theory of operation
 *
 * An agent gets its first orders when it is greeted. When others are wanted, a ready agent
 * with the feature `update` is asked to go by them: one request at a time, and the next has
 * what is wanted by then, so that a thousand swaps do not queue a thousand requests. An agent
 * that is starting or away follows when it is ready next.
 *
 * *In doubt.* A link that ends with a request under way leaves open whether the agent took
 * the orders, as does an agent that an earlier manager left. Such an agent is asked again.
 *
 * *Anew.* The host needs another agent if this one cannot be asked and its own part differs
 * (`description.ts`), if it lacks a feature that its host needs now, and, which is told, if
 * it refuses its orders or does not answer in the time that it has for `configure`.
 *
 * @module
 */

import { Refusal } from "../../link/calls.ts";
import { UPDATE_FEATURE } from "../../wire/control/control.ts";
import { messageOf } from "../../wire/text.ts";
import { describeLack } from "../configure.ts";
import type { GreetingPlan } from "../greeting.ts";
import type { Session } from "../session.ts";
import { differencesOfOwn, isSameGreeting, type Told } from "./description.ts";

/** The parts of {@linkcode Orders}. */
export interface OrdersParts {
  /** The session of the host. */
  readonly session: Pick<Session, "readiness" | "update">;
  /** The orders that are wanted now, and the version of the rules they come from. */
  readonly wanted: () => { readonly greeting: GreetingPlan; readonly version: number };
  /** Whether an agent is there that an earlier manager told `wanted`, perhaps. */
  readonly isLeft: boolean;
  /** The agent goes by these orders; called also if nothing changed. */
  goesBy(greeting: GreetingPlan): void;
  /** The agent took an update: its listeners are others. */
  updated(): void;
  /** The agent will have orders that ask for features it lacks, and did not before. */
  lacks(features: readonly string[]): void;
  /** Starts the host anew, because of `why`: to stand after `"web" starts anew: `. */
  anew(why: string): void;
}

/** What becomes of an agent when orders are wanted. */
export type Prospect =
  /** It goes by them. */
  | { readonly kind: "same" }
  /** It is asked, at once or when it is ready next. */
  | { readonly kind: "update" }
  /** It goes on by the orders it has, which differ by what is not its own. */
  | { readonly kind: "outdated" }
  /** It cannot stay. */
  | { readonly kind: "anew"; readonly why: string };

/** The orders of one host. */
export class Orders {
  readonly #parts: OrdersParts;
  /** The last orders that the agent is known to have taken; absent before the first. */
  #known: GreetingPlan | undefined;
  #isInDoubt: boolean;
  #isAsking = false;

  constructor(parts: OrdersParts) {
    this.#parts = parts;
    this.#isInDoubt = parts.isLeft;
    if (parts.isLeft) this.#known = parts.wanted().greeting;
  }

  /** What becomes of the agent if `next` is wanted. */
  prospect(next: GreetingPlan): Prospect {
    const { readiness } = this.#parts.session;
    const known = this.#known ?? this.#parts.wanted().greeting;
    if (!readiness) return { kind: isSameGreeting(known, next) ? "same" : "update" };
    const { features, version } = readiness.agent;
    const can = features.includes(UPDATE_FEATURE);
    const [before, after] = [known, next].map((greeting) => toldOf(greeting, features));
    if (!(can && this.#isInDoubt) && isSameGreeting(before!, after!)) {
      return { kind: "same" };
    }
    const agent = `its agent (version ${version || "unknown"})`;
    const lacking = next.needed.required.filter((feature) => !features.includes(feature));
    if (lacking.length > 0) {
      return { kind: "anew", why: `${agent} ${describeLack(lacking)}` };
    }
    if (can) return { kind: "update" };
    const fields = differencesOfOwn(before!, after!);
    if (fields.length === 0) return { kind: "outdated" };
    const why = `${fields.join(", ")} changed, and ${agent} cannot be told while it runs`;
    return { kind: "anew", why };
  }

  /** The agent is ready: a new one that was told `greeting`, or the one of before. */
  ready(greeting: GreetingPlan | undefined): void {
    if (greeting) {
      this.#known = greeting;
      this.#isInDoubt = false;
      this.#parts.goesBy(greeting);
    }
    this.follow();
  }

  /** Other orders may be wanted. */
  follow(): void {
    const { session, wanted, lacks, anew } = this.#parts;
    if (!session.readiness || this.#isAsking) return;
    const { greeting: next } = wanted();
    const prospect = this.prospect(next);
    if (prospect.kind === "anew") return anew(prospect.why);
    if (prospect.kind !== "update") return;
    const { features } = session.readiness.agent;
    const known = this.#known?.needed.wanted ?? [];
    const lacking = next.needed.wanted.filter((feature) =>
      !features.includes(feature) && !known.includes(feature)
    );
    if (lacking.length > 0) lacks(lacking);
    this.#ask();
  }

  async #ask(): Promise<void> {
    const { session, wanted, goesBy, updated, anew } = this.#parts;
    const { greeting, version } = wanted();
    this.#isAsking = true;
    this.#isInDoubt = true;
    let isTaken: boolean;
    try {
      const { configure, extend } = greeting;
      isTaken = await session.update({ version, configure, ...(extend && { extend }) });
    } catch (error) {
      this.#isAsking = false;
      const why = error instanceof Refusal
        ? `its agent refused the update: ${error.words}`
        : `its agent did not take the update: ${messageOf(error)}`;
      return anew(why);
    }
    this.#isAsking = false;
    if (!isTaken) return; // the agent of the next link follows when it is ready
    this.#known = greeting;
    this.#isInDoubt = false;
    goesBy(greeting);
    updated();
    // Others may be wanted by now.
    this.follow();
  }
}

/** The part of a greeting that an agent with these features is told. */
function toldOf(greeting: GreetingPlan, features: readonly string[]): Told {
  const { configure } = greeting;
  return features.includes("extend") ? greeting : { configure };
}
