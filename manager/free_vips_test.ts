import assert from "node:assert/strict";
import { manifestFromObject } from "../manifest/parse.ts";
import { builtinTransports } from "../transports/registry.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { withFreeVips, withKeptVips } from "./free_vips.ts";

const PARSING = { path: "mesh.yaml", transports: builtinTransports };
const HOSTS = {
  laptop: {},
  web: { cmd: "web", ports: ["8080:127.0.0.1:80"] },
  db: { cmd: "db", vip: "127.0.42.103" },
};

function vipsOf(
  hosts: object,
  inUse: (vip: string, ports: readonly number[]) => boolean,
) {
  const manifest = manifestFromObject({ hosts }, PARSING);
  const moved = withFreeVips(manifest, (vip, ports) => inUse(formatIpv4(vip), ports));
  return moved.hosts.map(({ vip }) => formatIpv4(vip));
}

const usual = ["127.0.42.100", "127.0.42.101", "127.0.42.103"];

Deno.test("a host whose address was found gets another one where that is in use", () => {
  assert.deepEqual(vipsOf(HOSTS, () => false), usual);
  assert.deepEqual(vipsOf(HOSTS, (vip) => vip <= "127.0.42.101"), [
    "127.0.42.102",
    "127.0.42.104",
    "127.0.42.103",
  ]);
  const busy = (vip: string, ports: readonly number[]) =>
    vip === "127.0.42.101" && ports.includes(8080);
  assert.deepEqual(vipsOf(HOSTS, busy), ["127.0.42.100", "127.0.42.102", "127.0.42.103"]);
});

Deno.test("addresses stay where all are in use, and where this machine does not listen", () => {
  assert.deepEqual(vipsOf(HOSTS, () => true), usual);
  const off = { ...HOSTS, laptop: { loopback: { disable: true } } };
  assert.deepEqual(vipsOf(off, (vip) => vip < "127.0.42.110"), usual);
  const { laptop: _, ...remote } = HOSTS;
  assert.deepEqual(vipsOf(remote, (vip) => vip < "127.0.42.110"), [
    "127.0.42.100",
    usual[2],
  ]);
});

Deno.test({
  name: "a name server at the address is in the way, a server at all addresses is not",
  ignore: Deno.build.os !== "linux", // other systems lack the loopback addresses
  fn() {
    const manifest = manifestFromObject({ hosts: HOSTS }, PARSING);
    const [laptop] = manifest.hosts;
    // Far from those of other tests.
    const vip = parseIpv4("127.0.42.230")!;
    const hosts = [{ ...laptop!, vip }];
    using _mesh = Deno.listen({ hostname: "127.0.42.230", port: 10053 });
    const [moved] = withFreeVips({ ...manifest, hosts }).hosts;
    assert.notEqual(moved!.vip, vip);
    using all = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const ports = [{ ...manifest.hosts[1]!.ports[0]!, listenPort: all.addr.port }];
    const elsewhere = [{ ...laptop!, vip: vip + 1, ports }];
    const [stays] = withFreeVips({ ...manifest, hosts: elsewhere }).hosts;
    assert.equal(stays!.vip, vip + 1);
  },
});

/** The addresses of the hosts of `after` in a mesh whose manifest was `before`. */
function keptVips(
  before: object,
  after: object,
  inUse: (vip: string) => boolean = () => false,
) {
  const read = (hosts: object) => manifestFromObject({ hosts }, PARSING);
  const next = withKeptVips(read(before), read(after), (vip) => inUse(formatIpv4(vip)));
  return Object.fromEntries(next.hosts.map(({ name, vip }) => {
    return [name, formatIpv4(vip).split(".").at(-1)];
  }));
}

Deno.test("hosts keep the address that was found for them, also where others come first", () => {
  const [web, db] = [{ cmd: "web" }, { cmd: "db" }];
  assert.deepEqual(keptVips({ web, db }, { db, more: { cmd: "more" }, web }), {
    db: "101",
    more: "102",
    web: "100",
  });
  assert.deepEqual(keptVips({ web, db }, { db }), { db: "101" });
  // Hosts that come get what is free on this machine.
  assert.deepEqual(
    keptVips({ l: {}, web }, { l: {}, more: db, web }, (vip) => vip < "127.0.42.105"),
    { l: "100", more: "105", web: "101" },
  );
});

Deno.test("an address that is given to another host now is that host's", () => {
  const [web, db] = [{ cmd: "web" }, { cmd: "db" }];
  assert.deepEqual(
    keptVips({ web, db }, { web, db, x: { cmd: "x", vip: "127.0.42.100" } }),
    { web: "102", db: "101", x: "100" },
  );
  assert.deepEqual(
    keptVips({ web }, { web: { ...web, vip: "127.0.42.150" } }),
    { web: "150" },
    "by the manifest's word",
  );
});

Deno.test("a host whose vip was left out later keeps it, and one of another name does not", () => {
  const [web, db] = [{ cmd: "web", vip: "127.0.42.150" }, { cmd: "db" }];
  assert.deepEqual(keptVips({ web }, { web: { cmd: "web" } }), { web: "150" });
  assert.deepEqual(keptVips({ db }, { other: db }), { other: "100" });
});

Deno.test("a manifest in which nothing moves stays the same object", () => {
  const manifest = manifestFromObject({ hosts: HOSTS }, PARSING);
  assert.equal(withKeptVips(manifest, manifest, () => false), manifest);
});
