/**
 * The limit of open files, which sockets and pipes count towards. Deno raises the limit
 * at its start as far as the system allows, so processes meet the hard limit.
 *
 * @module
 */

let limit: string | undefined;

/** Learns the limit while there are descriptors left for that. */
export function learnDescriptorLimit(): void {
  if (limit !== undefined || Deno.build.os !== "linux") return;
  try {
    const text = Deno.readTextFileSync("/proc/self/limits");
    limit = /^Max open files +(\d+)/m.exec(text)?.[1];
  } catch {
    // Not ours to read; then messages do without.
  }
}

/** The limit; undefined where the system does not tell. */
export function descriptorLimit(): number | undefined {
  learnDescriptorLimit();
  return limit === undefined ? undefined : Number(limit);
}

/**
 * Whether the error says that this process (EMFILE) or the system (ENFILE) has none left.
 */
export function isDescriptorShortage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: string };
  return code === "EMFILE" || code === "ENFILE" ||
    /too many open files/i.test(error.message);
}

/** Advice for the user, with the limit. */
export function descriptorHint(): string {
  const known = limit === undefined ? "" : ` (limit ${limit})`;
  return `no file descriptors are left${known}; start norouter with a higher limit ` +
    "(`ulimit -n`, LimitNOFILE= of systemd, --ulimit nofile= of docker)";
}
