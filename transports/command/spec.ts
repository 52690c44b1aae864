/**
 * Reads the manifest's value for a transport: a short form, or a map of options. All
 * mistakes are found at once, each with its place.
 *
 * @module
 */
import { didYouMean } from "../../manifest/fields.ts";
import { SpecError } from "../mod.ts";
import { show } from "./words.ts";

/**
 * Makes an option of its value, or throws a {@linkcode SpecError} that names the wanted
 * value.
 */
export type Reader<T> = (value: unknown) => T;

/** Options by name, each with its reader. */
export type Readers = Readonly<Record<string, Reader<unknown>>>;

/** The values of options read by `R`, of which those named `K` are always there. */
export type OptionsOf<R extends Readers, K extends keyof R = never> =
  & { readonly [Name in K]: ReturnType<R[Name]> }
  & { readonly [Name in Exclude<keyof R, K>]?: ReturnType<R[Name]> | undefined };

/** The options of a transport. */
export interface SpecShape<R extends Readers, K extends keyof R & string> {
  /** The transport's name, for messages. */
  readonly transport: string;
  /** The reader of each option. */
  readonly options: R;
  /** The option that a value without a map stands for. */
  readonly short: keyof R & string;
  /** An example of the short form, for messages. */
  readonly example: string;
  /** Options that must be given. */
  readonly required?: readonly K[];
  /** For names that people expect to be options, the right way to write them. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Mistakes in how options go together; asked when each is right by itself. */
  rules?(options: OptionsOf<R, K>): Iterable<SpecError>;
}

/**
 * Reads a value by its shape. An option without a value counts as absent, as everywhere
 * in the manifest.
 *
 * @throws {SpecError} for a single mistake, an `AggregateError` of them for several.
 */
export function readSpec<R extends Readers, K extends keyof R & string = never>(
  spec: unknown,
  shape: SpecShape<R, K>,
): OptionsOf<R, K> {
  const { transport, options, short, example, required = [], instead = {} } = shape;
  const given = isMap(spec) ? spec : { [short]: spec };
  const under = (path: SpecError["path"]) => isMap(spec) ? path : path.slice(1);
  if (Array.isArray(spec) || typeof spec === "boolean") {
    throw new SpecError([], `wanted ${example}, or a map of options, got ${show(spec)}`);
  }
  const mistakes: SpecError[] = [];
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(options, name)) {
      const hint = Object.hasOwn(instead, name)
        ? `; ${instead[name]}`
        : didYouMean(name, Object.keys(options));
      const message = `unknown option ${show(name)}${hint}`;
      mistakes.push(new SpecError([name], message, { isKey: true }));
    } else if (value !== null && value !== undefined) {
      mistakes.push(...catching(name, () => result[name] = options[name]!(value)));
    }
  }
  for (const name of required) {
    if (given[name] !== null && given[name] !== undefined) continue;
    mistakes.push(new SpecError([], `${show(name)} is missing, like ${example}`));
  }
  if (mistakes.length === 0) mistakes.push(...shape.rules?.(result as never) ?? []);
  if (mistakes.length === 0) return result as OptionsOf<R, K>;
  const placed = mistakes.map(({ path, message, isKey }) =>
    new SpecError(under(path), message, { isKey })
  );
  throw placed.length === 1 ? placed[0]! : new AggregateError(
    placed,
    `${transport}: ${placed.map(({ message }) => message).join("; ")}`,
  );
}

function catching(name: string, read: () => void): SpecError[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const { path, message, isKey } = error;
    return [new SpecError([name, ...path], message, { isKey })];
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads text that is not empty; `wanted` is its meaning, such as `a folder`. */
export function text(wanted: string): Reader<string> {
  return (value) => {
    const found = anyText(wanted)(value);
    if (found.trim() === "") throw refuse(wanted, value);
    return found;
  };
}

/** Reads text that may be empty. */
function anyText(wanted: string): Reader<string> {
  return (value) => {
    if (typeof value !== "string") {
      const isScalar = typeof value === "number" || typeof value === "boolean";
      throw refuse(wanted, value, isScalar ? "; put it in quotes" : "");
    }
    if (value.includes("\0")) throw refuse(wanted, value, ", which has a NUL in it");
    return value;
  };
}

/** Reads text where a number may stand, as for users. */
export function textOrNumber(wanted: string): Reader<string> {
  return (value) => {
    if (Number.isSafeInteger(value)) return String(value);
    return text(wanted)(value);
  };
}

/**
 * Reads a name that will be a word of its own on a command line, where a name with a dash
 * would be an option.
 */
export function name(wanted: string): Reader<string> {
  return (value) => {
    const name = text(wanted)(value);
    if (name.startsWith("-")) throw refuse(wanted, value, `, which begins with "-"`);
    if (/\s/.test(name)) throw refuse(wanted, value, ", which has a space in it");
    return name;
  };
}

/** Reads a whole number within limits. */
export function integer(wanted: string, min: number, max: number): Reader<number> {
  return (value) => {
    const number = typeof value === "string" && /^\d+$/.test(value)
      ? Number(value)
      : value;
    if (Number.isInteger(number) && number as number >= min && number as number <= max) {
      return number as number;
    }
    throw refuse(`${wanted} from ${min} to ${max}`, value);
  };
}

/** Reads an item, or a list of items. */
export function listOf<T>(read: Reader<T>): Reader<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return [read(value)];
    return value.map((item: unknown, index) => {
      try {
        return read(item);
      } catch (error) {
        if (!(error instanceof SpecError)) throw error;
        throw new SpecError([index, ...error.path], error.message);
      }
    });
  };
}

/** Reads a map by its entries; `wanted` is its meaning. */
export function mapOf<T>(
  wanted: string,
  read: (key: string, value: unknown) => T,
): Reader<readonly T[]> {
  return (value) => {
    if (!isMap(value)) throw refuse(wanted, value);
    return Object.entries(value).map(([key, item]) => {
      try {
        return read(key, item);
      } catch (error) {
        if (!(error instanceof SpecError)) throw error;
        throw new SpecError([key, ...error.path], error.message, error);
      }
    });
  };
}

/**
 * Reads environment variables, as `NAME=value`. Where the client can take variables from
 * its own environment, a variable without a value is `NAME`.
 */
export function variables(options: { readonly inherit: boolean }): Reader<
  readonly string[]
> {
  return mapOf(`variables, like {LANG: "C.UTF-8"}`, (key, value) => {
    if (key === "" || /[=\s\0]/.test(key)) {
      throw new SpecError([], `${show(key)} is no name for a variable`, { isKey: true });
    }
    if (value === null || value === undefined) {
      if (options.inherit) return key;
      throw new SpecError([], `the variable ${show(key)} has no value`, { isKey: true });
    }
    const isNumber = Number.isSafeInteger(value);
    return `${key}=${isNumber ? value : anyText("the variable's value")(value)}`;
  });
}

/** `wanted X, got Y`, and the fault of Y. */
export function refuse(wanted: string, value: unknown, why = ""): SpecError {
  return new SpecError([], `wanted ${wanted}, got ${show(value)}${why}`);
}
