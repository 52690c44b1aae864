import assert from "node:assert/strict";
import {
  assertCommands,
  assertMistakes,
  contextOf,
  exitOf,
  ignore,
  typedConformance,
} from "./_typed.ts";
import { docker } from "./docker.ts";

typedConformance(docker, { container: "web" });

Deno.test("a Docker container is reached by the command its options ask for", () => {
  assertCommands(docker, [
    ["web", "docker exec -i web norouter"],
    [{ container: "web" }, "docker exec -i web norouter"],
    [
      { container: "web", context: "lab", user: 1000, workdir: "/srv/my app" },
      "docker --context=lab exec -i --user=1000 '--workdir=/srv/my app' web norouter",
    ],
    [
      { container: "web", host: "ssh://me@box", user: "app:staff" },
      "docker --host=ssh://me@box exec -i --user=app:staff web norouter",
    ],
    [
      { container: "web", env: { LANG: "C.UTF-8", DEBUG: 1, EMPTY: "", TOKEN: null } },
      "docker exec -i --env=LANG=C.UTF-8 --env=DEBUG=1 --env=EMPTY= --env=TOKEN web norouter",
    ],
    [
      { container: "web", agent: "deno run -A '/my tools/cli.ts'" },
      "docker exec -i web deno run -A '/my tools/cli.ts'",
    ],
    [
      { container: "web", agent: ["/my tools/norouter"], program: "sudo -n docker" },
      "sudo -n docker exec -i web '/my tools/norouter'",
    ],
    [{ container: "web", user: null, context: null }, "docker exec -i web norouter"],
  ]);
});

Deno.test("options of a Docker container that are wrong are all told, with their place", () => {
  assertMistakes(docker, [
    ["", [[], /wanted a container's name or id, got ""/]],
    [7, [[], /wanted a container's name or id, got 7; put it in quotes/]],
    [true, [[], /wanted docker: web, or a map of options, got true/]],
    [["web"], [[], /or a map of options, got \["web"\]/]],
    ["-it", [[], /got "-it", which begins with "-"/]],
    ["web norouter", [[], /has a space in it/]],
    [{}, [[], /"container" is missing, like docker: web/]],
    [{ container: null }, [[], /"container" is missing/]],
    [
      { contaner: "web" },
      [["contaner"], /unknown option "contaner"; did you mean "container"\?/, "key"],
      [[], /"container" is missing/],
    ],
    [
      { container: 12, user: true, workdir: ["/"], agent: "a 'b" },
      [["container"], /got 12; put it in quotes/],
      [["user"], /wanted a user, or USER:GROUP, got true; put it in quotes/],
      [["workdir"], /wanted a folder in the container, got \["\/"\]$/],
      [["agent"], /a quote is not closed/],
    ],
    [{ container: "w", agent: ["a", 2] }, [["agent", 1], /wanted a string, got 2/]],
    [{ container: "w", program: [] }, [["program"], /the command is empty/]],
    [
      { container: "w", context: "a", host: "b" },
      [["host"], /"context" and "host" are two ways to name an engine/],
    ],
    [{ container: "w", env: "A=1" }, [["env"], /wanted variables, like \{LANG/]],
    [{ container: "w", env: { A: true } }, [["env", "A"], /got true; put it in quotes/]],
    [{ container: "w", env: { "A=B": "1" } }, [["env", "A=B"], /no name for a/, "key"]],
    [{ container: "w", env: { A: "1\0" } }, [["env", "A"], /which has a NUL in it/]],
  ]);
});

Deno.test("a Docker container can run any words as they are", async () => {
  const { signal } = new AbortController();
  const context = { host: "web", signal, log: () => {} };
  const shell = await docker.shell(docker.parse({ container: "web", user: 0 }), context);
  assert.deepEqual(
    shell.command(["sh", "-c", "echo '$HOME'; uname -m", ""]),
    ["docker", "exec", "-i", "--user=0", "web", "sh", "-c", "echo '$HOME'; uname -m", ""],
  );
});

Deno.test(
  "words run in a container are those of the link's command",
  { ignore },
  async () => {
    const options = docker.parse({ container: "web", program: ["echo"] });
    assert.equal(docker.hasAgent(options), false);
    const link = await docker.exec(options, ["uname", "-m"], contextOf());
    await link.writable.close().catch(() => {});
    assert.equal(await new Response(link.readable).text(), "exec -i web uname -m\n");
    assert.equal((await link.closed).ok, true);
  },
);

Deno.test("an agent that is not there is told with what to do", { ignore }, async () => {
  const said = `exec: "norouter": executable file not found in $PATH`;
  const table: [script: string, hint: RegExp][] = [
    ["exit 127", /^"norouter" cannot be started on the host: install it there, or/],
    ["exit 126", /"norouter" cannot be started/],
    [`echo '${said}' >&2; exit 1`, /or say with "agent" where it is$/],
  ];
  for (const [script, hint] of table) {
    assert.match((await exitOf(docker, { container: "web" }, script)).hint ?? "", hint);
  }
  const agent = { container: "web", agent: "/opt/x" };
  assert.match(
    (await exitOf(docker, agent, "exit 127")).hint ?? "",
    /^"\/opt\/x" cannot/,
  );
  assert.equal(docker.hasAgent(docker.parse(agent)), true);
  for (const script of ["exit 1", "exit 0", "kill -9 $$"]) {
    assert.equal((await exitOf(docker, { container: "web" }, script)).hint, undefined);
  }
});
