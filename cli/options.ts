/**
 * The options that every command takes.
 *
 * @module
 */

/** How the program reports events. */
export type LogFormat = "human" | "json";

/** The options that every command takes, before or behind the command's name. */
export interface GlobalOptions {
  /** Also tell details for developers, with the time. */
  readonly debug?: boolean | undefined;
  /** For people or for machines. */
  readonly logFormat: LogFormat;
  /** The file by which a mesh takes its agents back, for the commands that start one. */
  readonly state?: string | undefined;
  /** The plug-ins that may be loaded, for the commands that load a manifest. */
  readonly allowPlugin?: readonly string[] | undefined;
}
