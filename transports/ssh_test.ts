import assert from "node:assert/strict";
import {
  assertCommands,
  assertMistakes,
  contextOf,
  exitOf,
  typedConformance,
} from "./_typed.ts";
import { ssh } from "./ssh.ts";
import { parseSshDestination } from "./ssh_destination.ts";
import { hasTerminal } from "./command/terminal.ts";

typedConformance(ssh, { host: "box" });

Deno.test("a destination of ssh is taken apart", () => {
  const table: [string, ReturnType<typeof parseSshDestination>][] = [
    ["box", { name: "box" }],
    ["me@box:2222", { user: "me", name: "box", port: 2222 }],
    ["me@corp@box", { user: "me@corp", name: "box" }],
    ["[fe80::1%eth0]:2222", { name: "fe80::1%eth0", port: 2222 }],
    ["[::1]", { name: "::1" }],
    ["::1", { name: "::1" }],
    ["me@fe80::1", { user: "me", name: "fe80::1" }],
    ["ssh://me@box:2222", { user: "me", name: "box", port: 2222 }],
    ["ssh://box", { name: "box" }],
  ];
  for (const [written, parts] of table) {
    assert.deepEqual(parseSshDestination(written), parts, written);
  }
});

Deno.test("a machine is reached by the command its options ask for", () => {
  assertCommands(ssh, [
    ["vm", "ssh -T vm -- norouter"],
    ["user@host:2222", "ssh -T -p 2222 user@host -- norouter"],
    [{ host: "vm", user: "me", port: "22" }, "ssh -T -p 22 me@vm -- norouter"],
    [
      { host: "vm", identity: ["~/.ssh/a", "/b"], jump: ["me@gate:2222", "inner"] },
      "ssh -T -i '~/.ssh/a' -i /b -J me@gate:2222,inner vm -- norouter",
    ],
    [{ host: "vm", jump: "a,b", config: "none" }, "ssh -T -F none -J a,b vm -- norouter"],
    [
      {
        host: "vm",
        options: { Compression: true, ConnectTimeout: 5, SendEnv: ["A", "B"] },
      },
      "ssh -T -o Compression=yes -o ConnectTimeout=5 -o SendEnv=A -o SendEnv=B vm -- norouter",
    ],
    [{ host: "vm", agent: ["/my tools/x"] }, `ssh -T vm -- "'"'/my tools/x'"'"`],
    [{ host: "vm", program: "tsh ssh", agent: "x y" }, "tsh ssh -T vm -- 'x y'"],
  ]);
});

Deno.test("options of ssh that are wrong are all told, with their place", () => {
  assertMistakes(ssh, [
    [{}, [[], /"host" is missing, like ssh: me@box/]],
    ["-oProxyCommand=x", [[], /begins with "-"/]],
    ["me@-oProxyCommand=x", [[], /wanted "USER@HOST:PORT"/]],
    ["@box", [[], /wanted "USER@HOST:PORT", got "@box"/]],
    ["box:99999", [[], /the port of "box:99999" is not from 1 to 65535/]],
    ["box:", [[], /the port of "box:"/]],
    ["ssh://box/home", [[], /wanted "USER@HOST:PORT"/]],
    ["me @box", [[], /has a space/]],
    [
      { host: "me@box:22", user: "you", port: 23 },
      [["user"], /"host" names a user already: me/],
      [["port"], /"host" names a port already: 22/],
    ],
    [{ host: "box", port: 0 }, [["port"], /wanted a port from 1 to 65535, got 0/]],
    [{ host: "box", jump: ["a", "b:x"] }, [["jump", 1], /the port of "b:x"/]],
    [{ host: "box", identity: ["a", 1] }, [["identity", 1], /wanted a file with a key/]],
    [{ host: "box", identityFile: "a" }, [["identityFile"], /unknown option/, "key"]],
    [{ host: "box", password: "a" }, [["password"], /wanted "identity"/, "key"]],
    [{ host: "box", options: ["A=b"] }, [["options"], /wanted options of ssh, like/]],
    [{ host: "box", options: { "-x": "1" } }, [["options", "-x"], /no option of/, "key"]],
    [
      { host: "box", options: { A: "x\nProxyCommand y", B: null } },
      [["options", "A"], /which has lines/],
    ],
  ]);
});

Deno.test("words for the remote shell are quoted, and nobody waits for an answer", async () => {
  const shell = await ssh.shell(ssh.parse({ host: "vm", config: "~/cfg" }), contextOf());
  const command = shell.command(["sh", "-c", "echo '$HOME'", ""]);
  const batch = hasTerminal() ? [] : ["-o", "BatchMode=yes"];
  const config = `${Deno.env.get("HOME")}/cfg`;
  const remote = `sh -c 'echo '"'"'$HOME'"'" ''`;
  assert.deepEqual(command, ["ssh", "-T", "-F", config, ...batch, "vm", "--", remote]);
});

Deno.test("the user's word about BatchMode comes before ours", async () => {
  const options = ssh.parse({ host: "vm", options: { BatchMode: "no" } });
  const { command } = await ssh.shell(options, contextOf());
  assert.match(command(["x"]).join(" "), /^ssh -T -o BatchMode=no .*vm -- x$/);
});

Deno.test("what ssh says when it fails comes with advice", async () => {
  const table: [said: string, status: number, advice: RegExp | undefined][] = [
    ["me@box: Permission denied (publickey).", 255, /name a key with "identity"/],
    [
      "Host key verification failed.",
      255,
      /not in known_hosts: run sh .* -T box -- true /,
    ],
    ["WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!", 255, /another key than the one/],
    ["Received disconnect: Too many authentication failures", 255, /IdentitiesOnly/],
    ["bash: line 1: norouter: command not found", 127, /"norouter" cannot be started/],
    ["sh: 1: norouter: Permission denied", 126, /install it there, or say with "agent"/],
    ["cat: x: Permission denied", 1, undefined],
    ["ssh: connect to host box port 22: Connection refused", 255, undefined],
  ];
  for (const [said, status, advice] of table) {
    const { hint } = await exitOf(
      ssh,
      { host: "box" },
      `echo '${said}' >&2; exit ${status}`,
    );
    if (advice === undefined) assert.equal(hint, undefined, said);
    else assert.match(hint ?? "", advice, said);
  }
});
