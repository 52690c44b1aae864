/**
 * Who may use a proxy: what is read, what is refused, and that no password is ever said.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { type Env, read, said, saidBy, transports } from "./_said.ts";
import { loadManifest } from "./load.ts";
import { manifestFromObject, parseManifest } from "./parse.ts";

function proxy(field: string, spec: string, variables?: Env) {
  const { hosts } = read(`hosts: { a: { ${field}: ${spec} } }`, variables);
  return hosts[0]![field as "http" | "socks"];
}

const with_ = (auth: string) => `{ listen: ":1", auth: ${auth} }`;

Deno.test("a username and a password are read, from the manifest or the environment", () => {
  const written = proxy("http", with_("{ username: u, password: 'p:ß ' }"));
  assert.deepEqual(written!.auth, { username: "u", password: "p:ß " });
  const named = with_("{ username: u:v, passwordEnv: MY_PASSWORD }");
  const { auth, listen } = proxy("socks", named, { MY_PASSWORD: "from outside" })!;
  assert.deepEqual(auth, { username: "u:v", password: "from outside" });
  assert.equal(listen, ":1");
  assert.equal("auth" in proxy("http", "{ listen: '127.0.0.1:1' }")!, false);
});

Deno.test("a password that YAML takes for something else is taken as written", () => {
  for (const text of ["0123", "1e3", "yes", "0x10", "1.50", "false", "2026-11-21"]) {
    const { auth } = proxy("http", with_(`{ username: 007, password: ${text} }`))!;
    assert.deepEqual(auth, { username: "007", password: text });
  }
});

Deno.test("a proxy that asks for a password may be open to a network", () => {
  const open = `hosts: { a: { http: ${with_("{ username: u, password: p }")} } }`;
  assert.deepEqual(said(open), []);
});

Deno.test("a file's variables are those of the process unless given", async () => {
  const file = await Deno.makeTempFile();
  try {
    const spec = with_("{ username: u, passwordEnv: NOROUTER_TEST_PASSWORD }");
    await Deno.writeTextFile(file, `hosts: { a: { http: ${spec} } }`);
    Deno.env.set("NOROUTER_TEST_PASSWORD", "of the process");
    const { hosts } = await loadManifest(file, { transports });
    assert.equal(hosts[0]!.http!.auth!.password, "of the process");
    const given = await loadManifest(file, { transports, env: () => "given" });
    assert.equal(given.hosts[0]!.http!.auth!.password, "given");
  } finally {
    Deno.env.delete("NOROUTER_TEST_PASSWORD");
    await Deno.remove(file);
  }
});

const SECRET = "hunter2";
const WANTED = "wanted { username: …, password: … } or { username: …, passwordEnv: … }";
const long = "ä".repeat(128);

/** What stands for `auth`, and what is said, from the column on. */
const wrong: ["http" | "socks", string, string[]][] = [
  ["http", "", [`7: error: "auth" is empty; ${WANTED}, or no "auth" at all`]],
  ["http", "{}", [`7: error: "auth" is empty; ${WANTED}, or no "auth" at all`]],
  ["socks", `"u:${SECRET}"`, [`13: error: "auth" is text; ${WANTED}`]],
  ["socks", `[u, ${SECRET}]`, [`13: error: "auth" is a list; ${WANTED}`]],
  ["http", `{ password: ${SECRET} }`, [
    `7: error: "auth" without "username"; ${WANTED}`,
  ]],
  ["http", `{ username: u }`, [
    `7: error: "auth" without "password" or "passwordEnv"; ${WANTED}`,
  ]],
  ["http", `{ username: u, password: }`, [
    `7: error: "auth" without "password" or "passwordEnv"; ${WANTED}`,
  ]],
  ["http", `{ username: u, password: ${SECRET}, passwordEnv: SET }`, [
    `47: error: "passwordEnv" and "password" (mesh.yaml:5:28) are two passwords; wanted one`,
  ]],
  ["http", `{ username: u, passwordEnv: UNSET }`, [
    `41: error: the environment variable "UNSET", which "passwordEnv" names, is not set`,
  ]],
  ["http", `{ username: u, passwordEnv: EMPTY }`, [
    `41: error: the environment variable "EMPTY", which "passwordEnv" names, is no ` +
    `password: it is empty`,
  ]],
  ["http", `{ username: u, passwordEnv: LINES }`, [
    `41: error: the environment variable "LINES", which "passwordEnv" names, is no ` +
    `password: it holds a control character, such as the end of a line`,
  ]],
  ["http", `{ username: u, passwordEnv: "$${SECRET}" }`, [
    `41: error: "passwordEnv" is not the name of an environment variable; wanted the ` +
    `name alone, like PROXY_PASSWORD`,
  ]],
  ["http", `{ username: "", password: ${SECRET} }`, [
    `25: error: "username": it is empty`,
  ]],
  ["http", `{ username: "u:${SECRET}", password: ${SECRET} }`, [
    `25: error: "username": it holds a colon, which HTTP takes for its end (RFC 7617)`,
  ]],
  ["http", `{ username: "u\\t", password: ${SECRET} }`, [
    `25: error: "username": it holds a control character, such as the end of a line`,
  ]],
  ["socks", `{ username: u, password: "${SECRET}\\n" }`, [
    `38: error: "password": it holds a control character, such as the end of a line`,
  ]],
  ["socks", `{ username: u, password: "" }`, [`38: error: "password": it is empty`]],
  ["socks", `{ username: u, password: ${long} }`, [
    `38: error: "password": it is 256 bytes long; SOCKS has room for 255 (RFC 1929)`,
  ]],
  ["socks", `{ username: ${long}, password: ${SECRET} }`, [
    `25: error: "username": it is 256 bytes long; SOCKS has room for 255 (RFC 1929)`,
  ]],
  ["http", `{ username: u, password: [${SECRET}] }`, [
    `38: error: "password" is a list; wanted text`,
  ]],
  ["http", `{ username: u, password:${SECRET} }`, [
    `7: error: "auth" without "password" or "passwordEnv"; ${WANTED}`,
    `28: error: "auth" has a key with nothing behind it; a space has to follow a colon, ` +
    `and a password with "," or ":" needs quotes`,
  ]],
  ["http", `{ username: u, pasword: ${SECRET} }`, [
    `7: error: "auth" without "password" or "passwordEnv"; ${WANTED}`,
    `28: warning: unknown field in "auth"; did you mean "password"?`,
  ]],
  ["http", `{ username: u, password: *${SECRET} }`, [
    `7: error: "auth" without "password" or "passwordEnv"; ${WANTED}`,
    `38: error: YAML does not take this password as it stands; put it in single quotes`,
  ]],
  ["http", `{ username: u, password: !${SECRET} x }`, [
    `38: error: YAML does not take this password as it stands; put it in single quotes`,
  ]],
  ["http", `{ username: u, password: "\\${SECRET}" }`, [
    `39: error: YAML does not take this password as it stands; put it in single quotes`,
  ]],
];

const variables = { SET: SECRET, EMPTY: "", LINES: `${SECRET}\n` };

for (const [field, auth, expected] of wrong) {
  const short = auth.length > 60 ? auth.slice(0, 60) + "…" : auth;
  Deno.test(`${field} with auth: ${short || "nothing"} is located, without the password`, () => {
    const found = said(
      `hosts:
  a:
    ${field}:
      listen: :1
      auth: ${auth}
`,
      variables,
    );
    assert.deepEqual(found, expected.map((line) => `mesh.yaml:5:${line}`));
    assert.ok(!found.join("\n").includes(SECRET), found.join("\n"));
  });
}

Deno.test("no message shows a password, whatever stands around it", () => {
  // Not "}", which ends the map: what follows is not part of a password any more.
  const piece = fc.constantFrom(
    ..."*&!@`'\"{[]|>%#\\:?-,~ \t<=",
    ...[": ", "- ", "? ", " #", "!!", "<<", "*a ", "&a ", "!a ", "\\x", "u:", "a@", "🙂"],
  );
  const around = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(""));
  const form = fc.constantFrom(
    (text: string) =>
      `    http: { listen: ":1", auth: { username: u, password: ${text} } }`,
    (text: string) =>
      `    http:\n      auth:\n        password: ${text}\n      listen: :1`,
    (text: string) =>
      `    socks: { listen: ":1", auth: { username: u, password:${text} } }`,
  );
  fc.assert(
    fc.property(form, around, around, (form, before, behind) => {
      const text = `hosts:\n  a:\n${form(before + SECRET + behind)}\n`;
      for (const line of said(text)) assert.ok(!line.includes(SECRET), `${text}${line}`);
    }),
    { seed: 42, numRuns: 3000 },
  );
});

Deno.test("what the system says of a variable it cannot give is not shown", () => {
  const text = `hosts: { a: { http: ${with_("{ username: u, passwordEnv: X }")} } }`;
  const env = () => {
    throw new TypeError(`not valid unicode: ${SECRET}`);
  };
  const options = { path: "mesh.yaml", transports };
  const X =
    `mesh.yaml:1:71: error: the environment variable "X", which "passwordEnv" names,`;
  assert.deepEqual(saidBy(() => parseManifest(text, { ...options, env })), [
    `${X} cannot be read (TypeError)`,
  ]);
  assert.deepEqual(saidBy(() => parseManifest(text, options)), [
    `${X} cannot be read: this program gives no access to any`,
  ]);
});

Deno.test("an object's auth that is undefined is empty, not absent", () => {
  const found = saidBy(() =>
    manifestFromObject(
      { hosts: { a: { http: { listen: ":1", auth: undefined } } } },
      { path: "manifest", transports },
    )
  );
  assert.deepEqual(found, [
    `manifest: hosts.a.http.auth: error: "auth" is empty; ${WANTED}, or no "auth" at all`,
  ]);
});

Deno.test("auth without an address to listen on has no effect, which is told", () => {
  assert.deepEqual(
    said("hosts: { a: { http: { auth: { username: u, password: p } } } }"),
    [
      `mesh.yaml:1:23: warning: "auth" without "listen" has no effect`,
    ],
  );
});

Deno.test("a host's proxy that loses the template's auth is told", () => {
  assert.deepEqual(
    said(`
hostTemplate: { http: { listen: "127.0.0.1:1", auth: { username: u, password: p } } }
hosts:
  a: { http: { listen: "127.0.0.1:2" } }
  b: { cmd: b, http: { listen: "" }, socks: { listen: "127.0.0.1:3" } }
  c: { cmd: c }
`),
    [
      `mesh.yaml:4:24: warning: this proxy asks for no password, unlike the template's: ` +
      `the "http" of a host replaces all of the template's, "auth" included`,
    ],
  );
});

Deno.test("two proxies of a host on one address are located, of two hosts are fine", () => {
  const text = `
hostTemplate: { http: { listen: "127.0.0.1:1" } }
hosts:
  a: { ports: ["1:a:1"] }
  b: { cmd: b, socks: { listen: "127.0.0.1:1" } }
`;
  assert.deepEqual(said(text), [
    `mesh.yaml:5:33: error: "127.0.0.1:1" is where the http proxy of "b" listens already ` +
    `(mesh.yaml:2:33); wanted another port`,
  ]);
  assert.deepEqual(said(text.replace("socks", "http")), []);
  for (const same of ["localhost:1", "[::ffff:127.0.0.1]:1", ":1"]) {
    const other = text.replace(
      `socks: { listen: "127.0.0.1:1"`,
      `socks: { listen: "${same}"`,
    );
    assert.match(said(other).join(), /:5:33: error: .* listens already/, same);
  }
});

Deno.test("a proxy that is no map is located without showing what it is", () => {
  assert.deepEqual(said(`hosts: { a: { http: "u:${SECRET}@127.0.0.1:1" } }`), [
    `mesh.yaml:1:21: error: "http" is no map; wanted one, like ` +
    `{ listen: "127.0.0.1:18080" }`,
  ]);
});
