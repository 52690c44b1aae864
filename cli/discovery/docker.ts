/**
 * Containers of Docker: those of the engine that the docker command talks to.
 *
 * @module
 */
import * as v from "valibot";
import { ask, MOST_ARGUMENTS, readJson } from "./client.ts";
import { withListening } from "./listening.ts";
import { distinct, readPort, readPorts } from "./ports.ts";
import {
  type Candidate,
  oneLine,
  type Problem,
  problemOf,
  type Source,
} from "./source.ts";

/** A line of `docker ps`. */
const Row = v.object({
  ID: v.string(),
  Names: v.string(),
  Image: v.string(),
  Ports: v.string(),
  Status: v.string(),
  /** Since Docker 20.10. */
  State: v.optional(v.string()),
});
type Row = v.InferOutput<typeof Row>;

/** Details that `docker ps` leaves out: ports of containers that have no network. */
const Detail = v.object({
  id: v.string(),
  ports: v.nullish(v.record(v.string(), v.unknown()), {}),
  network: v.string(),
});
type Detail = v.InferOutput<typeof Detail>;

/**
 * The form of {@linkcode Detail}: of the rest, such as the environment, nothing is
 * wanted. The names are those of docker's own fields; for other names docker looks into
 * its JSON, where a field that a container lacks is an error.
 */
const TEMPLATE = `{"id":{{json .ID}},"ports":{{json .Config.ExposedPorts}},` +
  `"network":{{json .HostConfig.NetworkMode}}}`;

/** Docker. */
export const dockerSource: Source = {
  name: "docker",
  async list({ all, signal }) {
    // Before Docker 23 the word "json" alone was a template that prints itself.
    const format = ["--no-trunc", "--format", "{{json .}}"];
    const output = await ask(
      ["docker", "ps", ...all ? ["--all"] : [], ...format],
      signal,
    );
    const rows = lines(output).map((line) => readJson(line, Row));
    const { details, problems } = await inspect(rows.map(({ ID }) => ID), signal);
    const targets = rows.map((row) => targetOf(row, details.get(row.ID)));
    const exec = ({ id }: Candidate) => ["docker", "exec", id];
    return { targets: await withListening(targets, exec, signal), problems };
  },
};

/** Without details, as when a container has just gone, there is still the row of `ps`. */
async function inspect(ids: readonly string[], signal: AbortSignal): Promise<
  { details: ReadonlyMap<string, Detail>; problems: Problem[] }
> {
  const details = new Map<string, Detail>();
  const command = ["docker", "inspect", "--type", "container", "--format", TEMPLATE];
  try {
    for (let at = 0; at < ids.length; at += MOST_ARGUMENTS) {
      const some = ids.slice(at, at + MOST_ARGUMENTS);
      for (const line of lines(await ask([...command, ...some], signal))) {
        const detail = readJson(line, Detail);
        details.set(detail.id, detail);
      }
    }
    return { details, problems: [] };
  } catch (error) {
    const reason = `ports may be missing: ${problemOf(error).reason}`;
    return { details, problems: [{ kind: "failed", reason }] };
  }
}

function targetOf(row: Row, detail: Detail | undefined): Candidate {
  // Names with a slash are those of links from other containers.
  const names = row.Names.split(",");
  const id = names.find((name) => !name.includes("/")) || row.ID.slice(0, 12);
  const state = row.State || (/^Up\b/.test(row.Status) ? "running" : "exited");
  return {
    source: "docker",
    id,
    alsoKnownAs: [row.ID],
    base: id,
    spec: id,
    state: oneLine(state),
    isRunning: state === "running",
    about: oneLine(row.Image),
    ports: distinct([
      ...readPorts(row.Ports),
      ...Object.keys(detail?.ports ?? {}).flatMap(readPort),
    ]),
    sharesNetwork: detail?.network === "host",
  };
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
