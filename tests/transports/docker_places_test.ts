/**
 * The executable in containers as careful people run them: without a user that has a name
 * or a home, and with a root that cannot be written.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cloneFolder } from "../harness/packages/executable.ts";
import { dockerTest } from "../harness/engines/docker.ts";
import { busyboxRoot } from "../harness/engines/image_root.ts";

const USER = 12345;
const FOLDER = "/norouter-linux-x64";
const CAREFUL = ["--read-only", "--user", `${USER}:${USER}`, "--cap-drop", "ALL"];
const VERSION = /^norouter \d.*\n$/;

dockerTest(
  "it runs for any user, from a read-only root with a tmpfs, or says why not",
  async (docker, scene, { file, folder }) => {
    const root = `${await scene.folder()}/busybox`;
    await busyboxRoot(root);
    await Deno.copyFile(file, `${root}/bin/norouter`);
    await cloneFolder(folder, `${root}${FOLDER}`);
    const image = await docker.image(root);
    const start = ["norouter", "--version"];

    const runs: [what: string, options: string[], command: string[]][] = [
      ["a user without a name or home", ["--user", `${USER}`], start],
      ["a tmpfs with exec", [...CAREFUL, "--tmpfs", "/tmp:exec,mode=1777"], start],
      ["the folder, in a read-only root", CAREFUL, [`${FOLDER}/norouter`, "--version"]],
    ];
    for (const [what, options, command] of runs) {
      const { code, out, err } = await docker.ran(image, options, command);
      assert.deepEqual({ what, code, err }, { what, code: 0, err: "" });
      assert.match(out, VERSION);
    }

    const own = `/tmp/norouter-${USER}`;
    const refusals: [options: string[], reason: RegExp][] = [
      [[], new RegExp(`  ${own}: .*Read-only file system`)],
      // As `--tmpfs` mounts it unless told otherwise.
      [["--tmpfs", "/tmp"], new RegExp(`  ${own}: .*noexec.*Permission denied`)],
      [
        ["--tmpfs", "/tmp:exec,mode=1777,size=64m"],
        new RegExp(`  ${own}: .*No space left on device`),
      ],
    ];
    for (const [options, reason] of refusals) {
      const { code, out, err } = await docker.ran(image, [...CAREFUL, ...options], start);
      assert.deepEqual({ code, out }, { code: 70, out: "" });
      assert.match(err, reason);
      assert.match(err, new RegExp(`  /var/tmp/norouter-${USER}: .*Read-only`));
      assert.match(err, /^ {2}\/bin\/\.norouter-cache: .*Read-only/m);
    }
  },
  { needs: ["busybox", "chroot"], limitMs: 90_000 },
);

dockerTest(
  "an empty image with the folder runs for any user, from a read-only root",
  async (docker, scene, { folder }) => {
    const root = `${await scene.folder()}/empty`;
    await Deno.mkdir(root);
    await cloneFolder(folder, `${root}${FOLDER}`);
    const image = await docker.image(root);
    const bare = [
      `${FOLDER}/ld.so`,
      "--library-path",
      `${FOLDER}/lib`,
      `${FOLDER}/deno`,
      "run",
      "--quiet",
      "--allow-all",
      "--no-config",
      "--no-lock",
      `${FOLDER}/app/cli.js`,
      "--version",
    ];
    for (const options of [[], CAREFUL]) {
      const { code, out, err } = await docker.ran(image, options, bare);
      assert.deepEqual({ code, err }, { code: 0, err: "" });
      assert.match(out, VERSION);
    }
  },
);
