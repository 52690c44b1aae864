/**
 * The keeper: by which an agent outlives its links.
 *
 * The agent that the first exec started simply stays when its link ends. A later exec only
 * lends its descriptors, by a {@linkcode Door} or a socket in a folder of this user
 * ({@linkcode Place}), and waits; no byte passes through it. A lent link counts once it has
 * proved itself (`proof.ts`), and then at once, whatever the present one does: a link whose
 * client is gone may look well for minutes. Anything else changes nothing.
 *
 * *States*: see `life.ts`.
 *
 * *Limits.* A few links at a time are waited for. Without a link the agent ends when its
 * time is over, or its folder is gone or has no entrance, for then nobody can come back.
 *
 * *Names.* A keeper without a link would hold ports against a manager that was started
 * again. So a new one asks those of the same mesh and host to end, before it is used. One
 * with a link asks its manager first, which may live and be another than the new one's.
 *
 * @module
 */

import type { ControlRequest, ResumeWish } from "../../wire/control/control.ts";
import { messageOf } from "../../wire/text.ts";
import { descriptorPort } from "../link/descriptor_port.ts";
import type { AgentPort } from "../link/port.ts";
import { Door } from "./door.ts";
import { type Libc, openLibc } from "./libc.ts";
import { Life } from "./life.ts";
import { endOlder } from "./older.ts";
import { nameOf, Place } from "./place.ts";
import { isPipeOrSocket, startOf } from "./processes.ts";
import type { Relay } from "./relay.ts";
import { listenForRelays } from "./socket.ts";
import { Standard } from "./standard.ts";

/** Lent links that may be proving themselves at a time. */
const MOST_PROVING = 4;
/** Milliseconds between two looks at a link, and without one. */
const LOOK_MS = { attached: 3000, away: 500 };

/** A link that has proved itself. */
export interface LentLink {
  readonly port: AgentPort;
  /** Bytes of the link that were read. */
  readonly taken: number;
  /** The request to answer. */
  readonly request: ControlRequest;
  /** Milliseconds since something came over a link before. */
  readonly away: number;
}

/** What a keeper is told, and tells. */
export interface KeepHooks {
  /** A lent link has proved itself: the present one is to be left. */
  onLent(): void;
  /** The relay of the present link is gone: the link is to be left. */
  onGone(): void;
  /** Nothing comes over the present link; whoever sees a byte calls `heard`. */
  onSilent(): void;
  /** The manager is to be asked whether it lives, under this number; see `wanted`. */
  onAsked(wish: number): void;
  /** Reads of the present link that brought something. */
  reads(): number;
}

/** Makes a keeper; rejects with an Error that says why there can be none, for people. */
export type Keep = (wish: ResumeWish, hooks: KeepHooks) => Promise<Keeper>;

/** Options of {@linkcode openKeeper}. */
export interface KeeperOptions {
  readonly wish: ResumeWish;
  readonly hooks: KeepHooks;
  /** The numbers of the first link. */
  readonly numbers: readonly number[];
}

/** A link that waits for the agent to take it. */
interface Waiting extends LentLink {
  readonly relay: Relay;
}

/** Makes the keeper of this process, when others of the same name have ended. */
export async function openKeeper(options: KeeperOptions): Promise<Keeper> {
  const libc = openLibc();
  if (startOf("self") === undefined) throw new Error("there is no /proc");
  const { wish } = options;
  const of = nameOf(wish.mesh, wish.host);
  await endOlder(of, libc);
  const keeper = new Keeper(options, { libc, place: new Place(of) });
  try {
    await keeper.open(of);
    return keeper;
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

/** See above. One for a process. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #libc: Libc;
  readonly #place: Place;
  readonly #life: Life;
  readonly #standard: Standard;
  #door: Door | undefined;
  #closeSocket: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The relay of the present link; the first link has none. */
  #relay: Relay | undefined;
  #proving = 0;
  #waiting: Waiting | undefined;
  /** Gives `next` its value. */
  #give: ((link: LentLink | undefined) => void) | undefined;

  /** See {@linkcode openKeeper}. */
  constructor(
    options: KeeperOptions,
    { libc, place }: { readonly libc: Libc; readonly place: Place },
  ) {
    this.#options = options;
    this.#libc = libc;
    this.#place = place;
    const { seconds } = options.wish;
    this.#life = new Life({ seconds, now: performance.now() });
    this.#standard = new Standard(libc, options.numbers);
  }

  /** Opens door and socket, and lets relays find them. */
  async open(of: string): Promise<void> {
    const callers = {
      onRelay: (relay: Relay) => void this.#onRelay(relay),
      onEnd: (whose: string) => this.#onEnd(whose === of),
    };
    const libc = this.#libc;
    const place = this.#place;
    this.#door = new Door({ libc, folder: () => place.folder, callers });
    const path = `${place.folder}/sock`;
    this.#closeSocket = await listenForRelays({ libc, path, callers });
    place.publish(this.#options.wish.id);
    // Those who end a command end its session, too.
    libc.ownSession();
    this.#lookLater();
  }

  /** Whether a newer link than the present one waits. */
  get hasNewer(): boolean {
    return this.#waiting !== undefined;
  }

  /** A byte came over a link that was silent. */
  heard(): void {
    this.#life.heard(performance.now());
  }

  /** The manager wants the agent, after it was asked under this number. */
  wanted(wish: number): void {
    this.#life.wanted(wish);
  }

  /** The present link has ended. Settles with the next, or undefined when all is over. */
  next(): Promise<LentLink | undefined> {
    const isReplaced = this.#waiting !== undefined;
    if (!isReplaced) this.#life.lost(performance.now(), this.#options.hooks.reads());
    this.#relay?.release();
    this.#relay = undefined;
    return new Promise((resolve) => {
      this.#give = resolve;
      this.#standard.leave();
      if (isReplaced) this.#hand();
      else this.#lookAway();
    });
  }

  /** Ends all of it; whoever waits for a link gets none. */
  // deno-lint-ignore require-await -- callers wait for an end that may take time one day
  async close(): Promise<void> {
    this.#life.end();
    clearTimeout(this.#timer);
    this.#place.remove();
    this.#door?.close();
    this.#closeSocket?.();
    this.#relay?.release();
    this.#drop("the agent has ended");
    this.#giveNothing();
  }

  #giveNothing(): void {
    this.#give?.(undefined);
    this.#give = undefined;
  }

  // ---- the present link ----

  #lookLater(): void {
    clearTimeout(this.#timer);
    const { phase } = this.#life;
    if (phase === "over") return;
    const ms = phase === "away"
      ? Math.min(LOOK_MS.away, this.#life.leftMs(performance.now()) + 1)
      : LOOK_MS.attached;
    this.#timer = setTimeout(() => {
      if (this.#life.phase === "away") this.#lookAway();
      else this.#lookAttached();
    }, ms);
  }

  #lookAttached(): void {
    const { hooks } = this.#options;
    if (this.#life.look(performance.now(), hooks.reads())) hooks.onSilent();
    if (this.#life.phase === "over" || this.#relay?.isGone()) hooks.onGone();
    this.#place.mend();
    this.#lookLater();
  }

  #lookAway(): void {
    if (this.#life.expire(performance.now()) || !this.#place.mend()) this.#life.end();
    if (this.#life.phase === "over") this.#giveNothing();
    else this.#lookLater();
  }

  // ---- those who come ----

  /** The answer is why the agent does not end. */
  #onEnd(isOurs: boolean): string | undefined {
    if (!isOurs) return "another mesh or host";
    const wish = this.#life.askedToEnd();
    if (wish !== undefined) {
      this.#options.hooks.onAsked(wish);
      return "the agent has a link";
    }
    if (this.#give) this.#giveNothing();
    else this.#options.hooks.onGone(); // a silent link, which ends first
  }

  async #onRelay(relay: Relay): Promise<void> {
    const { input, output, error } = relay.lent;
    const why = this.#proving >= MOST_PROVING
      ? "other links are proving themselves"
      : this.#life.phase === "over"
      ? "the agent ends"
      : isPipeOrSocket(input) && isPipeOrSocket(output)
      ? undefined
      : "input or output is neither a pipe nor a socket";
    if (why !== undefined) {
      for (const fd of [input, output, error]) if (fd !== undefined) this.#libc.close(fd);
      return relay.release(why);
    }
    this.#libc.enlarge(input);
    this.#libc.enlarge(output);
    const port = descriptorPort(input, output);
    this.#proving++;
    try {
      relay.accept();
      // Most agents never need it, and what it needs takes memory.
      const { proofOf } = await import("./proof.ts");
      const { request, epoch, taken } = await proofOf(port, this.#options.wish);
      const now = performance.now();
      const away = Math.round(this.#life.awayMs(now));
      if (!this.#life.attach(now, epoch)) throw new Error("a newer link came before");
      this.#drop("a newer link came");
      this.#waiting = { port, taken, request, away, relay };
    } catch (fault) {
      port.close();
      if (error !== undefined) this.#libc.close(error);
      return relay.release(messageOf(fault));
    } finally {
      this.#proving--;
    }
    if (this.#give) this.#hand();
    else this.#options.hooks.onLent();
  }

  /** Gives the agent the link that waits. */
  #hand(): void {
    const { relay, ...link } = this.#waiting!;
    this.#waiting = undefined;
    this.#relay = relay;
    this.#standard.attach(relay.lent.error);
    relay.whenGone?.(() => {
      if (this.#relay === relay) this.#options.hooks.onGone();
    });
    this.#lookLater();
    this.#give!(link);
    this.#give = undefined;
  }

  /** Lets a link that waits go. */
  #drop(why: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) return;
    waiting.port.close();
    const { error } = waiting.relay.lent;
    if (error !== undefined) this.#libc.close(error);
    waiting.relay.release(why);
  }
}
