/**
 * Resume: an agent that outlives its link, and is taken back over the next.
 *
 * | message                        | direction         | meaning                                |
 * | ------------------------------ | ----------------- | -------------------------------------- |
 * | `resume` in `configure`        | manager to agent  | stay so long when the link is gone     |
 * | `resume` in its result         | agent to manager  | it will, or why it cannot              |
 * | request `resume`               | manager to keeper | first frame of a lent link: take it    |
 * | event `askedToEnd`             | agent to manager  | a newer agent of the host wants it out |
 * | event `stay`                   | manager to agent  | the answer: the manager lives          |
 * | event `bye`                    | manager to agent  | the end of this input is the end       |
 * | events `hostAway`, `hostBack`  | manager to agent  | another host is gone for a while; back |
 *
 * The secret proves that whoever lends a link is the manager that configured the agent. It
 * is sent over links only.
 *
 * @module
 */

import * as v from "valibot";
import { check, type Schema } from "./check.ts";
import { address, list, range, shortText } from "./fields.ts";

/** The feature of an agent that can outlive its link. */
export const RESUME_FEATURE = "resume";
/** The feature of an agent that understands `hostAway` and `hostBack`. */
export const AWAY_FEATURE = "hostAway";
/** The most seconds that an agent may be asked to stay: a day. */
export const MOST_RESUME_SECONDS = 86_400;

/** The wish, in `configure`, that the agent stays when its link is gone. */
export interface ResumeWish {
  /** Names the agent on its host, in arguments of commands too: 16 hexadecimal digits. */
  id: string;
  /** Proves the right to lend a link: 32 hexadecimal digits of chance. */
  secret: string;
  /** Seconds without a link, after which the agent ends; 1 to 86 400. */
  seconds: number;
  /** The mesh, the same for each start of it: up to 64 of `0-9 a-z A-Z . _ -`. */
  mesh: string;
  /** The host's name in the mesh. */
  host: string;
}

/** The answer to a {@linkcode ResumeWish}, in the result of `configure`. */
export interface ResumeAnswer {
  /** Seconds that it will stay; absent if it cannot. */
  seconds?: number;
  /** Why it cannot, for people; absent if it can. */
  off?: string;
}

/** `args` of the request `resume`. */
export interface ResumeArgs {
  /** As in the wish. */
  id: string;
  /** As in the wish. */
  secret: string;
  /** Counts the links of the agent: larger than that of any link before. */
  epoch: number;
}

/** `data` of the result of `resume`. */
export interface ResumeData {
  /** As of `configure`. */
  features: string[];
  /** As of `configure`. */
  version: string;
  /** Milliseconds for which it had no link, or none from which anything came. */
  away: number;
}

/** `data` of the events `askedToEnd` and `stay`. */
export interface EndWish {
  /** Counts such wishes of an agent; the answer repeats it. */
  wish: number;
}

/** `data` of the events `hostAway` and `hostBack`. */
export interface HostAway {
  /** VIP of the host. */
  ip: string;
  /** Ranges routed to that host, as `a.b.c.d/n`. */
  ranges: string[];
}

const hex = (digits: number, what: string) =>
  v.pipe(
    v.string(`Expected ${what}`),
    v.regex(new RegExp(`^[0-9a-f]{${digits}}$`), `Expected ${what}`),
  );
const id = hex(16, "16 hexadecimal digits");
/** No fault shows the secret. */
const secret = hex(32, "32 hexadecimal digits");

/** The schema of {@linkcode ResumeWish}, a part of `configure`. */
export const RESUME_WISH: Schema<ResumeWish> = v.object({
  id,
  secret,
  seconds: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(MOST_RESUME_SECONDS),
  ),
  mesh: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, "Expected the name of a mesh")),
  host: shortText(256),
});

/** The schema of {@linkcode ResumeAnswer}, a part of the result of `configure`. */
export const RESUME_ANSWER: Schema<ResumeAnswer> = v.pipe(
  v.object({
    seconds: v.nullish(v.pipe(v.number(), v.minValue(0))),
    off: v.nullish(shortText(1000)),
  }),
  v.transform(({ seconds, off }) => ({
    ...(seconds != null && { seconds }),
    ...(off != null && { off }),
  })),
);

const RESUME_ARGS: Schema<ResumeArgs> = v.object({
  id,
  secret,
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
});

const RESUME_DATA: Schema<ResumeData> = v.object({
  features: v.pipe(v.array(shortText(64)), v.maxLength(256)),
  version: v.nullish(shortText(256), ""),
  away: v.nullish(v.pipe(v.number(), v.minValue(0)), 0),
});

const END_WISH: Schema<EndWish> = v.object({
  wish: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
});

const HOST_AWAY: Schema<HostAway> = v.object({ ip: address, ranges: list(range) });

/** Reads `args` of the request `resume`; no fault shows the secret. @throws {ControlError} */
export function parseResumeArgs(args: unknown): ResumeArgs {
  return check("the arguments of resume", RESUME_ARGS, args);
}

/** Reads `data` of the result of `resume`. @throws {ControlError} */
export function parseResumeData(data: unknown): ResumeData {
  return check("the result of resume", RESUME_DATA, data);
}

/** Reads `data` of the events `hostAway` and `hostBack`. @throws {ControlError} */
export function parseHostAway(data: unknown): HostAway {
  return check("the event hostAway", HOST_AWAY, data);
}

/** Reads `data` of the events `askedToEnd` and `stay`. @throws {ControlError} */
export function parseEndWish(data: unknown): EndWish {
  return check("a wish for the end", END_WISH, data);
}
