/**
 * The install script does what it says in the shells it is made for, over a real web
 * server, and leaves nothing behind where it fails.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Certificate,
  namesIn,
  PROGRAM,
  Release,
  type RunOptions,
  sha256,
  SHELLS,
} from "../harness/packages/installer.ts";
import { isAlive } from "../harness/scene/proc.ts";
import { kill, run } from "../harness/scene/process.ts";
import { needs } from "../harness/scene/requirements.ts";
import { until } from "../harness/scene/wait.ts";

const PROGRAMS = ["dash", "bash", "busybox", "curl", "wget", "shasum", "openssl"];
const NOBODY = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** A test with a release of its own; `more` is what it needs besides the usual programs. */
function test(
  name: string,
  body: (release: Release) => Promise<void>,
  more: readonly string[] = [],
): void {
  const { ignore, missing } = Deno.build.os === "linux"
    ? needs(...PROGRAMS, ...more)
    // The tools that the script is tried with are Linux's.
    : { ignore: true, missing: ["Linux, whose tools the script is tried with"] };
  const title = ignore ? `${name} (left out: needs ${missing.join(", ")})` : name;
  Deno.test(title, { ignore }, async () => {
    await using release = await Release.serve();
    await body(release);
  });
}

/** Runs the script, which has to fail with this message alone and to install nothing. */
async function refuses(
  release: Release,
  message: string | RegExp,
  options: RunOptions = {},
): Promise<void> {
  const { status, stderr } = await release.run(options);
  if (typeof message === "string") {
    assert.equal(stderr, `norouter-install: ${message}\n`);
  } else {
    assert.match(stderr, message);
    assert.match(stderr, /^norouter-install: [^\n]+\n$/, "one line");
  }
  assert.equal(status, 1);
  release.assertNothing();
}

for (const shell of SHELLS) {
  for (const client of ["curl", "wget"]) {
    test(`${shell.name} with ${client} alone installs the release`, async (release) => {
      const options = { shell, tools: [client, "sha256sum"] };
      const { status, stdout, stderr } = await release.run(options);
      assert.equal(stderr, "");
      assert.deepEqual(stdout.split("\n").slice(0, 3), [
        `Downloading ${release.base}/${release.asset}`,
        `norouter 1.2.3 (a fake) is installed: ${release.target}`,
        "It is not on PATH. Add this line to ~/.profile and log in again:",
      ]);
      assert.equal(status, 0);
      release.assertInstalled();
    });

    test(`${shell.name} with ${client} names a file that is not there`, async (release) => {
      release.files.delete(release.asset);
      const url = `${release.base}/${release.asset}`;
      const message = new RegExp(`^norouter-install: Cannot download ${url}: .*404`);
      await refuses(release, message, { shell, tools: [client, "sha256sum"] });
    });

    test(`${shell.name} with ${client} gives up a server that stalls`, async (release) => {
      release.files.set(release.asset, () => release.endless({ begins: true }));
      await givesUp(release, "nothing came for 30 s", {
        shell,
        tools: [client, "sha256sum"],
      });
    });
  }

  test(`${shell.name} gives up a server that never answers`, async (release) => {
    release.files.set(release.asset, () => release.endless({}));
    await givesUp(release, "nothing came for 30 s", { shell });
  });

  test(`${shell.name} gives up a server that drips`, async (release) => {
    release.files.set(release.asset, () => release.endless({ everyMs: 50 }));
    const env = { NOROUTER_TIMEOUT: "60" };
    await givesUp(release, "it took more than 60 s", { shell, env });
  });

  test(`${shell.name} refuses a file with another sum, and shows both`, async (release) => {
    const tampered = PROGRAM.replace("fake", "fraud");
    release.files.set(release.asset, tampered);
    const message = `${release.base}/${release.asset} is not what SHA256SUMS says: its ` +
      `sum is ${await sha256(tampered)}, wanted ${await sha256(PROGRAM)}`;
    await refuses(release, message, { shell });
  });

  test(`${shell.name} keeps the older one when the new one is refused`, async (release) => {
    await release.run({ shell });
    await release.publish(PROGRAM.replace("fake", "newer"));
    release.files.set(release.asset, "something else");
    const { status, stderr } = await release.run({ shell });
    assert.match(stderr, /is not what SHA256SUMS says/);
    assert.equal(status, 1);
    release.assertInstalled();
  });

  test(`${shell.name} refuses a file without a sum`, async (release) => {
    release.files.set("SHA256SUMS", `${await sha256(PROGRAM)}  ${release.asset}.old\n`);
    const message = `Cannot verify ${release.asset}: ${release.base}/SHA256SUMS has no ` +
      "sum of it";
    await refuses(release, message, { shell });
  });

  test(`${shell.name} replaces an older one in one step`, async (release) => {
    await release.run({ shell });
    using older = await Deno.open(release.target);
    const newer = PROGRAM.replace("1.2.3", "1.2.4");
    await release.publish(newer);
    const { stdout } = await release.run({ shell });
    assert.match(stdout, /^norouter 1\.2\.4 .* is installed/m);
    assert.equal(Deno.readTextFileSync(release.target), newer);
    const bytes = new Uint8Array(100);
    const length = (await older.read(bytes))!;
    assert.equal(new TextDecoder().decode(bytes.subarray(0, length)), PROGRAM);
  });

  test(`${shell.name} leaves one that is the same, and says so`, async (release) => {
    await release.run({ shell });
    const { ino } = Deno.statSync(release.target);
    release.asked.length = 0;
    const { status, stdout } = await release.run({ shell });
    assert.match(stdout, /^norouter 1\.2\.3 \(a fake\) is already there: \//);
    assert.equal(status, 0);
    assert.equal(Deno.statSync(release.target).ino, ino);
    assert.deepEqual(release.asked, ["/v1.2.3/SHA256SUMS"]);
  });

  test(`${shell.name} says why a program does not run, and keeps it`, async (release) => {
    const broken = "#!/bin/sh\necho 'no such luck' >&2\nexit 3\n";
    await release.publish(broken);
    const { status, stderr } = await release.run({ shell });
    const message = "is installed but does not run: no such luck";
    assert.equal(stderr, `norouter-install: "${release.target}" ${message}\n`);
    assert.equal(status, 1);
    assert.equal(Deno.readTextFileSync(release.target), broken);
  });

  test(`${shell.name} does nothing with a script that was cut`, async (release) => {
    const { script } = release;
    const end = script.lastIndexOf("}");
    const cuts = [...script.matchAll(/\n/g)].map(({ index }) => index + 1)
      .filter((cut) => cut <= end);
    assert.ok(cuts.length > 200);
    for (const cut of [...cuts, end - 2, end]) {
      const outcome = await release.run({ shell, script: script.slice(0, cut) });
      assert.equal(outcome.stdout, "", `cut at ${cut}`);
    }
    assert.deepEqual(release.asked, []);
    assert.deepEqual(namesIn(release.home), []);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`${shell.name} cleans up at ${signal}`, async (release) => {
      let isGone = false;
      release.files.set(release.asset, ({ signal }) => {
        signal.addEventListener("abort", () => isGone = true);
        return release.endless({ everyMs: 50 });
      });
      const { child, output } = release.start({ shell });
      await until("the download", () => release.asked.length === 2);
      const folder = `${release.home}/.local/bin`;
      await until(
        "the file of the download",
        () =>
          namesIn(folder).some((work) =>
            namesIn(`${folder}/${work}`).includes("norouter")
          ),
      );
      kill(child.pid, signal);
      const { status } = await output;
      assert.equal(status, { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal]);
      release.assertNothing();
      await until("the end of the download", () => isGone);
      assert.equal(isAlive(child.pid), false);
    });
  }
}

/**
 * Runs the script, which has to give up the download for this reason. Its seconds pass some
 * twenty times as fast as others, but the 600 that it would wait at most are still too long.
 */
async function givesUp(release: Release, reason: string, options: RunOptions) {
  const message = `Cannot download ${release.base}/${release.asset}: ${reason}`;
  // By its path, since busybox's shell has a sleep of its own.
  const script = release.script.replace("sleep 1\n", "/bin/sleep 0.05\n");
  assert.notEqual(script, release.script);
  await refuses(release, message, { ...options, script });
}

for (const hasher of ["shasum", "openssl"]) {
  test(`${hasher} alone does for the sums`, async (release) => {
    const tools = ["curl", hasher];
    const { status, stderr } = await release.run({ tools });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    release.assertInstalled();
    release.files.set(release.asset, "tampered");
    Deno.removeSync(release.target);
    await refuses(release, /its sum is [0-9a-f]{64}, wanted [0-9a-f]{64}$/m, { tools });
  });
}

test("without curl and wget it says so", async (release) => {
  const message = `Cannot download ${release.asset}: there is neither curl nor wget`;
  await refuses(release, message, { tools: ["sha256sum"] });
});

test("without a program for sums it says so, and downloads nothing", async (release) => {
  const message =
    `Cannot verify ${release.asset}: there is neither sha256sum nor shasum ` +
    "nor openssl";
  await refuses(release, message, { tools: ["curl"] });
  assert.deepEqual(release.asked, []);
});

const machines: [string, string, string][] = [
  ["Linux", "x86_64", "norouter-linux-x64"],
  ["Linux", "aarch64", "norouter-linux-arm64"],
  ["Darwin", "arm64", "norouter-macos-arm64"],
  ["MINGW64_NT-10.0-26100", "x86_64", "norouter-windows-x64.exe"],
];
for (const [system, machine, asset] of machines) {
  test(`${system} on ${machine} gets ${asset}`, async (release) => {
    const { status } = await release.run({ fakes: { uname: uname(system, machine) } });
    assert.equal(status, 0);
    assert.deepEqual(release.asked, ["/v1.2.3/SHA256SUMS", `/v1.2.3/${asset}`]);
    const ending = asset.endsWith(".exe") ? ".exe" : "";
    release.assertInstalled(release.target + ending);
  });
}

for (const [system, machine] of [["Linux", "riscv64"], ["FreeBSD", "amd64"]] as const) {
  test(`${system} on ${machine} is named as one that there is nothing for`, async (release) => {
    const message =
      `There is no norouter for ${system} on ${machine}, only for Linux and ` +
      "macOS on x86_64 and arm64 and for Windows on x86_64";
    await refuses(release, message, { fakes: { uname: uname(system, machine) } });
    assert.deepEqual(release.asked, []);
  });
}

function uname(system: string, machine: string): string {
  return `case $1 in -s) echo ${system} ;; -m) echo ${machine} ;; esac`;
}

test(
  "a folder that cannot be made or written into is named with the cause",
  async (release) => {
    const before = NOBODY;
    const folder = `${release.home}/.local/bin`;
    const made = `Cannot make the folder "${folder}": Permission denied`;
    await refuses(release, made, { before });
    await Deno.mkdir(folder, { recursive: true });
    const written = `Cannot write into the folder "${folder}": Permission denied`;
    await refuses(release, written, { before });
  },
  ["namespaces"],
);

test("a file where the folder should be is named", async (release) => {
  const folder = `${release.home}/file`;
  await Deno.writeTextFile(folder, "");
  const message =
    /^norouter-install: Cannot make the folder "\/\S+\/file": (File exists|Not a directory)$/m;
  await refuses(release, message, { env: { NOROUTER_INSTALL_DIR: folder } });
});

test("a folder where the file should be is named", async (release) => {
  const folder = `${release.home}/bin`;
  await Deno.mkdir(`${folder}/norouter`, { recursive: true });
  const message = `Cannot install "${folder}/norouter": it is a folder`;
  await refuses(release, message, { env: { NOROUTER_INSTALL_DIR: folder } });
});

for (const client of ["curl", "wget"]) {
  for (const shell of SHELLS) {
    test(`${shell.name} with ${client} says that the disk is full`, async (release) => {
      await release.publish(PROGRAM + "#".repeat(200_000));
      const folder = `${release.home}/.local/bin`;
      await Deno.mkdir(folder, { recursive: true });
      const message =
        `Cannot write the download of ${release.base}/${release.asset} into ` +
        `"${folder}": No space left on device`;
      const before = onSmallDisk(folder);
      await refuses(release, message, { before, shell, tools: [client, "sha256sum"] });
    }, ["namespaces"]);
  }
}

/** A prefix that runs a command with a disk of 64 KiB at a folder, for it alone. */
function onSmallDisk(folder: string): string[] {
  const mount = 'mount -t tmpfs -o size=64k tmpfs "$1" && shift && exec "$@"';
  return ["/usr/bin/unshare", "-m", "/bin/sh", "-c", `PATH=$PATH:/bin:/usr/bin; ${mount}`]
    .concat("sh", folder);
}

test("root without HOME installs into /usr/local/bin", async (release) => {
  const { stdout, status } = await release.run({
    before: onSmallDisk("/usr/local/bin"),
    env: { HOME: undefined },
  });
  assert.match(
    stdout,
    /^norouter 1\.2\.3 .* is installed: \/usr\/local\/bin\/norouter$/m,
  );
  assert.equal(status, 0);
}, ["namespaces"]);

test("others without HOME have to say where", async (release) => {
  const message = "Neither NOROUTER_INSTALL_DIR nor HOME says where to install norouter";
  await refuses(release, message, { before: NOBODY, env: { HOME: undefined } });
}, ["namespaces"]);

const folders: [string, string][] = [
  ["/FOLDER/a b's $(c)/", "/FOLDER/a b's $(c)/norouter"],
  ["-n/bin", "/FOLDER/-n/bin/norouter"],
  ["~/bin", "/FOLDER/home/bin/norouter"],
];
for (const [given, target] of folders) {
  for (const shell of SHELLS) {
    test(`${shell.name} installs into "${given}"`, async (release) => {
      const [folder, expected] = [given, target]
        .map((path) => path.replace("/FOLDER", release.folder));
      const env = { NOROUTER_INSTALL_DIR: folder };
      const { status, stdout, stderr } = await release.run({ shell, env });
      assert.equal(stderr, "");
      assert.equal(status, 0);
      assert.ok(stdout.includes(` is installed: ${expected}\n`), stdout);
      release.assertInstalled(expected);
    });
  }
}

test("NOROUTER_VERSION, with or without a v, chooses another folder", async (release) => {
  for (const version of ["2.0.0", "v2.0.0"]) {
    await refuses(release, /404/, { env: { NOROUTER_VERSION: version } });
  }
  assert.deepEqual(release.asked, ["/v2.0.0/SHA256SUMS", "/v2.0.0/SHA256SUMS"]);
});

test("NOROUTER_BASE_URL is used as it is", async (release) => {
  const env = { NOROUTER_BASE_URL: `${release.base}/`, NOROUTER_VERSION: "2.0.0" };
  assert.equal((await release.run({ env })).status, 0);
  assert.equal(release.asked[0], "/v1.2.3/SHA256SUMS");
});

test("NOROUTER_TIMEOUT has to be seconds", async (release) => {
  for (const timeout of ["soon", "-1", "0", "1.5", "99999999"]) {
    const message = `NOROUTER_TIMEOUT is "${timeout}"; wanted seconds, like 600`;
    await refuses(release, message, { env: { NOROUTER_TIMEOUT: timeout } });
  }
});

const advice: [string | undefined, string][] = [
  ["/bin/bash", 'this line to ~/.bashrc and log in again:\n  export PATH="DIR:$PATH"\n'],
  ["/bin/zsh", 'this line to ~/.zshrc and log in again:\n  export PATH="DIR:$PATH"\n'],
  ["/usr/bin/fish", 'Run this once:\n  fish_add_path "DIR"\n'],
  ["/bin/tcsh", 'this line to ~/.cshrc and log in again:\n  setenv PATH "DIR:$PATH"\n'],
  ["/bin/ash", 'this line to ~/.profile and log in again:\n  export PATH="DIR:$PATH"\n'],
  [undefined, 'this line to ~/.profile and log in again:\n  export PATH="DIR:$PATH"\n'],
];
for (const [login, expected] of advice) {
  test(`users of ${login ?? "no shell"} are told how to find it`, async (release) => {
    const { stdout } = await release.run({ env: { SHELL: login } });
    const folder = release.target.replace("/norouter", "");
    assert.ok(stdout.includes(expected.replace("DIR", folder)), stdout);
    assert.ok(
      stdout.endsWith(`its whole path, also in a manifest's cmd: ${release.target}\n`),
    );
  });
}

test("the advice is right in a shell, whatever the folder's name", async (release) => {
  const folder = `${release.folder}/a "b" \`c\` $d \\e`;
  const { stdout } = await release.run({ env: { NOROUTER_INSTALL_DIR: folder } });
  const line = stdout.match(/^ {2}(export PATH=.*)$/m)![1]!;
  const { stdout: path } = await new Deno.Command("/bin/dash", {
    args: ["-c", `${line}; printf %s "$PATH"`],
    clearEnv: true,
    env: { PATH: "/bin" },
  }).output();
  assert.equal(new TextDecoder().decode(path), `${folder}:/bin`);
});

test("nothing is said of PATH if the folder is on it", async (release) => {
  const path = [`${release.home}/.local/bin`];
  const { stdout } = await release.run({ path });
  assert.equal(stdout.split("\n").length, 3, stdout);
  assert.match(stdout, /is installed: \S+\n$/);
});

test("another one that comes first on PATH is named", async (release) => {
  const path = [`${release.home}/.local/bin`];
  const { stdout } = await release.run({ path, fakes: { norouter: "exit 1" } });
  assert.match(
    stdout,
    /\nBut "norouter" is another one, .* on PATH: \/\S+\/bin-1\/norouter\n$/,
  );
});

test("what follows the script on standard input is left to the shell", async (release) => {
  const { stdout } = await release.run({
    shell: SHELLS.find(({ name }) => name === "bash")!, // which reads no further than it has to
    script: `${release.script}echo The end\n`,
    fakes: { uname: 'cat >/dev/null; exec /bin/uname "$@"' },
    tools: ["cat", "curl", "sha256sum"],
  });
  assert.match(stdout, /is installed[^]*\nThe end\n$/);
});

/** A certificate that nobody has reason to trust. */
async function makeCertificate(): Promise<Certificate> {
  const folder = await Deno.makeTempDir();
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  try {
    await run([
      ...[
        "openssl",
        "req",
        "-x509",
        "-days",
        "1",
        "-nodes",
        "-keyout",
        key,
        "-out",
        cert,
      ],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
    ]);
    return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const client of ["curl", "wget"]) {
  test(`${client} refuses a server whose certificate nobody trusts`, async () => {
    await using release = await Release.serve(await makeCertificate());
    const message = /Cannot download https:\S+: .*certificate/i;
    await refuses(release, message, { tools: [client, "sha256sum"] });
    assert.deepEqual(release.asked, []);
  });
}

test("a wget that tells that it trusts every certificate is told of", async (release) => {
  // As busybox's does; the one that is here shares no cipher with this server.
  const note = "wget: note: TLS certificate validation not implemented";
  const wget = `echo '${note}' >&2; exec /bin/busybox wget "$@"`;
  const { status, stderr } = await release.run({
    tools: ["sha256sum"],
    fakes: { wget },
  });
  const message =
    `This wget does not check certificates: nothing vouches for ${release.base}`;
  assert.equal(stderr, `norouter-install: ${message}\n`);
  assert.equal(status, 0);
  release.assertInstalled();
});

test("curl does not follow from https to http", async (release) => {
  await using secure = await Release.serve(await makeCertificate());
  secure.files.set("SHA256SUMS", () => Response.redirect(`${release.base}/SHA256SUMS`));
  // The user trusts the server, so that the redirect is all there is to refuse.
  await Deno.writeTextFile(`${secure.home}/.curlrc`, "insecure\n");
  await refuses(secure, /Cannot download https:\S+: .*protocol "?http"?/i);
  assert.deepEqual(release.asked, []);
});
