/**
 * The answers of the control socket.
 *
 * ```text
 * GET    /v1/status               the state of the mesh
 * GET    /v1/events               server-sent events
 * POST   /v1/reload               read the manifest again
 * POST   /v1/down                 end the mesh
 * POST   /v1/hosts                add a host: {"name": …, "host": map, or YAML as text}
 * DELETE /v1/hosts/NAME           end a host
 * POST   /v1/hosts/NAME/restart   start a host anew
 * POST   /v1/hosts/NAME/ping      an echo to a host: {"from"?, "size"?, "ms"?}
 * GET    /v1/rules                the rules in force
 * POST   /v1/rules                add a rule: {"host"?, "kind", "rule", "save"?}
 * DELETE /v1/rules?kind&rule&host remove a rule that was added
 * GET    /metrics?for=collector   the status for Prometheus
 * GET    /v1/capture?host&flow…   packets, as pcapng
 * DELETE /v1/capture?id           end a capture in order
 * GET    /openapi.json            the description of all this
 * ```
 *
 * Errors are JSON as well: `{"error": {"message", "faults"?: [{"at", "message"}]}}`.
 *
 * @module
 */

import { formatPosition, ManifestError } from "../manifest/source/diagnostic.ts";
import type { MeshChange } from "../manager/reload/change.ts";
import { warningsOf } from "../manager/reload/live_rules.ts";
import { RefusedError } from "../manager/reload/refused.ts";
import { faultsOf, reloadEvent } from "../manager/reload/told.ts";
import {
  descriptorHint,
  isDescriptorShortage,
} from "../transports/command/descriptor_limit.ts";
import { messageOf } from "../wire/text.ts";
import type { Asked } from "./asked.ts";
import { BadRequest, inForm, parseBody, shortened } from "./form.ts";
import type { Controlled } from "./controlled.ts";
import { mustHaveDescriptors } from "./enough_descriptors.ts";
import { absolute } from "./place.ts";
import { eventStream, MOST_READERS } from "./sent_events.ts";

/** Bytes of a request's body at most. */
const MOST_BYTES = 1 << 20;

/** Who answers. */
export interface Answering extends Controlled {
  /** The mesh's name. */
  readonly name: string;
  /** Aborted at the end, for answers that do not end by themselves. */
  readonly signal: AbortSignal;
}

type Handler = (target: Answering, request: Asking, name: string) =>
  | Response
  | Promise<Response>;

/** A request, and where it leads. */
interface Asking extends Asked {
  readonly url: URL;
}

/** By the path, in which `*` stands for a host's name, and the method. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/v1/status": { GET: status },
  "/v1/events": { GET: events },
  "/v1/reload": { POST: reload },
  "/v1/down": { POST: down },
  "/v1/hosts": { POST: addHost },
  "/v1/hosts/*": { DELETE: removeHost },
  "/v1/hosts/*/restart": { POST: restartHost },
  "/v1/hosts/*/ping": { POST: ping },
  "/v1/rules": { GET: listRules, POST: addRule, DELETE: removeRule },
  "/metrics": { GET: metrics },
  "/v1/capture": { GET: capture, DELETE: endCapture },
  "/openapi.json": { GET: description },
};

/** Answers a request. Never rejects. */
export async function answer(asked: Asked, target: Answering): Promise<Response> {
  try {
    const url = urlOf(asked.target);
    const { pathname } = url;
    const [, before = pathname, word = "", after = ""] =
      /^(\/v1\/hosts\/)([^/]+)(.*)$/.exec(pathname) ?? [];
    const methods = ROUTES[word === "" ? before : `${before}*${after}`];
    if (!methods) return failure(404, `There is nothing at ${pathname}`);
    const handler = methods[asked.method];
    if (!handler) {
      const allow = Object.keys(methods).join(", ");
      const message = `${pathname} takes ${allow}, not ${asked.method}`;
      return failure(405, message, { allow });
    }
    return await handler(target, { ...asked, url }, decoded(word));
  } catch (error) {
    return failed(error);
  }
}

async function status(target: Answering): Promise<Response> {
  const { mesh, live, name, version } = target;
  const { hosts, ...rest } = await mesh.status();
  // Without a file, the name of where it came from.
  const { path } = mesh.manifest;
  const manifest = live.path === "-" ? path : absolute(path);
  return Response.json({
    mesh: { name, manifest, pid: Deno.pid, version },
    hosts: hosts.map(({ host, ...more }) => ({
      name: host,
      ...more,
      added: live.isAdded(host),
    })),
    ...rest,
  });
}

function events({ mesh, signal }: Answering): Response {
  const body = eventStream(mesh, signal);
  if (!body) {
    return failure(
      503,
      `${MOST_READERS} programs read the events already, which is the most`,
    );
  }
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

async function reload({ live, mesh }: Answering): Promise<Response> {
  return changed(await live.reload(), mesh);
}

function down({ down }: Answering): Response {
  // The socket is closed behind the mesh, when this has been answered.
  down();
  return Response.json({ ending: true }, { status: 202 });
}

async function addHost({ live, mesh }: Answering, request: Asking): Promise<Response> {
  const { AddHost } = await import("./schemas.ts");
  const { name, host } = await inForm(AddHost, await json(request), "the body");
  // JSON is YAML.
  const text = typeof host === "string" ? host : JSON.stringify(host);
  return changed(await live.addHost(name, text), mesh, 201);
}

async function removeHost(
  { live, mesh }: Answering,
  _: Asking,
  name: string,
): Promise<Response> {
  return changed(await live.removeHost(name), mesh);
}

async function restartHost(
  { live }: Answering,
  _: Asking,
  name: string,
): Promise<Response> {
  await live.restartHost(name);
  return Response.json({ restarted: name });
}

async function ping(
  { mesh }: Answering,
  request: Asking,
  name: string,
): Promise<Response> {
  const { Ping } = await import("./schemas.ts");
  const options = await inForm(Ping, await json(request), "the body");
  return Response.json(await mesh.ping(name, options));
}

function listRules({ mesh: { rules } }: Answering): Response {
  return Response.json({ rules: rules.list() });
}

async function addRule({ live, mesh }: Answering, request: Asking): Promise<Response> {
  const { AddRule } = await import("./schemas.ts");
  const { host, kind, rule, save } = await inForm(
    AddRule,
    await json(request),
    "the body",
  );
  const meant = mesh.rules.meant(rule, { kind, host });
  const change = save
    ? await live.saveRule(meant)
    : await mesh.rules.add(rule, { kind, host });
  return changed(change, mesh, 201, warningsOf(mesh.manifest, meant));
}

async function removeRule({ mesh }: Answering, request: Asking): Promise<Response> {
  const { RemoveRule } = await import("./schemas.ts");
  const query = Object.fromEntries(request.url.searchParams);
  const { rule, ...options } = await inForm(RemoveRule, query, "the query");
  return changed(await mesh.rules.remove(rule, options), mesh);
}

async function metrics(
  { mesh, name, version }: Answering,
  { accept, url: { searchParams } }: Asking,
): Promise<Response> {
  const wish = searchParams.get("for");
  if (wish !== null && wish !== "collector") {
    throw new BadRequest(
      `In "for" of the query: it is ${
        JSON.stringify(shortened(wish))
      }; wanted "collector"`,
    );
  }
  mustHaveDescriptors();
  const [{ metricsOf }, { mediaType, streamOf, wantsOpen }] = await Promise.all([
    import("./metrics.ts"),
    import("./exposition.ts"),
  ]);
  const isOpen = wantsOpen(accept);
  const metered = { status: await mesh.status(), mesh: name, version };
  const pieces = metricsOf(metered, { isOpen, isForCollector: wish !== null });
  return new Response(streamOf(pieces), {
    headers: { "content-type": mediaType(isOpen) },
  });
}

async function capture(target: Answering, { url }: Asking): Promise<Response> {
  mustHaveDescriptors();
  const [{ beginCapture }, { CaptureQuery }] = await Promise.all([
    import("./captures.ts"),
    import("./schemas.ts"),
  ]);
  return beginCapture(target, await inForm(CaptureQuery, queryOf(url), "the query"));
}

async function endCapture(target: Answering, { url }: Asking): Promise<Response> {
  const [{ endCapture }, { EndCapture }] = await Promise.all([
    import("./captures.ts"),
    import("./schemas.ts"),
  ]);
  const { id } = await inForm(EndCapture, queryOf(url), "the query");
  const counted = endCapture(target, id);
  if (!counted) return failure(404, `No capture ${id} is under way`);
  return Response.json({ ended: id, ...counted });
}

/** A query, in which some names may be repeated, and some values are numbers. */
function queryOf({ searchParams }: URL): Record<string, unknown> {
  return Object.fromEntries([...searchParams.keys()].map((name) => {
    const values = searchParams.getAll(name);
    if (name === "host" || name === "flow") return [name, values];
    const [value = ""] = values;
    return [name, /^\d+$/.test(value) ? Number(value) : value];
  }));
}

async function description({ version }: Answering): Promise<Response> {
  mustHaveDescriptors();
  const { openApi } = await import("./openapi.ts");
  return Response.json(openApi({ version }));
}

function changed(
  change: MeshChange,
  { manifest }: Controlled["mesh"],
  status = 200,
  warnings: ReturnType<typeof warningsOf> = [],
): Response {
  const { message } = reloadEvent(change, manifest);
  const more = warnings.length > 0 && { warnings };
  return Response.json({ ...change, message, ...more }, { status });
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    throw new BadRequest(`${word} is not the name of a host, percent-encoded`);
  }
}

/** The URL that is asked for: mostly a path, and the whole of it for proxies. */
function urlOf(target: string): URL {
  const url = target.startsWith("/")
    ? URL.parse(`http://norouter${target}`)
    : URL.parse(target);
  if (url) return url;
  throw new BadRequest(`${JSON.stringify(shortened(target))} is no path`);
}

async function json({ length = 0, body }: Asking): Promise<unknown> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const check = (length: number) => {
    if (length <= MOST_BYTES) return;
    throw new BadRequest(`The body has more than ${MOST_BYTES} bytes`, 413);
  };
  check(length);
  let got = 0;
  try {
    for await (const part of body()) {
      check(got += part.length);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof BadRequest) throw error;
    throw new BadRequest(`The body cannot be read: ${messageOf(error)}`);
  }
  return parseBody(await new Blob(parts).text());
}

/** The answer to what is no request. */
export function refuse(status: number, message: string): Response {
  return failure(status, message);
}

function failed(error: unknown): Response {
  if (error instanceof BadRequest) return failure(error.status, error.message);
  if (isDescriptorShortage(error)) {
    return failure(503, `That cannot be done now: ${descriptorHint()}`);
  }
  if (error instanceof RefusedError) {
    return failure(error.isMissing ? 404 : 409, error.message);
  }
  if (error instanceof ManifestError) {
    const faults = faultsOf(error).map(({ at, message }) => ({
      at: formatPosition(at),
      ...at,
      message,
    })).map(({ file, line, column, at, message }) => ({
      at,
      message,
      ...(line > 0 && { file, line, column }),
    }));
    return Response.json({ error: { message: error.message, faults } }, { status: 422 });
  }
  return failure(409, messageOf(error));
}

function failure(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ error: { message } }, { status, headers });
}
