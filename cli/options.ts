/**
 * The options that every command takes.
 *
 * @module
 */

/** How the program reports what happens. */
export type LogFormat = "human" | "json";

/** The options that every command takes, before or behind the command's name. */
export interface GlobalOptions {
  /** Also tell what only developers want to know, with the time. */
  readonly debug?: boolean | undefined;
  /** For people or for machines. */
  readonly logFormat: LogFormat;
  /** The plug-ins that may be loaded, for the commands that load a manifest. */
  readonly allowPlugin?: readonly string[] | undefined;
}
