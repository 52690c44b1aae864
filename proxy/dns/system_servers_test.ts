import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { parseResolvConf, parseServer, systemServers } from "./system_servers.ts";

Deno.test("a server is an address, with or without a port", () => {
  const table: [string, string | undefined, number?][] = [
    ["1.2.3.4", "1.2.3.4", 53],
    ["1.2.3.4:5353", "1.2.3.4", 5353],
    ["::1", "::1", 53],
    ["[::1]", "::1", 53],
    ["[::1]:53", "::1", 53],
    ["fe80::1%eth0", "fe80::1%eth0", 53],
    ["1.2.3", undefined],
    ["1.2.3.4:", undefined],
    ["1.2.3.4:0", undefined],
    ["1.2.3.4:65536", undefined],
    ["[1.2.3.4]:53", undefined],
    ["dns.example", undefined],
    ["", undefined],
  ];
  for (const [text, hostname, port] of table) {
    const wanted = hostname === undefined ? undefined : { hostname, port };
    assert.deepEqual(parseServer(text), wanted, text);
  }
});

Deno.test("a resolv.conf is read as glibc reads it, and odd lines are left out", () => {
  const text = [
    "# nameserver 1.1.1.1",
    "; nameserver 1.1.1.2",
    "search example.com",
    "nameserver 10.0.0.1 # ours",
    "  nameserver\t10.0.0.1",
    "nameserver dns.example",
    "nameserver",
    "nameserver fe80::1%eth0\r",
    "nameserver 10.0.0.3",
    "nameserver 10.0.0.4",
    "options edns0",
  ].join("\n");
  assert.deepEqual(parseResolvConf(text), ["10.0.0.1", "fe80::1%eth0", "10.0.0.3"]);
  assert.deepEqual(parseResolvConf(""), []);
});

Deno.test({
  name: "the system's servers are those of its resolv.conf",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const text = await Deno.readTextFile("/etc/resolv.conf").catch(() => "");
    assert.deepEqual(await systemServers()(), parseResolvConf(text));
  },
});

Deno.test({
  name:
    "without a resolv.conf there is no server, least of all a public one, until there is",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const directory = await Deno.makeTempDir();
    const path = `${directory}/resolv.conf`;
    const servers = systemServers(path);
    assert.deepEqual(await servers(), []);
    await Deno.writeTextFile(path, "nameserver 10.0.0.1\n");
    await until("the server", async () => String(await servers()) === "10.0.0.1");
    await Deno.remove(directory, { recursive: true });
  },
});
