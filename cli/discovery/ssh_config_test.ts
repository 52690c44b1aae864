/**
 * ssh's configuration: by samples, by random text, and beside what ssh itself makes of
 * it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import fc from "fast-check";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { readSshConfig, type SshConfig, wordsOf } from "./ssh_config.ts";

/** Reads `config` of a folder with these files, in which `@` stands for the folder. */
function configOf(files: Readonly<Record<string, string>>): SshConfig {
  const folder = Deno.makeTempDirSync();
  try {
    for (const [name, text] of Object.entries(files)) {
      Deno.mkdirSync(dirname(`${folder}/${name}`), { recursive: true });
      Deno.writeTextFileSync(`${folder}/${name}`, text.replaceAll("@", folder));
    }
    const config = readSshConfig(`${folder}/config`, { home: folder, folder });
    const problems = config.problems.map((line) => line.replaceAll(folder, "@"));
    return { ...config, problems };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function aliases(files: Readonly<Record<string, string>>): string[] {
  return configOf(files).hosts.map(({ alias }) => alias);
}

const LINES: [string, string[] | string][] = [
  ["Host a b", ["host", "a", "b"]],
  ["  HOST\ta \t b  \r", ["host", "a", "b"]],
  ["HostName=10.0.0.5", ["hostname", "10.0.0.5"]],
  ["HostName = 10.0.0.5", ["hostname", "10.0.0.5"]],
  [`Host "my box" 'it''s'`, ["host", "my box", "its"]],
  [`Host a\\ b "c\\"d" \\\\`, ["host", "a b", `c"d`, "\\"]],
  [`Host a\\b "a\\ b"`, ["host", "a\\b", "a\\ b"]],
  [`Host "" x`, ["host", "", "x"]],
  ["Host a # the office", ["host", "a"]],
  ["Host a#b", ["host", "a#b"]],
  ["# Host a", []],
  ["", []],
  [`Host "a`, "a quote is not closed"],
  [`Host 'a"`, "a quote is not closed"],
];

for (const [line, words] of LINES) {
  Deno.test(`the line ${JSON.stringify(line)} has the words ${JSON.stringify(words)}`, () => {
    assert.deepEqual(wordsOf(line), words);
  });
}

Deno.test("hosts are those named, not patterns, negations or what a Match says", () => {
  const config = `
Host office "quoted" *.lab !old.lab web-? office
  HostName 10.0.0.5
Match host matched
  User nobody
Host gone !gone
Host =equal
`;
  assert.deepEqual(aliases({ config }), ["office", "quoted", "equal"]);
});

Deno.test("a host is shown by the first values of the blocks that match it", () => {
  const config = `
User first
Host office
  HostName %h.example.com
  User second
  Port 2222
Match user x
  Port 1
Host off* !offline
  Port 3333
Host offline
Match all
  HostName last
`;
  assert.deepEqual(configOf({ config }).hosts, [
    { alias: "office", hostName: "office.example.com", user: "first", port: "2222" },
    { alias: "offline", hostName: "last", user: "first" },
  ]);
});

Deno.test("included files count where they stand, by paths of any kind", () => {
  const files = {
    config: `
Include work/* "~/with space" @/absolute missing no/*/such
Host inner
Include for_inner
Host after
`,
    "work/b": "Host b",
    "work/a": "Include deeper\nHost a\nInclude for_inner",
    "work/.hidden": "Host hidden",
    deeper: "Host deep",
    "with space": "Host space",
    absolute: "Host abs",
    // Behind "Host inner" nothing is about any other host.
    for_inner: "User me\nHost inner other",
  };
  const { hosts, problems } = configOf(files);
  assert.deepEqual(hosts.map(({ alias }) => alias), [
    "deep",
    "a",
    "b",
    "space",
    "abs",
    "inner",
    "after",
  ]);
  assert.deepEqual(hosts.find(({ alias }) => alias === "inner"), {
    alias: "inner",
    user: "me",
  });
  assert.deepEqual(problems, []);
});

Deno.test("what cannot be read is told with its place, and the rest is read", () => {
  const files = {
    config: `Host a\nHost "b\nInclude folder [x]\nHost c`,
    "folder/x": "",
  };
  const { hosts, problems } = configOf(files);
  assert.deepEqual(hosts.map(({ alias }) => alias), ["a", "c"]);
  assert.deepEqual(problems, [
    "@/config:2: a quote is not closed",
    "@/folder: it is not a file",
    `Include [x]: patterns with "[" are not followed`,
  ]);
});

Deno.test("files that include each other many times come to an end", () => {
  const config = "Include config config config\nHost a";
  const { hosts, problems } = configOf({ config });
  assert.deepEqual(hosts, [{ alias: "a" }]);
  assert.equal(problems.length, 1);
});

Deno.test("no more than 2000 hosts are listed", () => {
  const names = Array.from({ length: 3000 }, (_, i) => `h${i}`);
  const { hosts, problems } = configOf({ config: `Host ${names.join(" ")}` });
  assert.equal(hosts.length, 2000);
  assert.deepEqual(problems, ["only the first 2000 hosts are listed"]);
});

Deno.test("a pattern of many stars takes no time", () => {
  const config = `Host ${"a".repeat(200)}\nHost ${"*a".repeat(90)}b\n  User x`;
  const started = performance.now();
  assert.equal(configOf({ config }).hosts.length, 1);
  assert.ok(performance.now() - started < 2000);
});

/** Text that resembles a configuration, and lines that do not. */
const word = fc.oneof(
  fc.constantFrom("a", "b", "ab", "*", "?", "a*", "!a", "!b", "*b", '"a b"', "'a'", "#x"),
  fc.string({ maxLength: 6 }),
);
const keyword = fc.constantFrom(
  "Host",
  "host",
  "HostName",
  "User",
  "Port",
  "Match",
  "Foo",
);
const line = fc.oneof(
  fc.tuple(keyword, fc.constantFrom(" ", "=", " = "), fc.array(word, { maxLength: 4 }))
    .map(([first, between, words]) => first + between + words.join(" ")),
  fc.string(),
);

Deno.test("no text makes the reader fail, or name a host that is none", () => {
  fc.assert(fc.property(fc.array(line), (lines) => {
    const text = lines.join("\n");
    const { hosts } = configOf({ config: text });
    for (const { alias } of hosts) assert.doesNotMatch(alias, /^!|[*?]|^$/);
  }));
});

const withSsh = needs("ssh");

Deno.test({
  name: "ssh itself finds the same names, users and ports",
  ignore: withSsh.ignore,
  fn() {
    // Of what ssh takes: it refuses a whole file for a port that is none.
    const pattern = fc.constantFrom(
      "a",
      "b",
      "abc",
      '"a"',
      "'b'",
      '"a"bc',
      "*",
      "?",
      "a*",
      "*c",
      "!a",
      "!b*",
      "!abc",
    );
    const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
    const between = fc.constantFrom(" ", "=", " =\t");
    const block = fc.tuple(
      fc.oneof(
        patterns.map((words) => `Host ${words.join(" ")}`),
        fc.constant("Match all"),
      ),
      fc.array(
        fc.oneof(
          fc.tuple(between, fc.constantFrom("h1", "%h.x", '"h2"')).map(([by, value]) =>
            `HostName${by}${value}`
          ),
          fc.tuple(between, fc.constantFrom("u1", "'u 2'", "u3 # no")).map((
            [by, value],
          ) => `user${by}${value}`),
          fc.tuple(between, fc.constantFrom("22", "2222")).map(([by, value]) =>
            `PORT${by}${value}`
          ),
        ),
        { maxLength: 3 },
      ),
    ).map(([head, values]) => [head, ...values].join("\n  "));
    const file = fc.array(block, { maxLength: 4 }).map((blocks) => blocks.join("\n"));
    const files = fc.record({
      begin: file,
      included: file,
      end: file,
    });
    const folder = Deno.makeTempDirSync();
    const me = sshSays([], "x").user;
    let compared = 0;
    try {
      fc.assert(
        fc.property(files, ({ begin, included, end }) => {
          const path = `${folder}/config`;
          Deno.writeTextFileSync(path, `${begin}\nInclude ${folder}/included\n${end}`);
          Deno.writeTextFileSync(`${folder}/included`, included);
          const { hosts, problems } = readSshConfig(path, { home: folder, folder });
          assert.deepEqual(problems, []);
          for (const { alias, hostName = alias, user = me, port = "22" } of hosts) {
            const theirs = sshSays(["-F", path], alias);
            compared++;
            assert.deepEqual({ hostname: hostName.toLowerCase(), user, port }, theirs);
          }
        }),
        { numRuns: 60 },
      );
      assert.ok(compared > 30, `only ${compared} hosts were compared`);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

/** What `ssh -G` would do; it contacts nobody. */
function sshSays(args: string[], alias: string) {
  const { stdout, stderr, success } = new Deno.Command("ssh", {
    args: [...args, "-G", "--", alias],
  }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
  const values = new Map(
    new TextDecoder().decode(stdout).split("\n").map((line) => {
      const [name = "", ...value] = line.split(" ");
      return [name, value.join(" ")];
    }),
  );
  return {
    hostname: values.get("hostname")!,
    user: values.get("user")!,
    port: values.get("port")!,
  };
}
