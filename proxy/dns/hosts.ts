/**
 * The machine's hosts file before its DNS servers, as the system itself resolves: a
 * bastion in a container may know the names of its network from there only (`docker run
 * --add-host`, `hostAliases` of Kubernetes).
 *
 * @module
 */
import { isIPv6 } from "node:net";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import { asciiName } from "./client.ts";
import { parseMessage } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { reverseName } from "./reverse.ts";
import { answerKnown, answerOfOthers, type KnownName } from "./answer.ts";

/** Whether the file has changed is looked at once in this time. */
const KEPT_MS = 1000;
/** A larger file is left out: that of a machine that blocks by name has a few MiB. */
const MOST_BYTES = 32 << 20;

/** The hosts file of this system. */
export function hostsPath(): string {
  if (Deno.build.os !== "windows") return "/etc/hosts";
  return `${Deno.env.get("SystemRoot") ?? "C:\\Windows"}\\System32\\drivers\\etc\\hosts`;
}

/**
 * Reads a hosts file: names in lower case, and the reverse names of its addresses. Lines
 * that make no sense are left out.
 */
export function parseHosts(text: string): Map<string, KnownName> {
  const names = new Map<
    string,
    KnownName & {
      addresses: number[];
      addresses6: string[];
      names?: string[];
    }
  >();
  const at = (name: string) => {
    let known = names.get(name);
    if (!known) names.set(name, known = { addresses: [], addresses6: [] });
    return known;
  };
  for (const line of text.split("\n")) {
    const [address = "", ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const address4 = parseIpv4(address);
    if (address4 === undefined && !isIPv6(address)) continue;
    for (const alias of aliases) {
      const known = at(alias.toLowerCase().replace(/\.$/, ""));
      if (address4 === undefined) known.addresses6.push(address);
      else if (!known.addresses.includes(address4)) known.addresses.push(address4);
    }
    // As the system has it, the first name of the first line is the name of the address.
    const [first] = aliases;
    const name = first === undefined ? undefined : asciiName(first);
    const reverse = reverseName(address);
    if (name !== undefined && reverse !== undefined) at(reverse).names ??= [name];
  }
  return names;
}

/** Answers names of the hosts file, and asks another resolver for all others. */
export class HostsResolver implements Resolver {
  readonly #resolver: Resolver;
  readonly #path: string;
  #names: Promise<ReadonlyMap<string, KnownName>> | undefined;
  #lookedAt = -Infinity;
  #version = "";

  /** `path` is the system's if not given. */
  constructor(resolver: Resolver, path: string = hostsPath()) {
    this.#resolver = resolver;
    this.#path = path;
  }

  async ask(query: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const message = parseMessage(query);
    const name = message.question?.name;
    const known = name === undefined ? undefined : (await this.#read()).get(name);
    if (!known) return await this.#resolver.ask(query);
    const answer = answerKnown(message, known);
    if (answer) return answer;
    return answerOfOthers(message, await this.#resolver.ask(query));
  }

  #read(): Promise<ReadonlyMap<string, KnownName>> {
    const now = performance.now();
    if (!this.#names || now - this.#lookedAt >= KEPT_MS) {
      this.#lookedAt = now;
      this.#names = this.#readAnew(this.#names);
    }
    return this.#names;
  }

  async #readAnew(
    names?: Promise<ReadonlyMap<string, KnownName>>,
  ): Promise<ReadonlyMap<string, KnownName>> {
    try {
      const { mtime, size, ino } = await Deno.stat(this.#path);
      const version = `${mtime?.getTime()} ${size} ${ino}`;
      if (names && version === this.#version) return await names;
      this.#version = "";
      if (size > MOST_BYTES) return new Map();
      const read = parseHosts(await Deno.readTextFile(this.#path));
      this.#version = version;
      return read;
    } catch {
      this.#version = "";
      return new Map(); // no such file, or no right to read it: no names
    }
  }
}
