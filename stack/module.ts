/**
 * Loads the compiled stack, once per process.
 *
 * @module
 */

let compiled: Promise<WebAssembly.Module> | undefined;

async function load(): Promise<WebAssembly.Module> {
  const url = new URL("./lwip.wasm", import.meta.url);
  let bytes: Uint8Array;
  try {
    bytes = await read(url);
  } catch (cause) {
    const hint = url.protocol === "file:" ? " It is made by `deno task build`." : "";
    throw new Error(`Cannot load the TCP/IP stack from ${url.href}: ${cause}.${hint}`, {
      cause,
    });
  }
  return await WebAssembly.compile(bytes as BufferSource);
}

/**
 * The stack's WebAssembly module, which imports nothing, so that each agent of a process
 * makes an instance of its own.
 *
 * Rejects with an Error that names the address if `lwip.wasm` cannot be read.
 */
export function stackModule(): Promise<WebAssembly.Module> {
  compiled ??= load().catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

/**
 * The file beside this module. Deno keeps fetched modules but no files that those fetch,
 * so a file from a registry, where an address never changes its content, is kept here,
 * and a program that started once starts without a network too.
 */
async function read(url: URL): Promise<Uint8Array> {
  const cache = url.protocol === "file:"
    ? undefined
    : await caches.open("norouter").catch(() => undefined);
  const kept = await cache?.match(url).catch(() => undefined);
  if (kept) return await kept.bytes();
  const response = await fetch(url);
  if (!response.ok) throw new Error(`status ${response.status}`);
  await cache?.put(url, response.clone()).catch(() => {});
  return await response.bytes();
}
