import assert from "node:assert/strict";
import { manifestFromObject } from "../manifest/parse.ts";
import { builtinTransports } from "../transports/registry.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { withFreeVips } from "./free_vips.ts";

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
