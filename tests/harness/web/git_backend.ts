/**
 * git's own server behind HTTP, `git http-backend`, a CGI program (RFC 3875).
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Where the repositories are, and the requested path there. */
export interface GitPath {
  readonly root: string;
  /** The path behind the part that stands for `root`. */
  readonly path: string;
}

/** Answers a request of git with the words of `git http-backend`; bodies are streamed. */
export async function gitBackend(
  request: Request,
  { root, path }: GitPath,
): Promise<Response> {
  const { headers } = request;
  const env: Record<string, string> = {
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: path,
    QUERY_STRING: new URL(request.url).search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: headers.get("content-type") ?? "",
    GIT_PROTOCOL: headers.get("git-protocol") ?? "",
    HTTP_CONTENT_ENCODING: headers.get("content-encoding") ?? "",
  };
  const length = headers.get("content-length");
  if (length !== null) env.CONTENT_LENGTH = length;
  const child = new Deno.Command("git", {
    args: ["http-backend"],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  if (request.body === null) await child.stdin.close();
  else request.body.pipeTo(child.stdin).catch(() => {}); // git may not read to the end
  return await cgiResponse(child.stdout);
}

/** The response that a CGI program writes: header fields, an empty line, a body. */
async function cgiResponse(
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<Response> {
  const reader = output.getReader();
  let bytes = Buffer.alloc(0);
  let end: number;
  while ((end = bytes.indexOf("\r\n\r\n")) < 0) {
    const { value, done } = await reader.read();
    if (done) return new Response(`no header: ${bytes}`, { status: 502 });
    bytes = Buffer.concat([bytes, value]);
  }
  reader.releaseLock();
  const fields = new Headers();
  for (const line of bytes.subarray(0, end).toString("latin1").split("\r\n")) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) fields.append(name, value!);
  }
  const status = Number(fields.get("status")?.split(" ")[0] ?? 200);
  fields.delete("status");
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  writer.write(bytes.subarray(end + 4)).then(() => writer.releaseLock())
    .then(() => output.pipeTo(writable)).catch(() => {}); // the client may leave
  return new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>, {
    status,
    headers: fields,
  });
}
