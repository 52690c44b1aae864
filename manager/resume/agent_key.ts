/**
 * The key of an agent that stays when its link is gone: who has the key may lend the agent
 * another link.
 *
 * @module
 */

import type { LinkExit } from "../../link/link.ts";
import type { ResumeArgs, ResumeWish } from "../../wire/control/control.ts";

/** Bytes of an id and of a secret. */
const [ID_BYTES, SECRET_BYTES] = [8, 16];

/** The parts of a key, as they can be kept. */
export interface KeyParts {
  /** Names the agent on its host: 16 hexadecimal digits. */
  readonly id: string;
  /** Proves the right to lend a link: 32 hexadecimal digits. In no message of ours. */
  readonly secret: string;
  /** Seconds that the agent stays without a link. */
  readonly seconds: number;
  /** The number of the last link that was lent, from 1; 0 if none was. */
  readonly epoch: number;
}

/** A key, which counts its uses. */
export class AgentKey implements KeyParts {
  readonly id: string;
  readonly secret: string;
  readonly seconds: number;
  #epoch: number;

  constructor({ id, secret, seconds, epoch }: KeyParts) {
    this.id = id;
    this.secret = secret;
    this.seconds = seconds;
    this.#epoch = epoch;
  }

  /** A key that nobody can guess, for an agent that was not configured yet. */
  static fresh(seconds: number): AgentKey {
    const id = randomHex(ID_BYTES);
    return new AgentKey({ id, secret: randomHex(SECRET_BYTES), seconds, epoch: 0 });
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The same agent, which stays for so many seconds, by its own word. */
  lasting(seconds: number): AgentKey {
    const { id, secret, epoch } = this;
    return new AgentKey({ id, secret, seconds, epoch });
  }

  /** The wish, for the agent's configuration. */
  wish(mesh: string, host: string): ResumeWish {
    const { id, secret, seconds } = this;
    return { id, secret, seconds, mesh, host };
  }

  /** Counts a further use. */
  count(): void {
    this.#epoch++;
  }

  /** The arguments of `resume` on the link that was counted last. */
  get args(): ResumeArgs {
    const { id, secret, epoch } = this;
    return { id, secret, epoch };
  }
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

/** The words of option parsers about `--attach`. */
const UNKNOWN_OPTION = /(unknown|unrecogni[sz]ed|invalid|illegal|unexpected) .*attach/i;
/** The status of wrong usage, of norouter as of most programs. */
const WRONG_USAGE = 2;

/**
 * Whether the program on a host ended because it does not know `--attach`: an older one, put
 * there in the place of that which started the agent.
 */
export function knowsNoAttach({ status, stderr }: LinkExit): boolean {
  return status === WRONG_USAGE || stderr.some((line) => UNKNOWN_OPTION.test(line));
}
