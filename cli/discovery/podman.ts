/**
 * Containers of Podman: those of this user, or of the connection that podman talks to.
 *
 * @module
 */
import * as v from "valibot";
import { ask, MOST_ARGUMENTS, readJson } from "./client.ts";
import { withListening } from "./listening.ts";
import { distinct, portRange, readPort } from "./ports.ts";
import {
  type Candidate,
  oneLine,
  type Problem,
  problemOf,
  type ServedPort,
  type Source,
} from "./source.ts";

/** A port, or several in a row. */
const PublishedPort = v.object({
  container_port: v.optional(v.number()),
  /** The name of the field in Podman 2. */
  containerPort: v.optional(v.number()),
  range: v.nullish(v.number(), 1),
  protocol: v.nullish(v.string(), "tcp"),
});

/** An item of `podman ps`. */
const Row = v.object({
  Id: v.string(),
  Names: v.nullish(v.array(v.string()), []),
  Image: v.string(),
  State: v.string(),
  IsInfra: v.nullish(v.boolean(), false),
  Ports: v.nullish(v.array(PublishedPort), []),
  /** Since Podman 5: protocols by port. */
  ExposedPorts: v.nullish(v.record(v.string(), v.array(v.string())), {}),
});
type Row = v.InferOutput<typeof Row>;

/** The fields of `podman inspect` that `podman ps` lacks in some version. */
const Detail = v.object({
  Id: v.string(),
  Config: v.object({
    ExposedPorts: v.nullish(v.record(v.string(), v.unknown()), {}),
  }),
  HostConfig: v.object({ NetworkMode: v.nullish(v.string(), "") }),
  NetworkSettings: v.object({ Ports: v.nullish(v.record(v.string(), v.unknown()), {}) }),
});
type Detail = v.InferOutput<typeof Detail>;

/** Podman. */
export const podmanSource: Source = {
  name: "podman",
  async list({ all, signal }) {
    const command = ["podman", "ps", ...all ? ["--all"] : [], "--format", "json"];
    const answer = readJson(await ask(command, signal), v.nullable(v.array(Row)));
    // A pod's own container holds its network and runs nothing but a pause.
    const rows = (answer ?? []).filter(({ IsInfra }) => !IsInfra);
    const { details, problems } = await inspect(rows.map(({ Id }) => Id), signal);
    const targets = rows.map((row) => targetOf(row, details.get(row.Id)));
    const exec = ({ id }: Candidate) => ["podman", "exec", id];
    return { targets: await withListening(targets, exec, signal), problems };
  },
};

async function inspect(ids: readonly string[], signal: AbortSignal): Promise<
  { details: ReadonlyMap<string, Detail>; problems: Problem[] }
> {
  const details = new Map<string, Detail>();
  try {
    for (let at = 0; at < ids.length; at += MOST_ARGUMENTS) {
      const some = ids.slice(at, at + MOST_ARGUMENTS);
      const output = await ask(
        ["podman", "inspect", "--type", "container", ...some],
        signal,
      );
      for (const each of readJson(output, v.array(Detail))) details.set(each.Id, each);
    }
    return { details, problems: [] };
  } catch (error) {
    const reason = `ports may be missing: ${problemOf(error).reason}`;
    return { details, problems: [{ kind: "failed", reason }] };
  }
}

function targetOf(row: Row, detail: Detail | undefined): Candidate {
  const id = row.Names[0] || row.Id.slice(0, 12);
  return {
    source: "podman",
    id,
    alsoKnownAs: [...row.Names, row.Id],
    base: id,
    spec: id,
    state: oneLine(row.State),
    isRunning: row.State === "running",
    about: oneLine(row.Image),
    ports: distinct([
      ...row.Ports.flatMap(published),
      ...Object.entries(row.ExposedPorts).flatMap(([port, protocols]) =>
        protocols.flatMap((protocol) => readPort(`${port}/${protocol}`))
      ),
      ...Object.keys(detail?.Config.ExposedPorts ?? {}).flatMap(readPort),
      ...Object.keys(detail?.NetworkSettings.Ports ?? {}).flatMap(readPort),
    ]),
    sharesNetwork: detail?.HostConfig.NetworkMode === "host",
  };
}

function published(
  { container_port, containerPort, range, protocol }: v.InferOutput<typeof PublishedPort>,
): ServedPort[] {
  return portRange(container_port ?? containerPort ?? 0, range, protocol);
}
