/**
 * A web server of everything that a browser, git and a WebSocket client ask for, known by
 * several names: `web_origin.ts JSON`, where the JSON is a WebOriginOptions.
 *
 * Prints a JSON object once all servers listen.
 *
 * @module
 */
import { gitBackend } from "./git_backend.ts";
import { pieces } from "../peers/peer_data.ts";
import { pause } from "../scene/wait.ts";

/** Content to serve, and addresses. */
export interface WebOriginOptions {
  readonly hostname: string;
  readonly port: number;
  /** Where the same is served over TLS; files in PEM. */
  readonly tls?: { readonly port: number; readonly cert: string; readonly key: string };
  /** A folder of bare git repositories, served below `/git/`. */
  readonly repositories?: string;
}

/** Length and seed of `/large`; see `pieces`. */
export const LARGE = { bytes: 16 * 2 ** 20, seed: 7 } as const;

/** A page that was not told to be complete is let go after this time, incomplete. */
const GATE_LIMIT_MS = 30_000;

const PAGE = new URL("./page/", import.meta.url);

/** Gates that hold the load of a page, by the page's address. */
const gates = new Map<string, PromiseWithResolvers<void>>();

function gateOf(request: Request): PromiseWithResolvers<void> {
  const page = request.headers.get("referer") ?? "";
  const gate = gates.get(page) ?? Promise.withResolvers<void>();
  gates.set(page, gate);
  return gate;
}

function typed(type: string, body: BodyInit): Response {
  return new Response(body, {
    // Any of its names may ask for the resources of the others.
    headers: { "Content-Type": type, "Access-Control-Allow-Origin": "*" },
  });
}

function image(width: string): Response {
  const size = `width="${width}" height="1"`;
  return typed(
    "image/svg+xml",
    `<svg xmlns="http://www.w3.org/2000/svg" ${size}></svg>`,
  );
}

/** Parts with a pause between each, so that they travel alone. */
async function* slowly(parts: string[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const part of parts) {
    yield new TextEncoder().encode(part);
    await pause(50);
  }
}

/** Sends the received messages back, perhaps after a first word of its own. */
function echo(request: Request, greeting: string): Response {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.binaryType = "arraybuffer";
  if (greeting !== "") socket.onopen = () => socket.send(greeting);
  socket.onmessage = ({ data }) => socket.send(data);
  socket.onerror = () => {};
  return response;
}

/** The answer of each path; `rest` is the path behind the part that chose the answer. */
const PATHS: Record<
  string,
  (request: Request, rest: string) => Response | Promise<Response>
> = {
  page: async () => typed("text/html", await Deno.readFile(new URL("index.html", PAGE))),
  "main.js": async () =>
    typed("text/javascript", await Deno.readFile(new URL("main.js", PAGE))),
  script: (_, number) => typed("text/javascript", `globalThis.ran.push(${number});`),
  image: (_, width) => image(width),
  style: (request, name) => {
    const imported = new URL(request.url).searchParams.get("import");
    const first = imported === null ? "" : `@import "/style/${imported}";\n`;
    return typed("text/css", `${first}* { --${name}: styled by ${name} }`);
  },
  frame: () => typed("text/html", "<body>a frame"),
  // Whom the client asked for, and the words of proxies about themselves.
  text: (request) => {
    const via = request.headers.has("via") ? "via a proxy" : "directly";
    return typed("text/plain", `${request.headers.get("host")} ${via}`);
  },
  echo: async (request) => typed("text/plain", await request.text()),
  redirect: () => new Response(null, { status: 302, headers: { Location: "/text" } }),
  gzip: () => {
    const body = new Blob(["what was packed ".repeat(1000)]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    return new Response(body, { headers: { "Content-Encoding": "gzip" } });
  },
  chunked: () => new Response(ReadableStream.from(slowly(["one ", "two ", "three"]))),
  events: () =>
    typed(
      "text/event-stream",
      ReadableStream.from(slowly(["one", "two", "three"].map((n) => `data: ${n}\n\n`))),
    ),
  large: () => {
    const parts = pieces(LARGE.bytes, LARGE.seed);
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const { value, done } = parts.next();
      if (done) controller.close();
      else controller.enqueue(value.slice());
    };
    return typed("application/octet-stream", new ReadableStream({ pull }));
  },
  ws: echo,
  gate: async (request) => {
    const limit = setTimeout(gateOf(request).resolve, GATE_LIMIT_MS);
    await gateOf(request).promise;
    clearTimeout(limit);
    return image("1");
  },
  "open-gate": (request) => {
    gateOf(request).resolve();
    return new Response();
  },
};

async function serve({ hostname, port, tls, repositories }: WebOriginOptions) {
  const handler = (request: Request): Response | Promise<Response> => {
    const [first = "", ...rest] = new URL(request.url).pathname.slice(1).split("/");
    if (first === "git" && repositories !== undefined) {
      return gitBackend(request, { root: repositories, path: `/${rest.join("/")}` });
    }
    const answer = Object.hasOwn(PATHS, first) ? PATHS[first] : undefined;
    return answer?.(request, rest.join("/")) ??
      new Response("nothing here", { status: 404 });
  };
  const listening: Promise<void>[] = [];
  const began = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    listening.push(promise);
    return () => resolve();
  };
  const servers = [Deno.serve({ hostname, port, onListen: began() }, handler)];
  if (tls !== undefined) {
    const [cert, key] = await Promise.all(
      [tls.cert, tls.key].map((file) => Deno.readTextFile(file)),
    );
    const options = { hostname, port: tls.port, cert: cert!, key: key! };
    servers.push(Deno.serve({ ...options, onListen: began() }, handler));
  }
  await Promise.all(listening);
  console.log(JSON.stringify({ event: "listening" }));
  await Promise.all(servers.map(({ finished }) => finished));
}

if (import.meta.main) await serve(JSON.parse(Deno.args[0]!) as WebOriginOptions);
