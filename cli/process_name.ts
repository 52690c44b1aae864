/**
 * The name by which `pgrep`, `top` and `ss -p` show the program. The portable executable is
 * run by glibc's loader, and would be called `ld.so`; in a checkout it would be `deno`.
 *
 * @module
 */
/** The main thread's name, as the kernel keeps it: proc(5), at most 15 characters. */
const NAME_FILE = "/proc/self/comm";

/**
 * Names this process, on Linux. Elsewhere, and where that is not allowed, the name stays.
 */
export function nameProcess(name = "norouter"): void {
  if (Deno.build.os !== "linux") return;
  try {
    Deno.writeTextFileSync(NAME_FILE, name, { create: false });
  } catch {
    // The name only helps people; nothing depends on the name.
  }
}
