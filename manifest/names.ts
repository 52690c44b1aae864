/**
 * Host names: which are valid, and that no two hosts share a name.
 *
 * @module
 */
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import type { Position } from "./source/diagnostic.ts";
import { formatPosition } from "./source/diagnostic.ts";
import type { Report } from "./source/report.ts";
import { quote } from "./source/value.ts";

/**
 * Why the text is not a host name, or nothing if the text is a host name: labels of 1 to
 * 63 letters, digits, `-` and `_`, joined by dots, 253 characters at most (RFC 1123,
 * section 2.1; the underscore is an addition that resolvers accept and NoRouter's users
 * rely on).
 */
export function hostNameFault(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name.length > 253) return "it is longer than 253 characters";
  if (parseIpv4(name) !== undefined) return "it is an address";
  const strange = /[^A-Za-z0-9._-]/u.exec(name);
  if (strange) return `${quote(strange[0])} cannot be part of it`;
  for (const label of name.split(".")) {
    if (label === "") return "a dot stands at its start or end or beside another dot";
    if (label.length > 63) return `${quote(label)} is longer than 63 characters`;
    if (/^-|-$/.test(label)) return `${quote(label)} begins or ends with "-"`;
  }
  return undefined;
}

/** The names and aliases of a mesh, which are unique together. */
export class Names {
  readonly #report: Report;
  readonly #taken = new Map<string, Position>();

  /** No names yet; faults go to the report. */
  constructor(report: Report) {
    this.#report = report;
  }

  /** Checks and takes a name; names differing only in case are the same (RFC 4343). */
  take(name: string, at: Position): void {
    const fault = hostNameFault(name);
    if (fault) this.#report.error(at, `${quote(name)} is not a host name: ${fault}`);
    const folded = name.toLowerCase();
    const first = this.#taken.get(folded);
    if (first) {
      const where = formatPosition(first);
      this.#report.error(at, `the name ${quote(name)} is already taken at ${where}`);
    } else {
      this.#taken.set(folded, at);
    }
  }
}
