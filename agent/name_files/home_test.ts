// The table above the code, and the system's own answers.
import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { expandPath } from "./home.ts";

const ENV: Record<string, string> = {
  HOME: "/home/jo",
  STATE: "/var/lib/norouter",
  NAME_2: "two",
  EMPTY: "",
  NESTED: "$STATE",
  TILDE: "~/deep",
};
const env = (name: string) => ENV[name];
const home = () => "/home/of/passwd";

const right: [string, string][] = [
  ["~", "/home/jo"],
  ["~/", "/home/jo/"],
  ["~/.norouter/agent", "/home/jo/.norouter/agent"],
  ["/a/~/b", "/a/~/b"],
  ["$STATE", "/var/lib/norouter"],
  ["${STATE}/x", "/var/lib/norouter/x"],
  ["/x/$NAME_2/${NAME_2}y", "/x/two/twoy"],
  ["$NAME_2.d", "two.d"],
  ["/x$EMPTY", "/x"],
  ["$NESTED/x", "$STATE/x"],
  ["$TILDE/x", "/home/jo/deep/x"],
  ["/costs/$", "/costs/$"],
  ["/costs/$1", "/costs/$1"],
  ["relative", "relative"],
];
for (const [path, expected] of right) {
  Deno.test(`"${path}" expands to "${expected}"`, () => {
    assert.equal(expandPath(path, { env, home }), expected);
  });
}

const wrong: [string, RegExp][] = [
  ["$UNSET/x", /^Error: Cannot expand "\$UNSET\/x": the variable UNSET is not set here$/],
  ["/x/${UNSET}", /the variable UNSET is not set here/],
  ["${}", /"\$\{\}" is no variable/],
  ["${STATE", /"\$\{STATE" is no variable/],
  ["${A B}", /"\$\{A B\}" is no variable/],
  ["~root/x", /"~" has to be alone or before a "\/"/],
];
for (const [path, message] of wrong) {
  Deno.test(`"${path}" cannot be expanded, and the error says why`, () => {
    assert.throws(() => expandPath(path, { env, home }), (error) => {
      assert.match(String(error), message);
      return true;
    });
  });
}

Deno.test("without HOME, the home directory is the one of the user database", () => {
  const bare = { env: () => undefined, home };
  assert.equal(expandPath("~/x", bare), "/home/of/passwd/x");
  assert.equal(expandPath("${HOME}/x", bare), "/home/of/passwd/x");
  assert.equal(expandPath("~/x", { env: () => "", home }), "/home/of/passwd/x");
  assert.equal(expandPath("~/x", { env: () => undefined, home: () => "/" }), "/x");
  assert.equal(expandPath("~", { env: () => "/", home }), "/");
});

Deno.test("a user that no database knows has no home, and the error says so", () => {
  for (const home of [() => "", () => assert.fail("no such user")]) {
    assert.throws(
      () => expandPath("~/x", { env: () => undefined, home }),
      /Cannot expand "~\/x": this user has no home directory/,
    );
  }
});

Deno.test("the system answers where nothing else is given", async () => {
  const script = `
    import { expandPath } from "${new URL("./home.ts", import.meta.url)}";
    console.log(expandPath("~/x"));`;
  const run = async (home: Record<string, string>) => {
    const kept = ["PATH", "DENO_DIR", "SystemRoot", "TEMP"]
      .flatMap((name) => Deno.env.has(name) ? [[name, Deno.env.get(name)!]] : []);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", script],
      clearEnv: true,
      env: { ...Object.fromEntries(kept), ...home },
      stderr: "inherit",
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  assert.equal(await run({ HOME: "/somewhere" }), "/somewhere/x");
  assert.equal(await run({}), `${userInfo().homedir}/x`);
});
