/**
 * Machines, told apart by who shares loopback addresses with whom.
 *
 * @module
 */

/**
 * A text that two agents have in common if and only if their listeners are in each
 * other's way: the kernel's run, and its network namespace. Undefined where nobody can
 * tell.
 */
export function machineId(): string | undefined {
  try {
    const boot = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
    return `${boot} ${Deno.readLinkSync("/proc/self/ns/net")}`;
  } catch {
    return undefined; // another system, or no right to look
  }
}
