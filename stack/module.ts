/** Loads the compiled stack, once per process. */

let compiled: Promise<WebAssembly.Module> | undefined;

async function load(): Promise<WebAssembly.Module> {
  const url = new URL("./lwip.wasm", import.meta.url);
  let bytes: Uint8Array;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`status ${response.status}`);
    bytes = await response.bytes();
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
