/**
 * A network namespace: a host whose 127.0.42.x nobody else has.
 *
 * @module
 */

let made = 0;

/** A network namespace with nothing but a loopback interface that is up. */
export class Namespace implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /**
   * Makes a namespace; the name holds this process's id, so two test runs do not meet.
   */
  static async make(): Promise<Namespace> {
    const name = `norouter-${Deno.pid}-${made++}`;
    await ip("netns", "add", name);
    const namespace = new Namespace(name);
    try {
      await ip("-n", name, "link", "set", "lo", "up");
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
    return namespace;
  }

  /** Wraps `command` to run in here; the process keeps the id of its start. */
  command(...command: string[]): string[] {
    return ["ip", "netns", "exec", this.name, ...command];
  }

  /**
   * Lets the kernel hold no more than some 64 KiB for each connection made from now on, in
   * each direction, so that stalled bytes are held by the processes and not by the
   * kernel.
   */
  async limitKernelBuffers(): Promise<void> {
    const limits = "4096 16384 65536";
    const files = ["tcp_rmem", "tcp_wmem"].map((name) => `/proc/sys/net/ipv4/${name}`);
    const write = files.map((file) => `echo ${limits} > ${file}`).join(" && ");
    await ip("netns", "exec", this.name, "sh", "-c", write);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ip("netns", "delete", this.name);
  }
}

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  if (success) return;
  throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
