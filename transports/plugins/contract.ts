/**
 * Holds a plug-in to the contract: a fault is told with its URL and the member of the
 * contract, where the code of others would only fail somewhere.
 *
 * @module
 */
import { kit } from "./kit.ts";
import { type Link, SpecError, type Transport } from "../mod.ts";
import { withoutColors } from "../../wire/text.ts";

/** The members of a transport. */
const MEMBERS: readonly (readonly [name: string, type: string, isOptional?: true])[] = [
  ["name", "string"],
  ["parse", "function"],
  ["open", "function"],
  ["describe", "function"],
  ["exec", "function", true],
  ["otherCommand", "function", true],
  ["describeSent", "function", true],
  ["killsCommands", "boolean", true],
];

/**
 * Makes a transport of a plug-in's exports. Its name is `href`, which only one plug-in
 * can have, and all its calls are checked.
 *
 * @throws {Error} naming all members that are wrong.
 */
export function transportOf(exports: object, href: string): Transport {
  const made = defaultOf(exports, href);
  const faults = MEMBERS.flatMap(([name, type, isOptional]) => {
    const value = (made as Record<string, unknown>)[name];
    if (typeof value === type || isOptional && value === undefined) return [];
    return [`"${name}" is ${kindOf(value)}; wanted a ${type}`];
  });
  if (faults.length > 0) {
    throw new Error(`the plug-in ${href} is no Transport: ${faults.join(", ")}`);
  }
  return checked(made as Transport, href);
}

function defaultOf(exports: object, href: string): object {
  if (!("default" in exports)) {
    const names = Object.keys(exports);
    const instead = names.length === 0 ? "" : ` (it exports ${names.join(", ")})`;
    throw new Error(
      `the plug-in ${href} has no default export${instead}; wanted a Transport`,
    );
  }
  let made: unknown = exports.default;
  if (typeof made === "function") {
    try {
      made = made(kit);
    } catch (error) {
      throw new Error(
        `the plug-in ${href}: the function that it exports as default threw ` +
          firstLine(error),
        { cause: error },
      );
    }
  }
  if (typeof made === "object" && made !== null && !isPromise(made)) return made;
  const which = made === exports.default
    ? "its default export is"
    : "the function that it exports as default gave";
  const what = made === undefined ? "nothing" : kindOf(made);
  throw new Error(`the plug-in ${href}: ${which} ${what}; wanted a Transport`);
}

/** The transport, with its arguments and results watched. */
function checked(plugin: Transport, href: string): Transport {
  const open = async (
    member: "open" | "exec",
    call: () => Promise<Link>,
  ): Promise<Link> => {
    const link: unknown = await call();
    const faults = faultsOf(link);
    if (faults.length === 0) return link as Link;
    const { abort } = (link ?? {}) as Partial<Link>;
    if (typeof abort === "function") abort.call(link, "it is no link");
    throw new Error(
      `the plug-in ${href}: what "${member}" gave is no Link: ${faults.join(", ")}`,
    );
  };
  return {
    name: href,
    parse(spec, place) {
      const options = watch("parse", () => plugin.parse(spec, place));
      // Asked here, where a mistake has a place in the manifest.
      const text = watch("describe", () => plugin.describe(options));
      if (typeof text === "string") return options;
      throw new SpecError(
        [],
        `the plug-in ${href}: "describe" gave ${
          text === undefined ? "nothing" : kindOf(text)
        }; wanted a string`,
      );
    },
    describe: (options) => plugin.describe(options),
    ...(plugin.describeSent && {
      describeSent: (options) => plugin.describeSent!(options),
    }),
    open: (options, context) => open("open", () => plugin.open(options, context)),
    ...(plugin.exec && {
      exec: (options, words, context) =>
        open("exec", () => plugin.exec!(options, words, context)),
    }),
    ...(plugin.otherCommand && { otherCommand: (exit) => plugin.otherCommand!(exit) }),
    ...(plugin.killsCommands && { killsCommands: true }),
  };

  /**
   * Calls a member that is synchronous and throws nothing but mistakes of the manifest.
   */
  function watch(member: string, call: () => unknown): unknown {
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      if (member === "parse" && isSpecError(error)) throw error;
      const wanted = member === "parse"
        ? "; wanted a SpecError where the value is wrong"
        : "";
      const message = `the plug-in ${href}: "${member}" threw ${
        firstLine(error)
      }${wanted}`;
      throw new SpecError([], message);
    }
    if (!isPromise(result)) return result;
    result.then(undefined, () => {}); // its failure is not to be told
    throw new SpecError(
      [],
      `the plug-in ${href}: "${member}" gave a promise; it has to be synchronous`,
    );
  }
}

/** By their shape: a plug-in may have a class of its own for them. */
function isSpecError(error: unknown): boolean {
  if (error instanceof AggregateError) {
    return error.errors.length > 0 && error.errors.every(isSpecError);
  }
  return error instanceof Error && Array.isArray((error as Partial<SpecError>).path);
}

/** The faults that keep a value from being a link. */
function faultsOf(link: unknown): string[] {
  if (typeof link !== "object" || link === null) return [`it is ${kindOf(link)}`];
  const { readable, writable, closed, abort } = link as Record<keyof Link, unknown>;
  const members: [string, unknown, boolean, string][] = [
    ["readable", readable, readable instanceof ReadableStream, "a ReadableStream"],
    ["writable", writable, writable instanceof WritableStream, "a WritableStream"],
    ["closed", closed, isPromise(closed), "a promise"],
    ["abort", abort, typeof abort === "function", "a function"],
  ];
  return members.flatMap(([name, value, isRight, wanted]) =>
    isRight ? [] : [`"${name}" is ${kindOf(value)}; wanted ${wanted}`]
  );
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then ===
    "function";
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (isPromise(value)) return "a promise";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The first line of an error: `TypeError: x is not a function`. */
export function firstLine(error: unknown): string {
  const text = withoutColors(String(error)); // Deno colours some
  return text.split("\n")[0]!.slice(0, 500);
}
