// A registry like jsr.io, as far as `deno publish` and `deno run jsr:…` use one:
// registry.ts FOLDER PORT. What is published is unpacked in FOLDER as it came, and served
// from there, so another one with the same FOLDER has it too.
//
// jsr.io also checks each file and makes pages and npm packages of them; nothing here does.
// Imports are rewritten and WebAssembly changed by `deno publish`, before the upload.
import { createHash } from "node:crypto";

const TYPES: Record<string, string> = {
  ts: "application/typescript",
  js: "application/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/** What JSR's clients ask first about a version: its files with their hashes, and exports. */
function metaOf(folder: string): unknown {
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const path of filesIn(folder)) {
    const bytes = Deno.readFileSync(folder + path);
    const hash = createHash("sha256").update(bytes).digest("hex");
    manifest[path] = { size: bytes.length, checksum: `sha256-${hash}` };
  }
  const { exports } = JSON.parse(Deno.readTextFileSync(`${folder}/deno.json`));
  return { manifest, exports };
}

/** The files below a folder, each path beginning with "/". */
export function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? filesIn(`${folder}/${name}`).map((path) => `/${name}${path}`)
      : [`/${name}`]
  ).sort();
}

async function unpack(archive: Uint8Array, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const tar = new Deno.Command("tar", {
    args: ["--extract", "--gzip", "--directory", folder],
    stdin: "piped",
  }).spawn();
  const writer = tar.stdin.getWriter();
  await writer.write(archive);
  await writer.close();
  const { success } = await tar.status;
  if (!success) throw new Error(`tar could not unpack ${archive.length} bytes`);
}

/** The part of JSR's API that `deno publish` uses. */
async function api(request: Request, path: string, folder: string): Promise<Response> {
  const [, scope, name, version] =
    /^scopes\/([^/]+)\/packages\/([^/]+)(?:\/versions\/([^/]+))?$/.exec(path) ?? [];
  if (scope === undefined) return new Response("no such call", { status: 404 });
  if (request.method === "POST") {
    const archive = new Uint8Array(await request.arrayBuffer());
    await unpack(archive, `${folder}/@${scope}/${name}/${version}`);
    return Response.json({ id: crypto.randomUUID(), status: "success", error: null });
  }
  if (version === undefined) return Response.json({ scope, name });
  const message = "This version was not published yet";
  return Response.json({ code: "packageVersionNotFound", message }, { status: 404 });
}

/** The part that `deno run` and the like use. */
function modules(path: string, folder: string): Response {
  const [, scope, name, meta] = /^@([^/]+)\/([^/]+)\/(.*?)_?meta\.json$/.exec(path) ?? [];
  if (meta === "") {
    const names = [...Deno.readDirSync(`${folder}/@${scope}/${name}`)].map((v) => v.name);
    const versions = Object.fromEntries(names.map((version) => [version, {}]));
    return Response.json({ scope, name, latest: names.sort().at(-1), versions });
  }
  if (meta !== undefined) {
    return Response.json(metaOf(`${folder}/@${scope}/${name}/${meta}`));
  }
  const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "text/plain";
  const body = Deno.readFileSync(`${folder}/${path}`);
  return new Response(body, { headers: { "content-type": type } });
}

if (import.meta.main) {
  const [folder, port] = Deno.args;
  const onListen = () => console.log("listening");
  Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen }, async (request) => {
    const path = new URL(request.url).pathname.slice(1);
    console.log(request.method, path);
    try {
      if (path.startsWith("api/")) return await api(request, path.slice(4), folder!);
      return modules(path, folder!);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        return new Response(null, { status: 404 });
      }
      console.error(error);
      return new Response(String(error), { status: 500 });
    }
  });
}
