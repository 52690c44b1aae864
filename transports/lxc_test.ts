import assert from "node:assert/strict";
import { assertCommands, assertMistakes, typedConformance } from "./_typed.ts";
import { lxc } from "./lxc.ts";

typedConformance(lxc, { instance: "box" });

Deno.test("an agent is started in a session of its own, as commands are killed", () => {
  assert.equal(lxc.killsCommands, true);
});

Deno.test("an instance is reached by the command its options ask for", () => {
  assertCommands(lxc, [
    ["box", "lxc exec -T box -- norouter"],
    ["lab:box", "lxc exec -T lab:box -- norouter"],
    [
      { instance: "box", remote: "lab:", project: "web", user: 1000, group: "100" },
      "lxc exec -T --project=web --user=1000 --group=100 lab:box -- norouter",
    ],
    [
      { instance: "box", workdir: "/srv", env: { A: "b c" }, program: "incus" },
      "incus exec -T --cwd=/srv '--env=A=b c' box -- norouter",
    ],
    [
      { instance: "box", agent: "/opt/norouter -q" },
      "lxc exec -T box -- /opt/norouter -q",
    ],
  ]);
});

Deno.test("options of an instance that are wrong are told, with what to write", () => {
  assertMistakes(lxc, [
    [{}, [[], /"instance" is missing, like lxc: box/]],
    [
      { container: "box" },
      [["container"], /unknown option "container"; wanted "instance"/, "key"],
      [[], /"instance" is missing/],
    ],
    [{ instance: "box", user: "app" }, [
      ["user"],
      /a user's number from 0 to 4294967295/,
    ]],
    [{ instance: "box", user: -1 }, [["user"], /got -1/]],
    [{ instance: "box", env: { A: null } }, [["env", "A"], /"A" has no value/, "key"]],
    [
      { instance: "lab:box", remote: "lab" },
      [["remote"], /"instance" names a remote already: lab:box/],
    ],
  ]);
});
