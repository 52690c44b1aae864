/**
 * The bytes of a plug-in's file, from here or from a server, and their SHA-256.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { isPrivate, type PluginPlace } from "./place.ts";
import { readRegular } from "../../manifest/source/regular_file.ts";
import { messageOf } from "../../wire/text.ts";

/** The file that was read. */
export interface PluginBytes {
  /** The file's content. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In lower case. */
  readonly sha256: string;
  /** Whether the file is TypeScript, by its name or by the server's word. */
  readonly isTypeScript: boolean;
}

/** Far beyond any transport. */
const MAX_BYTES = 16 * 2 ** 20;
const MAX_REDIRECTS = 5;

/**
 * Reads a plug-in that is a single file.
 *
 * @throws {Error} with a message to stand behind the plug-in's name.
 */
export async function readPlugin(
  { kind, href }: PluginPlace,
  limitMs: number,
): Promise<PluginBytes> {
  if (kind === "file") return await describe(await readFile(href), href);
  const signal = AbortSignal.timeout(limitMs);
  try {
    return await fetchPlugin(new URL(href), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Error(`did not come within ${limitMs / 1000} s`, { cause: error });
  }
}

async function readFile(href: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readRegular(fileURLToPath(href));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new Error("cannot be read: there is no such file", { cause });
    }
    throw new Error(`cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Redirects are followed by hand, so that none leads out of the encrypted connection. */
async function fetchPlugin(start: URL, signal: AbortSignal): Promise<PluginBytes> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await request(url, signal);
    const by = url === start ? "" : ` (at ${url.href}, where a redirect leads)`;
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      const next = URL.parse(location, url);
      // From a server of the network no way leads to servers that listen on this machine
      // only.
      if (!next || !isPrivate(next) || next.protocol !== start.protocol) {
        throw new Error(`is redirected to ${location}${by}, which is not followed`);
      }
      url = next;
      continue;
    }
    if (!response.ok) {
      await response.body?.cancel();
      const { status, statusText } = response;
      throw new Error(`cannot be fetched: HTTP status ${status} ${statusText}${by}`);
    }
    const bytes = await readBody(response);
    const type = response.headers.get("content-type") ?? "";
    return await describe(bytes, url.href, type);
  }
  throw new Error(`is redirected more than ${MAX_REDIRECTS} times`);
}

async function request(url: URL, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { redirect: "manual", signal });
  } catch (cause) {
    throw new Error(`cannot be fetched: ${reason(cause)}`, { cause });
  }
}

async function readBody(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new Error(`cannot be fetched: ${reason(cause)}`, { cause });
  }
  if (length > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES / 2 ** 20} MiB`);
  return await new Blob(chunks).bytes();
}

/** The innermost cause: the outer errors only say that the read failed. */
function reason(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause;
  const text = messageOf(inner);
  return text.replace(
    /^error sending request for url \([^)]*\): (client error \(\w+\): )?/,
    "",
  );
}

async function describe(
  bytes: Uint8Array<ArrayBuffer>,
  href: string,
  type = "",
): Promise<PluginBytes> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const path = new URL(href).pathname;
  const isScript = /\.m?js$/.test(path) ||
    !/\.m?ts$/.test(path) && /javascript/.test(type);
  return { bytes, sha256: hash.toHex(), isTypeScript: !isScript };
}
