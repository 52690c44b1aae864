// The files of the state directory.
import assert from "node:assert/strict";
import { ENTRIES, HOSTS, isUnix, namesIn, scene } from "./_scene.ts";

scene(
  "the state directory gets hosts, hostaliases and a README, all may read",
  HOSTS,
  async ({ folder, write, warnings, hosts }) => {
    const path = `${folder}/deep/state`;
    const files = await write({ stateDir: { path }, writeEtcHosts: false });
    assert.deepEqual(namesIn(path), ["README.md", "hostaliases", "hosts"]);
    const read = (name: string) => Deno.readTextFileSync(`${path}/${name}`);
    assert.equal(
      read("hosts").replace(/^# of the agent .*\n/m, ""),
      `${HOSTS}# <Added-by-NoRouter>\n${ENTRIES}# </Added-by-NoRouter>\n`,
    );
    assert.equal(
      read("hostaliases"),
      "local 127.0.42.100.nip.io\nweb 127.0.42.101.nip.io\n",
    );
    assert.match(read("README.md"), /hostaliases/);
    if (isUnix) {
      assert.equal(Deno.statSync(path).mode! & 0o777, 0o755);
      for (const name of namesIn(path)) {
        assert.equal(Deno.statSync(`${path}/${name}`).mode! & 0o777, 0o644, name);
      }
    }
    await files.restore();
    assert.equal(namesIn(path).length, 3);
    assert.equal(hosts(), HOSTS);
    assert.deepEqual(namesIn(`${folder}/etc`), ["hosts"]);
    assert.deepEqual(warnings, []);
  },
);

scene(
  "files of an earlier run are replaced, and a link is not followed",
  HOSTS,
  async ({ folder, write, warnings }) => {
    const stateDir = { path: folder };
    await Deno.writeTextFile(`${folder}/hostaliases`, "old ".repeat(1000));
    await Deno.writeTextFile(`${folder}/precious`, "precious");
    await Deno.symlink(`${folder}/precious`, `${folder}/hosts`);
    await write({ stateDir, writeEtcHosts: false });
    assert.equal(Deno.readTextFileSync(`${folder}/precious`), "precious");
    assert.equal(Deno.lstatSync(`${folder}/hosts`).isSymlink, false);
    assert.doesNotMatch(Deno.readTextFileSync(`${folder}/hostaliases`), /old/);
    assert.deepEqual(warnings, []);
  },
  { ignore: !isUnix },
);

scene(
  "a file that cannot be written is named with the cause, and the others are written",
  HOSTS,
  async ({ folder, write, warnings, hosts }) => {
    await Deno.mkdir(`${folder}/hostaliases/x`, { recursive: true });
    await write({ stateDir: { path: folder } });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^Cannot write \S+\/hostaliases: [^/]*directory[^/]*$/i);
    assert.deepEqual(
      namesIn(folder).filter((name) => name.startsWith(".")),
      [],
      "something is left",
    );
    assert.match(Deno.readTextFileSync(`${folder}/hosts`), /web/);
    assert.match(Deno.readTextFileSync(`${folder}/README.md`), /NoRouter/);
    assert.match(hosts(), /web/);
  },
  { ignore: !isUnix },
);

scene(
  "a state directory that cannot be made is one warning",
  HOSTS,
  async ({ systemHosts, write, warnings, hosts }) => {
    await write({ stateDir: { path: `${systemHosts}/state` } });
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /^Cannot make the state directory \S+\/hosts\/state: [^/]+$/,
    );
    assert.match(hosts(), /web/);
  },
);

scene(
  "an unset variable in the path is a warning that names it",
  HOSTS,
  async ({ write, warnings, hosts }) => {
    await write({ stateDir: { path: "${NOROUTER_UNSET}/x" } });
    assert.deepEqual(warnings, [
      'Cannot expand "${NOROUTER_UNSET}/x": the variable NOROUTER_UNSET is not set ' +
      "here; no hosts files are written there",
    ]);
    assert.match(hosts(), /web/);
  },
);

scene(
  "the state directory is ~/.norouter/agent if none is given, and holds the user's aliases",
  HOSTS,
  async ({ folder, systemHosts }) => {
    const given = `${folder}/aliases`;
    await Deno.writeTextFile(given, "# mine\nmine example.com\nweb example.com\nodd\n");
    const script = `
      import { writeNameFiles } from "${new URL("./name_files.ts", import.meta.url)}";
      const systemHosts = ${JSON.stringify(systemHosts)};
      const options = { names: { web: "127.0.0.2" }, systemHosts, warn: console.log };
      await writeNameFiles({ ...options, writeEtcHosts: false });`;
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", script],
      env: { HOME: folder, HOSTALIASES: given },
      stderr: "inherit",
    }).output();
    assert.ok(success);
    assert.equal(new TextDecoder().decode(stdout), "");
    const path = `${folder}/.norouter/agent/hostaliases`;
    assert.equal(
      Deno.readTextFileSync(path),
      "mine example.com\nweb 127.0.0.2.nip.io\n",
    );
  },
);
