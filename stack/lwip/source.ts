/**
 * Gets the files of lwIP's release that the stack is built from, and verifies them.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Debian, run } from "./debian.ts";
import { LWIP_VERSION } from "./version.ts";

/** SHA-256 over path, length and bytes of every file used, in order of their paths. */
export const LWIP_SHA256 =
  "b4df48284e7def92eef41864380aa9d786ad3706eb39071a4e9f284a9b643819";

const RELEASE = "https://github.com/lwip-tcpip/lwip/archive/refs/tags/" +
  "STABLE-2_2_1_RELEASE.tar.gz";
const DOWNLOAD_LIMIT_MS = 60_000;
const CORE = [
  "def",
  "inet_chksum",
  "init",
  "ip",
  "ipv4/ip4",
  "ipv4/ip4_addr",
  "mem",
  "memp",
  "netif",
  "pbuf",
  "tcp",
  "tcp_in",
  "tcp_out",
].map((name) => `core/${name}.c`);

/** lwIP's files by their path below `src/`, and where they were taken from. */
export interface LwipSource {
  readonly files: Map<string, Uint8Array>;
  readonly origin: string;
}

async function listHeaders(
  folder: string,
  prefix: string,
  into: string[],
): Promise<void> {
  for await (const entry of Deno.readDir(`${folder}/${prefix}`)) {
    const path = `${prefix}/${entry.name}`;
    if (entry.isDirectory) await listHeaders(folder, path, into);
    else if (path.endsWith(".h")) into.push(path);
  }
}

/** Headers of parts that are not built, and that Debian leaves out of its archive. */
function isUsed(path: string): boolean {
  return !/^include\/(compat|lwip\/apps)\//.test(path);
}

async function readTree(folder: string): Promise<Map<string, Uint8Array>> {
  const paths = [...CORE];
  await listHeaders(`${folder}/src`, "include", paths);
  const files = new Map<string, Uint8Array>();
  for (const path of paths.filter(isUsed).sort()) {
    files.set(path, await Deno.readFile(`${folder}/src/${path}`));
  }
  return files;
}

/** The hash that {@link LWIP_SHA256} pins. */
async function hashOf(files: Map<string, Uint8Array>): Promise<string> {
  const parts: BlobPart[] = [];
  for (const [path, bytes] of files) {
    parts.push(`${path} ${bytes.length}\n`, bytes as BlobPart);
  }
  const all = await new Blob(parts).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex();
}

/** Debian's source package. */
async function fromDebian(work: string): Promise<string> {
  const debian = await Debian.setUp(work, { suite: "trixie", kind: "deb-src" });
  await debian.get("source", "--download-only", "--only-source", "lwip");
  for await (const entry of Deno.readDir(work)) {
    if (/^lwip_.*\.orig\.tar\.[a-z0-9]+$/.test(entry.name)) {
      await run(["tar", "-xf", entry.name], { cwd: work });
    }
  }
  return await unpackedFolder(work);
}

async function fromUpstream(work: string): Promise<string> {
  const response = await fetch(RELEASE, {
    signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${RELEASE} answered ${response.status}`);
  }
  await run(["tar", "-xzf", "-"], { cwd: work, stdin: await response.bytes() });
  return await unpackedFolder(work);
}

async function unpackedFolder(work: string): Promise<string> {
  for await (const entry of Deno.readDir(work)) {
    if (entry.isDirectory && /^lwip-/.test(entry.name)) return `${work}/${entry.name}`;
  }
  throw new Error("the archive holds no folder named lwip-…");
}

async function verified(folder: string, origin: string): Promise<LwipSource> {
  const files = await readTree(folder);
  const hash = await hashOf(files);
  if (hash !== LWIP_SHA256) {
    throw new Error(
      `the files of lwIP there have SHA-256 ${hash}, wanted ${LWIP_SHA256} (${LWIP_VERSION})`,
    );
  }
  return { files, origin };
}

async function keep(source: LwipSource, cache: string): Promise<void> {
  const fresh = `${cache}.${Deno.pid}`;
  for (const [path, bytes] of source.files) {
    const target = `${fresh}/src/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(target, bytes);
  }
  await Deno.remove(cache, { recursive: true }).catch(() => {});
  await Deno.rename(fresh, cache);
}

/**
 * lwIP's files, verified, from the first place that has them.
 *
 * Throws an Error that names every place tried and its failure.
 */
export async function lwipSource(log: (line: string) => void): Promise<LwipSource> {
  const given = Deno.env.get("LWIP_SRC");
  if (given) return await verified(given, `LWIP_SRC (${given})`);
  const cacheFolder = fileURLToPath(new URL("../../.cache", import.meta.url));
  const cache = `${cacheFolder}/lwip-${LWIP_VERSION}`;
  try {
    return await verified(cache, "the cache");
  } catch { /* not there yet, or damaged: fetch */ }

  const failures: string[] = [];
  const places: [string, (work: string) => Promise<string>][] = [
    ["Debian's source package", fromDebian],
    ["the upstream release", fromUpstream],
  ];
  for (const [origin, get] of places) {
    const work = await Deno.makeTempDir({ prefix: "norouter-lwip-" });
    try {
      log(`Getting lwIP ${LWIP_VERSION} from ${origin}`);
      const source = await verified(await get(work), origin);
      await keep(source, cache);
      return source;
    } catch (error) {
      failures.push(`${origin}: ${error instanceof Error ? error.message : error}`);
    } finally {
      await Deno.remove(work, { recursive: true }).catch(() => {});
    }
  }
  throw new Error(
    `Cannot get the source of lwIP ${LWIP_VERSION}: ${failures.join("; ")}. ` +
      "Unpack its release anywhere and set LWIP_SRC to that folder.",
  );
}
