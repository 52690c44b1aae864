/**
 * Candidates for hosts of a mesh, and the contract of the sources that know them.
 *
 * @module
 */
import { UNSAFE } from "../console/printable.ts";

/** The sources, named as the manifest's fields for their candidates. */
export const SOURCES = ["docker", "podman", "kubectl", "lxc", "ssh"] as const;

/** The name of a source. */
export type SourceName = typeof SOURCES[number];

/** Something that could become a host. */
export interface Candidate {
  /** The source of the candidate: also the field of a manifest's host. */
  readonly source: SourceName;
  /** Its name or id there; for a pod `CONTEXT/NAMESPACE/POD`. */
  readonly id: string;
  /**
   * Further names, and ids that may be cut short, by which a user may know the candidate.
   */
  readonly alsoKnownAs?: readonly string[];
  /** The name that a host name is made of. */
  readonly base: string;
  /** The value in the manifest behind the source's name. */
  readonly spec: string | Readonly<Record<string, string>>;
  /** In the source's own words, such as `running`; empty where nobody knows. */
  readonly state: string;
  /** Whether commands can be run there now, as far as is known. */
  readonly isRunning: boolean;
  /** A few distinguishing words, such as its image. */
  readonly about: string;
  /** Ports said to be served there, each once, in order. */
  readonly ports: readonly ServedPort[];
  /**
   * Whether the candidate shares the network, and so the loopback addresses, of this
   * machine.
   */
  readonly sharesNetwork?: boolean;
  /** Advice for a manifest with this candidate, a line each. */
  readonly advice?: readonly string[];
}

/** A port that something serves. */
export interface ServedPort {
  /** 1 to 65535. */
  readonly port: number;
  /** `tcp`, `udp` or `sctp`. */
  readonly protocol: string;
  /** The source's name for the port; may be empty. */
  readonly name: string;
}

/** A cluster with a user and a namespace, as named in kubectl's configuration. */
export interface Context {
  readonly name: string;
  /** The namespace that is meant where none is given. */
  readonly namespace: string;
  readonly isCurrent: boolean;
}

/** Why a source has nothing to say, or not all. */
export interface Problem {
  /**
   * `missing` where there is no such program or file, which most machines lack some of.
   */
  readonly kind: "missing" | "failed";
  /** To stand behind the source's name and a colon. */
  readonly reason: string;
}

/** The findings of a source. */
export interface Findings {
  readonly targets: readonly Candidate[];
  readonly problems: readonly Problem[];
  /** Kubectl's. */
  readonly contexts?: readonly Context[];
}

/** The wishes of the user, for all sources. */
export interface Inquiry {
  /** Also candidates that do not run. */
  readonly all: boolean;
  /** Of kubectl; if absent, the current context. */
  readonly context?: string | undefined;
  /** Of kubectl; if absent, that of the context. */
  readonly namespace?: string | undefined;
  /** Of kubectl. */
  readonly allNamespaces?: boolean | undefined;
  /** Ends the inquiry, with a reason to be told. */
  readonly signal: AbortSignal;
}

/** A program or file that knows candidates. */
export interface Source {
  readonly name: SourceName;
  /**
   * Lists the candidates. Asks nobody anything and ends with the signal.
   *
   * @throws {SourceError} if there is nothing to list because of a problem.
   */
  list(question: Inquiry): Promise<Findings>;
}

/** Why a source cannot answer. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  /** See {@linkcode Problem.kind}. */
  readonly kind: Problem["kind"];

  constructor(reason: string, kind: Problem["kind"] = "failed") {
    super(reason);
    this.kind = kind;
  }
}

/** The same failure as a problem; whatever is no failure of a source goes on. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof SourceError)) throw error;
  return { kind: error.kind, reason: error.message };
}

/** Text of others on a single line. */
export function oneLine(text: string): string {
  return withoutControls(text).replace(/ +/g, " ").trim();
}

/**
 * Text of others without line ends and characters that {@linkcode printable} would spell
 * out.
 */
export function withoutControls(text: string): string {
  return text.replace(/[\t\n]/g, " ").replace(UNSAFE, " ");
}
