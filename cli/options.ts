/**
 * The options that every command takes.
 *
 * @module
 */

/** How the program reports events. */
export type LogFormat = "human" | "json";

/** Whether something is done. */
export type Switch = "on" | "off";

/** The options that every command takes, before or behind the command's name. */
export interface GlobalOptions {
  /** Also tell details for developers, with the time. */
  readonly debug?: boolean | undefined;
  /** For people or for machines. */
  readonly logFormat: LogFormat;
  /** The file by which a mesh takes its agents back, for the commands that start one. */
  readonly state?: string | undefined;
  /** Whether the manifest's file is watched (`on`, which is the default, or `off`). */
  readonly watch?: Switch | true | undefined;
  /** Whether the mesh has a control socket (`on`, which is the default, or `off`). */
  readonly control?: Switch | undefined;
  /** The name by which commands find the mesh. */
  readonly name?: string | undefined;
  /** Rules by which ports of this machine are published, for the commands that start a mesh. */
  readonly ingress?: readonly string[] | undefined;
  /** Rules by which ports of this machine lead into the mesh, likewise. */
  readonly egress?: readonly string[] | undefined;
  /** The plug-ins that may be loaded, for the commands that load a manifest. */
  readonly allowPlugin?: readonly string[] | undefined;
}
