/**
 * Farewell: an agent that has no link and is not wanted any more is told so, over a link for
 * only that. Else it would stay, with its ports, until its time is over.
 *
 * @module
 */

import type { Carry } from "../../link/adopted.ts";
import { FrameType } from "../../wire/frame.ts";
import { agentChannel } from "../agent_channel.ts";
import type { AgentKey } from "./agent_key.ts";
import { Attempt, type AttemptHooks, type AttemptPlan } from "../attempt.ts";

/** Milliseconds until the agent must have answered, so that all is over within 2 s. */
const LIMIT = 1300;

/** Packets of such an agent go nowhere. */
const onlyControl: Carry = async (batches, onControl) => {
  for await (const batch of batches) {
    for (const frame of batch) if (frame.type === FrameType.JSON) onControl(frame);
  }
};

/**
 * Says `bye` to the agent of a host. Settles when nothing is left of the link, be the agent
 * reached or not; never rejects.
 */
export async function bidFarewell(plan: AttemptPlan, key: AgentKey): Promise<void> {
  const { host, command, connectTimeout, greeting, clock, open } = plan;
  const end = () => attempt.close();
  const hooks: AttemptHooks = {
    ready: end,
    refused: end,
    suggestion() {},
    status() {},
    listenersUp() {},
    excess() {},
    output() {},
    progress() {},
  };
  const attempt: Attempt = new Attempt(
    agentChannel({ greeting, clock, carry: onlyControl }, hooks),
    {
      plan: { host, command, connectTimeout, greeting, clock, open, carry: onlyControl },
      hooks,
      key,
    },
  );
  const cancel = clock.after(LIMIT, () => attempt.end("its agent was not reached"));
  await attempt.ended;
  cancel();
}
