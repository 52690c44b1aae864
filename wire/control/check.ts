/**
 * Checks a value against a schema, and says where and how the value does not fit.
 *
 * @module
 */

import * as v from "valibot";

/** A schema whose output is a `T`. */
export type Schema<T> = v.GenericSchema<unknown, T>;

/** Faults of a value that are told. */
const MOST_FAULTS = 5;
/** Characters of a fault that are told; the value at fault may be as long as its message. */
const MOST_FAULT = 500;

/** A control message that cannot be understood; the message says where and why. */
export class ControlError extends Error {
  /** Tells this error from others. */
  override name = "ControlError";
}

/**
 * The value as the schema reads it; `what` names the value in the message.
 *
 * @throws {ControlError} with the places that do not fit, and the wanted types.
 */
export function check<T>(what: string, schema: Schema<T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  const faults = result.issues.slice(0, MOST_FAULTS).map((issue) => {
    const path = (issue.path ?? []).map(({ key }) =>
      typeof key === "number" ? `[${key}]` : `.${key}`
    )
      .join("").replace(/^\./, "");
    const fault = `${path === "" ? "" : `${path}: `}${issue.message}`;
    return fault.length > MOST_FAULT ? `${fault.slice(0, MOST_FAULT)}…` : fault;
  });
  const more = result.issues.length - faults.length;
  throw new ControlError(
    `Cannot read ${what}: ${faults.join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
  );
}
