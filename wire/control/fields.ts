/**
 * Fields that several control messages have, and how objects and lists of them are read.
 *
 * @module
 */

import * as v from "valibot";
import { parseCidr, parseIpv4 } from "../ip/ipv4.ts";

/** An object without the fields that are `null` or `undefined`. */
type Present<T> = { [K in keyof T]: Exclude<T[K], null | undefined> };

/** An object with these fields; unknown fields and absent ones are left out. */
export function object<E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    v.object(entries),
    v.transform((value) =>
      Object.fromEntries(
        Object.entries(value).filter(([, field]) => field != null),
      ) as Present<typeof value>
    ),
  );
}

/** A list that Go writes as `null` when empty. */
export function list<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.array(item), []);
}

/** A list from an agent, which may be hostile: items of a long list are not looked at. */
export function shortList<S extends v.GenericSchema>(item: S, most: number) {
  const short = v.check<unknown[], string>(
    ({ length }) => length <= most,
    `Expected at most ${most} items`,
  );
  return v.nullish(v.pipe(v.array(v.unknown()), short, v.array(item)), []);
}

/** Text from an agent that is shown or kept. */
export function shortText(most: number) {
  return v.pipe(
    v.string(),
    v.check(({ length }) => length <= most, `Expected at most ${most} characters`),
  );
}

/** An IPv4 address, dotted. */
export const address = v.pipe(
  v.string(),
  v.check(
    (text) => parseIpv4(text) !== undefined,
    (issue) => `Expected an IPv4 address but received ${JSON.stringify(issue.input)}`,
  ),
);

/** A range of addresses. */
export const range = v.pipe(
  v.string(),
  v.check(
    (text) => parseCidr(text) !== undefined,
    (issue) => `Expected a range a.b.c.d/n but received ${JSON.stringify(issue.input)}`,
  ),
);

/** A port. */
export const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));

/** The protocol of a port. */
export const proto = v.literal("tcp");

/** Yes or no; absent and `null` are no. */
export const flag = v.nullish(v.boolean());
