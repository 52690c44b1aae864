/**
 * Registries like jsr.io and npm's, as far as `deno publish` and `deno run jsr:…` use
 * them: registry.ts FOLDER PORT NPM_CACHE.
 *
 * Published packages are unpacked in FOLDER unchanged, and served from there, so another
 * registry with the same FOLDER has them too. Packages of npm are those of Deno's cache,
 * below /npm/.
 *
 * jsr.io also checks each file and makes pages and npm packages of them; nothing here
 * does. Imports are rewritten and WebAssembly changed by `deno publish`, before the
 * upload.
 *
 * @module
 */
import { createHash } from "node:crypto";

const TYPES: Record<string, string> = {
  ts: "application/typescript",
  js: "application/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/**
 * The first answer to JSR's clients about a version: its files with their hashes, and
 * exports.
 */
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

/** The answer of npm's registry about a package: the versions in the cache. */
function npmPackage(name: string, cache: string, base: string): Response {
  const versions: Record<string, unknown> = {};
  for (const [version, folder] of npmVersions(name, cache)) {
    const text = Deno.readTextFileSync(`${folder}/package.json`);
    const { dependencies, peerDependencies = {}, peerDependenciesMeta = {}, bin } = JSON
      .parse(text);
    // The cache may lack optional packages.
    for (
      const [peer, { optional }] of Object.entries<{ optional?: boolean }>(
        peerDependenciesMeta,
      )
    ) {
      if (optional) delete peerDependencies[peer];
    }
    const dist = { tarball: `${base}${name}/-/${version}.tgz` };
    versions[version] = { name, version, dependencies, peerDependencies, bin, dist };
  }
  const latest = Object.keys(versions).at(-1);
  if (latest === undefined) return new Response(null, { status: 404 });
  return Response.json({ name, "dist-tags": { latest }, versions });
}

/** The folders of a package in Deno's cache, by version, whichever registry they are from. */
function npmVersions(name: string, cache: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const registry of Deno.readDirSync(cache)) {
    if (!registry.isDirectory) continue;
    const folder = `${cache}/${registry.name}/${name}`;
    try {
      for (const { name: version } of Deno.readDirSync(folder)) {
        // With an underscore: a copy for other peers.
        if (/^\d+\.\d+\.[^_]+$/.test(version)) found.set(version, `${folder}/${version}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

async function npm(path: string, cache: string, base: string): Promise<Response> {
  const [, name, version] = /^(.+)\/-\/(.+)\.tgz$/.exec(path) ?? [];
  if (name === undefined) return npmPackage(path, cache, base);
  const folder = npmVersions(name, cache).get(version!);
  if (folder === undefined) return new Response(null, { status: 404 });
  const args = ["--create", "--gzip", "--transform=s,^\\.,package,", "."];
  const { stdout } = await new Deno.Command("tar", { args, cwd: folder }).output();
  return new Response(stdout);
}

if (import.meta.main) {
  const [folder, port, cache] = Deno.args;
  const onListen = () => console.log("listening");
  Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen }, async (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname.slice(1));
    console.log(request.method, path);
    try {
      if (path.startsWith("api/")) return await api(request, path.slice(4), folder!);
      const base = new URL("/npm/", request.url).href;
      if (path.startsWith("npm/")) return await npm(path.slice(4), cache!, base);
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
