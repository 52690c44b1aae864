// Hosts that are folders of this machine with a system in them, entered by chroot.
import type { Plugin } from "@norouter/cli/transport";

interface Options {
  readonly root: string;
  readonly user?: string | undefined;
}

export default (({ SpecError, openProcess, agentWords }) => {
  const enter = ({ root, user }: Options) =>
    user === undefined ? ["chroot", root] : ["chroot", `--userspec=${user}`, root];
  return {
    name: "chroot",
    // What stands under "with". A mistake is a SpecError, with the way to it.
    parse(spec: unknown): Options {
      const { root, user, ...others } = (spec ?? {}) as Record<string, unknown>;
      for (const name of Object.keys(others)) {
        throw new SpecError([name], `unknown option "${name}"`, { isKey: true });
      }
      if (typeof root !== "string" || !root.startsWith("/")) {
        const path = root === undefined ? [] : ["root"];
        throw new SpecError(path, `wanted "root", a folder that begins with "/"`);
      }
      if (user !== undefined && typeof user !== "string") {
        throw new SpecError(["user"], "wanted USER or USER:GROUP");
      }
      return { root, user };
    },
    describe: (options) => enter(options).join(" "),
    // With this, the agent is put on the host: any command can be run there.
    async exec(options, words, context) {
      return await openProcess([...enter(options), ...words], context);
    },
    // And this is for "install: never", where the host has an agent.
    async open(options, context) {
      const agent = ["norouter", ...agentWords(context)];
      return await openProcess([...enter(options), ...agent], context);
    },
  };
}) satisfies Plugin;
