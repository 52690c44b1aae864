/**
 * git clones and pushes through the proxies, from git's own server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pieces } from "../harness/peers/peer_data.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { startOrigin } from "../harness/web/origin.ts";
import { e2e } from "../harness/scene/scene.ts";
import { run } from "../harness/scene/process.ts";
import { PROXIES } from "../harness/web/ways.ts";

const { http, socks } = PROXIES;

/** git's ways into a mesh. For `https:` it asks the proxy for a tunnel, for `http:` not. */
const GIT_WAYS = [
  {
    name: "absolute",
    url: "http://web:8080/git/project.git",
    proxy: `http://${http.listen}`,
  },
  {
    name: "tunnel",
    url: "https://web:8443/git/project.git",
    proxy: `http://${http.listen}`,
  },
  {
    name: "socks",
    url: "http://web:8080/git/project.git",
    proxy: `socks5h://${socks.listen}`,
  },
] as const;

/** Bytes of each binary file; nothing that packs. */
const FILE_BYTES = 2 * 2 ** 20;

/** git, whatever the machine's and the user's settings are; it trusts `home`'s cert.pem. */
class Git {
  readonly #namespace: Namespace;
  readonly #env: Record<string, string>;

  constructor(namespace: Namespace, home: string) {
    this.#namespace = namespace;
    const someone = { NAME: "A Test", EMAIL: "test@example.com" };
    this.#env = {
      HOME: home,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      GIT_SSL_CAINFO: `${home}/cert.pem`,
      no_proxy: "",
      ...Object.fromEntries(
        Object.entries(someone).flatMap(([field, value]) =>
          ["AUTHOR", "COMMITTER"].map((who) => [`GIT_${who}_${field}`, value])
        ),
      ),
    };
  }

  async in(folder: string, ...args: string[]): Promise<string> {
    const options = { namespace: this.#namespace, env: this.#env, cwd: folder };
    return (await run(["git", ...args], options)).trim();
  }
}

async function writeBinary(file: string, seed: number): Promise<void> {
  await Deno.writeFile(file, ReadableStream.from(copies(pieces(FILE_BYTES, seed))));
}

function* copies(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const part of parts) yield part.slice();
}

/** A certificate of the name `web` for the next day, and its key, as files. */
async function makeCertificate(folder: string): Promise<{ cert: string; key: string }> {
  const cert = `${folder}/cert.pem`;
  const key = `${folder}/key.pem`;
  await run([
    ...["openssl", "req", "-x509", "-days", "1", "-nodes", "-keyout", key, "-out", cert],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    ...["-subj", "/CN=web", "-addext", "subjectAltName=DNS:web"],
  ]);
  return { cert, key };
}

e2e("git clones megabytes by every way, and pushes others back", async (scene) => {
  const { hosts: { local, web } } = await scene.mesh({
    local: { ...PROXIES },
    web: { ports: ["8080:127.0.0.1:80", "8443:127.0.0.1:443"] },
  });
  const folder = await scene.folder();
  const project = `${folder}/repositories/project.git`;
  await Deno.mkdir(project, { recursive: true });
  const git = new Git(local.namespace, folder);
  await git.in(project, "init", "--quiet", "--bare", "--initial-branch=main");
  await git.in(project, "config", "http.receivepack", "true");
  const first = `${folder}/first`;
  await git.in(folder, "clone", "--quiet", project, first);
  for (const number of [1, 2]) {
    await writeBinary(`${first}/binary-${number}`, number);
    await Deno.writeTextFile(`${first}/text`, `line ${number}\n`, { append: true });
    await git.in(first, "add", ".");
    await git.in(first, "commit", "--quiet", "-m", `Commit ${number}`);
  }
  await git.in(first, "push", "--quiet", "origin", "HEAD:main");
  const tls = { port: 443, ...await makeCertificate(folder) };
  await startOrigin(scene, web.namespace, {
    hostname: "127.0.0.1",
    port: 80,
    tls,
    repositories: `${folder}/repositories`,
  });

  const head = await git.in(first, "rev-parse", "HEAD", "HEAD^{tree}");
  await Promise.all(GIT_WAYS.map(async ({ name, url, proxy }, index) => {
    const clone = `${folder}/${name}`;
    // Over HTTP/2 git before 2.44 waits for ever if libcurl asks once more for data after
    // the end of what is pushed.
    const settings = ["-c", `http.proxy=${proxy}`, "-c", "http.version=HTTP/1.1"];
    await git.in(folder, ...settings, "clone", "--quiet", url, clone);
    assert.equal(await git.in(clone, "rev-parse", "HEAD", "HEAD^{tree}"), head, name);
    // Objects as their names say, and files as the objects say.
    await git.in(clone, "fsck", "--full", "--strict");
    assert.equal(await git.in(clone, "status", "--porcelain"), "", name);

    // More than git sends in one piece, so the body of the request is chunked.
    await writeBinary(`${clone}/${name}`, 10 + index);
    await git.in(clone, "add", ".");
    await git.in(clone, "commit", "--quiet", "-m", `By ${name}`);
    await git.in(clone, ...settings, "push", "--quiet", "origin", `HEAD:${name}`);
    const pushed = await git.in(clone, "rev-parse", "HEAD");
    assert.equal(await git.in(project, "rev-parse", name), pushed, `pushed by ${name}`);
  }));
  await git.in(project, "fsck", "--full", "--strict");
}, { needs: ["git", "openssl"] });
