/**
 * The request `update`: a configuration in place of the one an agent goes by. An addition
 * of ours, asked only of agents with the feature.
 *
 * The agent touches what differs and nothing else: listeners, names, proxies and routes that
 * are in both stay as they are, and so do all connections. An error changes nothing.
 *
 * @module
 */

import * as v from "valibot";
import { check, type Schema } from "./check.ts";
import { type ConfigureArgs, parseConfigureArgs } from "./configure.ts";
import { type ExtendArgs, parseExtendArgs } from "./extend.ts";
import { object } from "./fields.ts";

/** The feature of an agent that can be brought from any configuration to any other. */
export const UPDATE_FEATURE = "update";

/** `args` of the request `update`. */
export interface UpdateArgs {
  /** The version of the manager's rules, which only goes up. */
  version: number;
  /**
   * What `configure` would say. The VIP cannot differ from what it was, nor can `resume`,
   * which may be absent.
   */
  configure: ConfigureArgs;
  /** What `extend` would say; nothing of it counts if absent. */
  extend?: ExtendArgs;
}

/** `data` of the result of `update`. */
export interface UpdateData {
  /** The version that is in force now. */
  version: number;
}

const VERSION = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const UPDATE_ARGS: Schema<{ version: number; configure: unknown; extend?: unknown }> =
  object({ version: VERSION, configure: v.unknown(), extend: v.optional(v.unknown()) });

const UPDATE_DATA: Schema<UpdateData> = object({ version: VERSION });

/** Reads `args` of the request `update`. @throws {ControlError} */
export function parseUpdateArgs(args: unknown): UpdateArgs {
  const { version, configure, extend } = check(
    "the arguments of update",
    UPDATE_ARGS,
    args,
  );
  return {
    version,
    configure: parseConfigureArgs(configure),
    ...(extend != null && { extend: parseExtendArgs(extend) }),
  };
}

/** Reads `data` of the result of `update`. @throws {ControlError} */
export function parseUpdateData(data: unknown): UpdateData {
  return check("the result of update", UPDATE_DATA, data);
}
