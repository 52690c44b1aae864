import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { answerOf, ipBytes, queryOf } from "./_fake_dns.ts";
import { hostsPath, HostsResolver, parseHosts } from "./hosts.ts";
import { parseMessage, rcodeOf } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { addressesIn } from "./records.ts";

Deno.test("a hosts file gives each of a line's names its address", () => {
  const names = parseHosts([
    "# 10.0.0.9 commented",
    "127.0.0.1 localhost",
    "::1\tlocalhost ip6-localhost",
    "10.0.0.1  Web.Example web. # 10.0.0.2 other",
    "10.0.0.1 web",
    "10.0.0.2 web\r",
    "10.0.0.3",
    "10.0.0 odd",
    "fe80::1%lo0 here",
  ].join("\n"));
  const forward = [...names].filter(([name]) => !name.endsWith(".arpa"));
  assert.deepEqual(forward, [
    ["localhost", { addresses: [0x7f000001], addresses6: ["::1"] }],
    ["ip6-localhost", { addresses: [], addresses6: ["::1"] }],
    ["web.example", { addresses: [0x0a000001], addresses6: [] }],
    ["web", { addresses: [0x0a000001, 0x0a000002], addresses6: [] }],
    ["here", { addresses: [], addresses6: ["fe80::1%lo0"] }],
  ]);
});

Deno.test("an address of a hosts file has the first name of its first line", () => {
  const long = "a".repeat(64);
  const names = parseHosts(
    `10.0.0.1 Web.Example web\n10.0.0.1 other\n::1 six\n10.0.0.2\n10.0.0.3 ${long}\n`,
  );
  const reverse = [...names].filter(([name]) => name.endsWith(".arpa"));
  assert.deepEqual(reverse.map(([name, { names }]) => [name, names]), [
    ["1.0.0.10.in-addr.arpa", ["web.example"]],
    [`1.${"0.".repeat(31)}ip6.arpa`, ["six"]],
  ]);
});

/** The outside, where no name exists. */
function nowhere(): Resolver & { readonly asked: Uint8Array[] } {
  const asked: Uint8Array[] = [];
  return {
    asked,
    ask: (query) => {
      asked.push(query);
      return Promise.resolve(answerOf(query, { rcode: 3 }));
    },
  };
}

async function addressesOf(resolver: Resolver, name: string): Promise<number[]> {
  const answer = await resolver.ask(queryOf({ name }));
  return addressesIn(parseMessage(answer), name.toLowerCase()).addresses;
}

Deno.test("names of the hosts file are answered from it, whatever is said outside", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "10.0.0.1 db\n::2 db six\n10.0.0.4 four\n");
  const outside = nowhere();
  const resolver = new HostsResolver(outside, path);
  assert.deepEqual(await addressesOf(resolver, "DB"), [0x0a000001]);
  const ask = async (name: string, type: number) => {
    const answer = await resolver.ask(queryOf({ name, type }));
    const data = parseMessage(answer).records.map(({ type, dataAt, dataBytes }) => [
      type,
      ...answer.subarray(dataAt, dataAt + dataBytes),
    ]);
    return [rcodeOf(answer), ...data];
  };
  const six = [28, ...Array(15).fill(0), 2];
  assert.deepEqual(await ask("db", 28), [0, six]);
  assert.deepEqual(await ask("db", 255), [0, [1, ...ipBytes("10.0.0.1")], six]);
  assert.deepEqual(await ask("four", 28), [0], "it exists, without an IPv6 address");
  assert.deepEqual(await ask("four", 65), [0]);
  assert.equal(outside.asked.length, 0);
  assert.deepEqual(await ask("four", 16), [0], "what is outside does not deny it");
  assert.deepEqual(await ask("six", 1), [0], "IPv4 addresses may be outside");
  assert.deepEqual(await ask("other", 1), [3]);
  assert.equal(outside.asked.length, 3);
  await Deno.remove(path);
});

Deno.test("a hosts file that changes, goes and comes back is read anew", async () => {
  const path = await Deno.makeTempFile();
  const resolver = new HostsResolver(nowhere(), path);
  const shown = async (wanted: number[]) => {
    await until(`db to be ${wanted}`, async () => {
      return String(await addressesOf(resolver, "db")) === String(wanted);
    });
  };
  await Deno.writeTextFile(path, "10.0.0.1 db\n");
  await shown([0x0a000001]);
  await Deno.writeTextFile(path, "10.0.0.2 db # changed\n");
  await shown([0x0a000002]);
  await Deno.rename(path, `${path}.away`);
  await shown([]);
  await Deno.rename(`${path}.away`, path);
  await shown([0x0a000002]);
  await Deno.remove(path);
});

Deno.test("the system's hosts file is where the system has it", async () => {
  assert.ok(parseHosts(await Deno.readTextFile(hostsPath())).has("localhost"));
});
