/**
 * The ways into a mesh that curl knows, and their outcome.
 *
 * @module
 */
import type { Namespace } from "../scene/namespace.ts";
import type { Answer } from "./site_server.ts";

/** Where the proxies of every host under test listen, as written in a manifest. */
export const PROXIES = {
  http: { listen: "127.0.0.1:18080" },
  socks: { listen: "127.0.0.1:18081" },
} as const;

const { http: { listen: HTTP }, socks: { listen: SOCKS } } = PROXIES;

/** curl's options for each way through a proxy. */
export const PROXY_WAYS = {
  "HTTP proxy": ["--noproxy", "", "--proxy", `http://${HTTP}`],
  "HTTP tunnel": ["--noproxy", "", "--proxytunnel", "--proxy", `http://${HTTP}`],
  "SOCKS4a": ["--noproxy", "", "--socks4a", SOCKS],
  "SOCKS5h": ["--noproxy", "", "--socks5-hostname", SOCKS],
} as const;

/** All ways; names are then those of the hosts file, addresses those of the loopback. */
export const WAYS = { loopback: ["--noproxy", "*"], ...PROXY_WAYS } as const;

/** A way into the mesh. */
export type Way = keyof typeof WAYS;

/** curl's exit status for the failures that the tests look for. */
export const CurlExit = {
  PROXY_RESOLVE: 5,
  NO_CONNECTION: 7,
  RECEIVE_FAILED: 56,
  PROXY_REFUSED: 97,
} as const;

/** How curl ended. */
export interface Outcome {
  /** curl's exit status; 0 on success, whatever the server's status is. */
  readonly exit: number;
  /** The status that the server answered with, or the proxy in its place; 0 for none. */
  readonly status: number;
  /** The status that a proxy answered to CONNECT with; 0 for none. */
  readonly connectStatus: number;
  /** The received body. */
  readonly body: string;
  /** curl's words on standard error. */
  readonly complaint: string;
}

const SILENT = ["-sS", "--max-time", "20"];

/** Runs curl in a namespace to its end, for a URL. */
export async function curlOutcome(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Outcome> {
  const format = "\n%{http_code} %{http_connect}";
  const { code, text, complaint } = await run(
    namespace,
    [...SILENT, "--write-out", format, ...options],
  );
  const cut = text.lastIndexOf("\n");
  const [status, connectStatus] = text.slice(cut + 1).split(" ").map(Number);
  const body = text.slice(0, Math.max(cut, 0));
  return { exit: code, status: status!, connectStatus: connectStatus!, body, complaint };
}

/** Answers of a site's servers (see site_server.ts), a line each; fails if curl does. */
export async function answersOf(
  namespace: Namespace,
  ...options: readonly string[]
): Promise<Answer[]> {
  const { code, text, complaint } = await run(namespace, [
    ...SILENT,
    "--fail",
    ...options,
  ]);
  const ask = `curl ${options.join(" ")}`;
  if (code !== 0) throw new Error(`${ask} ended with ${code}: ${complaint}`);
  return text.split("\n").filter((line) => line !== "").map((line) => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new Error(`${ask} got no answer of a site: ${line}`, { cause });
    }
  });
}

async function run(namespace: Namespace, options: readonly string[]) {
  const [program, ...args] = namespace.command("curl", ...options);
  const output = await new Deno.Command(program!, { args, stdin: "null" }).output();
  return {
    code: output.code,
    text: new TextDecoder().decode(output.stdout),
    complaint: new TextDecoder().decode(output.stderr).trim(),
  };
}
