/**
 * Instances of LXD and Incus, reached by `lxc exec` or `incus exec`.
 *
 * | in the manifest | command |
 * |---|---|
 * | `lxc: box` | `lxc exec -T box -- norouter agent --automated` |
 * | `lxc: {instance: box, remote: lab, program: incus}` | `incus exec -T lab:box -- norouter …` |
 *
 * @module
 */
import { execTransport } from "./command/exec.ts";
import { SpecError } from "./mod.ts";
import {
  integer,
  name,
  type OptionsOf,
  readSpec,
  text,
  variables,
} from "./command/spec.ts";
import { readWords } from "./command/words.ts";

/** The largest that the clients' 32 bits hold. */
const MAX_ID = 2 ** 32 - 1;

const OPTIONS = {
  instance: name("an instance's name, or REMOTE:NAME"),
  remote: name("a remote"),
  project: text("a project"),
  user: integer("a user's number", 0, MAX_ID),
  group: integer("a group's number", 0, MAX_ID),
  workdir: text("a folder in the instance"),
  env: variables({ inherit: false }),
  agent: readWords,
  program: readWords,
};

/** The manifest's value, checked. */
export type LxcOptions = OptionsOf<typeof OPTIONS, "instance">;

/** Reaches an instance by the command line of LXD, or that of Incus. */
export const lxc = execTransport<LxcOptions>({
  name: "lxc",
  parse: (spec) =>
    readSpec(spec, {
      transport: "lxc",
      options: OPTIONS,
      short: "instance",
      example: "lxc: box",
      required: ["instance"],
      instead: { container: `wanted "instance"`, cwd: `wanted "workdir"` },
      *rules({ instance, remote }) {
        if (remote === undefined || !instance.includes(":")) return;
        yield new SpecError(["remote"], `"instance" names a remote already: ${instance}`);
      },
    }),
  command(options, words) {
    const { program = ["lxc"], instance, remote, project, user, group, workdir } =
      options;
    return [
      ...program,
      "exec",
      // Without a terminal over there, which would change the bytes.
      "-T",
      ...project === undefined ? [] : [`--project=${project}`],
      ...user === undefined ? [] : [`--user=${user}`],
      ...group === undefined ? [] : [`--group=${group}`],
      ...workdir === undefined ? [] : [`--cwd=${workdir}`],
      ...(options.env ?? []).map((variable) => `--env=${variable}`),
      remote === undefined ? instance : `${remote.replace(/:$/, "")}:${instance}`,
      "--",
      ...words,
    ];
  },
  // LXD and Incus do, with SIGKILL, as soon as a websocket of the command is gone.
  killsCommands: true,
});
