// The file by which a manager takes its agents back after it was killed.
import assert from "node:assert/strict";
import { manifestFromObject } from "../../manifest/parse.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { chanceName, meshTitle } from "./mesh_name.ts";
import { type KeptAgent, StateFile } from "./state_file.ts";

const agent: KeptAgent = {
  id: "0123456789abcdef",
  secret: "00112233445566778899aabbccddeeff",
  seconds: 300,
  epoch: 7,
  configuration: "ab".repeat(32),
};

const manifest = (hosts: Record<string, unknown>) =>
  manifestFromObject({ hosts }, {
    path: "manifest",
    transports: new Map([["fake", { name: "fake", parse: (spec: unknown) => spec }]]),
  });
const { hosts } = manifest({ here: {}, web: { fake: {} } });

/** Calls `use` with the path of a file that is not there, in a folder of its own. */
async function withPath(use: (path: string, folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    use(`${folder}/state`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function written(path: string): StateFile {
  const state = StateFile.open(path);
  state.begin("feedbeef", hosts, () => true);
  state.set("web", agent);
  return state;
}

Deno.test("a state is read as it was written", () =>
  withPath((path) => {
    const state = written(path);
    const again = StateFile.open(path);
    assert.equal(again.mesh, "feedbeef");
    assert.deepEqual([...again.hosts], [["web", agent]]);
    state.set("web", { ...agent, epoch: 8 });
    assert.equal(StateFile.open(path).hosts.get("web")?.epoch, 8);
    state.remove("web");
    assert.equal(StateFile.open(path).hosts.size, 0);
  }));

Deno.test("the file of another mesh is refused, naming both, and stays as it was", () =>
  withPath((path) => {
    const state = StateFile.open(path, "/home/me/one.yaml");
    state.begin("feedbeef", hosts, () => true);
    state.set("web", agent);
    const text = Deno.readTextFileSync(path);
    assert.throws(() => StateFile.open(path, "/home/me/two.yaml"), {
      message:
        `Cannot use the state file ${path}: it is of the mesh /home/me/one.yaml, ` +
        "and this one is /home/me/two.yaml. Name another file; if it is the same mesh, " +
        'say so by "of" in the file',
    });
    assert.equal(Deno.readTextFileSync(path), text);
    // Its own, one whose name is of chance, and a file of before there were titles.
    for (const title of ["/home/me/one.yaml", meshTitle({ name: chanceName() })]) {
      assert.equal(StateFile.open(path, title).hosts.size, 1);
    }
    Deno.writeTextFileSync(path, text.replace(/^ +"of".*\n/m, ""));
    assert.equal(StateFile.open(path, "two").hosts.size, 1);
    assert.equal(meshTitle({ name: "two" }), "two");
  }));

Deno.test("agents of hosts that are not there any more are forgotten", () =>
  withPath((path) => {
    written(path);
    const state = StateFile.open(path);
    state.begin("feedbeef", hosts, (host) => host !== "web");
    assert.equal(StateFile.open(path).hosts.size, 0);
  }));

Deno.test("a file that is not there is made, and nothing is left beside it", {
  ignore: Deno.build.os === "windows",
}, () =>
  withPath((path, folder) => {
    Deno.writeTextFileSync(`${folder}/.state.${Deno.pid}.new`, "of a process long ago");
    written(path);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["state"]);
  }));

Deno.test("a file that others can read or change is refused", {
  ignore: Deno.build.os === "windows",
}, () =>
  withPath((path, folder) => {
    written(path);
    for (const mode of [0o640, 0o604, 0o666]) {
      Deno.chmodSync(path, mode);
      assert.throws(() => StateFile.open(path), {
        message: `Cannot use the state file ${path}: its mode is 0${mode.toString(8)}, ` +
          `and it holds secrets: chmod 600 ${path}`,
      });
    }
    Deno.chmodSync(path, 0o600);
    Deno.symlinkSync(path, `${folder}/link`);
    assert.throws(() => StateFile.open(`${folder}/link`), {
      message: `Cannot use the state file ${folder}/link: it is a link; name the file ` +
        `that it leads to`,
    });
    assert.throws(() => StateFile.open(folder), {
      message: `Cannot use the state file ${folder}: it is a folder; name a file, such ` +
        `as ${folder}/mesh.state`,
    });
    assert.throws(
      () => StateFile.open("/dev/null"),
      /: it is no plain file; name another path$/,
    );
    if (Deno.uid() !== 0) return;
    Deno.chownSync(path, 12_345, null);
    assert.throws(
      () => StateFile.open(path),
      /: it belongs to another user \(uid 12345, not 0\), who may change it$/,
    );
  }));

Deno.test("a damaged file is told with the place, without its secrets, and stays", () =>
  withPath((path) => {
    written(path);
    const text = Deno.readTextFileSync(path);
    const cases: [string, RegExp][] = [
      ["", /state: it is empty \(remove it: without the file/],
      ["\n", /state: it is empty/],
      [text.slice(0, 25), /state:3:\d+: it is no JSON from here on/],
      [text.replace('"secret"', "secret"), /state:11:7: it is no JSON from here on/],
      [
        text.replace(/"0011.*?"/, '"0011"'),
        /hosts\.web\.secret: Expected 32 hexadecimal/,
      ],
      [
        text.replace('"epoch": 7', '"epoch": "7"'),
        /hosts\.web\.epoch: .*Expected number/,
      ],
      [
        text.replace('"version": 1', '"version": 2, "hosts": 3'),
        /another version of NoRouter has written it, in form 2, and this version knows/,
      ],
      [text.replace('"version": 1', '"version": "1"'), /version: .*Expected 1/],
      ["{", /state:1:2: it is no JSON from here on/],
      ["[]", /version: Invalid key/],
    ];
    for (const [damaged, pattern] of cases) {
      Deno.writeTextFileSync(path, damaged);
      assert.throws(() => StateFile.open(path), (error) => {
        const { message } = error as Error;
        assert.match(message, pattern);
        assert.match(message, /^Cannot read the state file .*agents are started anew\)$/);
        assert.doesNotMatch(message, /0011/);
        return true;
      });
      assert.equal(Deno.readTextFileSync(path), damaged);
    }
  }));

Deno.test("a file that cannot be written is told, and nothing is left beside it", {
  ignore: Deno.build.os === "windows",
}, () =>
  withPath((path, folder) => {
    const state = written(path);
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    assert.throws(() => state.set("web", agent), /^Error: Cannot write the state file /);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["state"]);
  }));

Deno.test("hosts have the addresses again that were found for them", () =>
  withPath((path) => {
    const vipsOf = ({ hosts }: ReturnType<typeof manifest>) =>
      hosts.map(({ name, vip }) => `${name} ${formatIpv4(vip)}`).join(", ");
    const state = StateFile.open(path);
    const found = manifest({
      here: { vip: "127.0.42.100" },
      web: { fake: {}, vip: "127.0.42.150" },
    });
    state.begin("feedbeef", found.hosts, () => true);
    const again = StateFile.open(path).withVips(
      manifest({ here: {}, web: { fake: {} }, other: { fake: {} } }),
    );
    assert.equal(
      vipsOf(again),
      "here 127.0.42.100, web 127.0.42.150, other 127.0.42.102",
    );
    assert.deepEqual(again.hosts.map(({ vipAssigned }) => vipAssigned), [
      false,
      false,
      true,
    ]);
    const taken = manifest({ here: { vip: "127.0.42.150" }, web: { fake: {} } });
    assert.equal(StateFile.open(path).withVips(taken), taken);
  }));
