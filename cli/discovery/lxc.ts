/**
 * Instances of LXD and Incus: those of the remote and the project that their command
 * lines have as default.
 *
 * @module
 */
import * as v from "valibot";
import { ask, readJson } from "./client.ts";
import { distinct, readPort } from "./ports.ts";
import {
  type Candidate,
  type Inquiry,
  oneLine,
  type Problem,
  problemOf,
  type ServedPort,
  type Source,
} from "./source.ts";

/** An item of `lxc list`. */
const Row = v.object({
  name: v.string(),
  status: v.string(),
  type: v.nullish(v.string(), "container"),
  project: v.nullish(v.string(), "default"),
  config: v.nullish(v.record(v.string(), v.string()), {}),
  expanded_devices: v.nullish(v.record(v.string(), v.record(v.string(), v.string())), {}),
});
type Row = v.InferOutput<typeof Row>;

const PROGRAMS = ["lxc", "incus"] as const;

/** LXD, Incus, or both. */
export const lxcSource: Source = {
  name: "lxc",
  async list(question) {
    const answers = await Promise.all(
      PROGRAMS.map((program) => listOf(program, question)),
    );
    const targets = answers.flatMap(({ targets }) => targets);
    const problems = answers.flatMap(({ problems }) => problems);
    // People have either of the two.
    const failed = problems.filter(({ kind }) => kind === "failed");
    const isMissing = problems.length === PROGRAMS.length && failed.length === 0;
    return { targets, problems: isMissing ? problems.slice(0, 1) : failed };
  },
};

async function listOf(
  program: typeof PROGRAMS[number],
  { all, signal }: Inquiry,
): Promise<{ targets: Candidate[]; problems: Problem[] }> {
  try {
    const output = await ask([program, "list", "--format", "json"], signal);
    const rows = readJson(output, v.nullable(v.array(Row))) ?? [];
    const targets = rows.map((row) => targetOf(row, program));
    return { targets: targets.filter((each) => all || each.isRunning), problems: [] };
  } catch (error) {
    const { kind, reason } = problemOf(error);
    const isPlain = program === "lxc" || kind === "missing";
    return {
      targets: [],
      problems: [{ kind, reason: isPlain ? reason : `${program}: ${reason}` }],
    };
  }
}

function targetOf(row: Row, program: typeof PROGRAMS[number]): Candidate {
  const { name, status, type, project, config } = row;
  const further = {
    ...project !== "default" && { project },
    ...program !== "lxc" && { program },
  };
  const isSimple = Object.keys(further).length === 0;
  return {
    source: "lxc",
    id: name,
    base: name,
    spec: isSimple ? name : { instance: name, ...further },
    state: oneLine(status.toLowerCase()),
    isRunning: /^(running|ready)$/i.test(status),
    about: oneLine([type, config["image.description"]].filter(Boolean).join(", ")),
    ports: distinct(Object.values(row.expanded_devices).flatMap(proxied)),
  };
}

/** The ports inside that a `proxy` device makes reachable outside. */
function proxied(device: Readonly<Record<string, string>>): ServedPort[] {
  if (device.type !== "proxy" || device.bind === "instance") return [];
  const [, protocol, ports] = /^(tcp|udp):.*:([^:]*)$/.exec(device.connect ?? "") ?? [];
  return (ports ?? "").split(",").flatMap((port) => readPort(`${port}/${protocol}`));
}
