import assert from "node:assert/strict";
import {
  ControlError,
  type ControlMessage,
  decodeControl,
  encodeControl,
  MOST_DEPTH,
  parseConfigureArgs,
  parseConfigureData,
  parseExtendArgs,
  parseHostDown,
  parseRouteSuggestion,
  parseStatus,
  parseUpdateArgs,
  parseUpdateData,
} from "./control.ts";
import { FrameType } from "../frame.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ControlError);
    return error.message;
  }
  assert.fail("expected a ControlError");
}

Deno.test("a message goes into a JSON frame and comes out again", () => {
  const messages: ControlMessage[] = [
    { type: "request", body: { id: 1, op: "configure", args: { me: "127.0.42.100" } } },
    { type: "request", body: { id: 2, op: "ping" } },
    { type: "result", body: { request_id: 1, op: "configure", data: { version: "é" } } },
    { type: "result", body: { request_id: 3, op: "ping", error: "no" } },
    { type: "event", body: { type: "hostDown", data: { ip: "127.0.42.1" } } },
  ];
  for (const message of messages) {
    const frame = encodeControl(message);
    assert.equal(frame.type, FrameType.JSON);
    assert.deepEqual(decodeControl(frame.payload), message);
  }
});

Deno.test("the bytes of a message are the plain JSON that NoRouter reads", () => {
  assert.equal(
    new TextDecoder().decode(
      encodeControl({ type: "request", body: { id: 7, op: "ping" } }).bytes.subarray(8),
    ),
    '{"type":"request","body":{"id":7,"op":"ping"}}',
  );
});

Deno.test("null counts as absent and unknown fields are left out", () => {
  assert.deepEqual(
    decodeControl(bytes(
      '{"type":"result","x":1,"body":{"request_id":1,"op":"o","error":null,"data":null,"y":2}}',
    )),
    { type: "result", body: { request_id: 1, op: "o" } },
  );
});

Deno.test("what is not a control message is an error that says where", () => {
  const cases: [string, RegExp][] = [
    ["", /control message of 0 bytes/],
    ["{", /control message of 1 bytes/],
    ["null", /Expected Object but received null/],
    ["[]", /type/],
    ["{}", /type: .*Expected/],
    ['{"type":"other","body":{}}', /type: .*received "other"/],
    ['{"type":"request"}', /body: .*undefined/],
    ['{"type":"request","body":{"id":"1","op":"x"}}', /body\.id: .*"1"/],
    ['{"type":"request","body":{"id":1.5,"op":"x"}}', /body\.id: .*1\.5/],
    ['{"type":"event","body":{"type":3}}', /body\.type: .*3/],
  ];
  for (const [text, wanted] of cases) {
    assert.match(fault(() => decodeControl(bytes(text))), wanted, text);
  }
  assert.match(
    fault(() => decodeControl(new Uint8Array([0x7b, 0xff]))),
    /Cannot read a control message of 2 bytes/,
  );
  assert.match(
    fault(() => decodeControl(bytes("[".repeat(200_000)))),
    /control message of 200000 bytes/,
  );
});

Deno.test("a control message that is too deep is refused before it is parsed", () => {
  const nested = (depth: number) => {
    const lists = "[".repeat(depth - 2) + "]".repeat(depth - 2);
    return bytes(`{"type":"event","body":{"type":"x","data":${lists}}}`);
  };
  assert.equal(decodeControl(nested(MOST_DEPTH)).type, "event");
  assert.match(
    fault(() => decodeControl(nested(MOST_DEPTH + 1))),
    /its lists and objects lie more than 32 deep within each other/,
  );
});

Deno.test("a fault is told in bounded words, however long what is wrong", () => {
  const listeners = Array.from({ length: 100 }, () => ({
    address: "127.0.0.1:80",
    kind: "x".repeat(10_000),
  }));
  const message = fault(() => parseStatus({ listeners }));
  assert.match(message, /listeners\[0\]\.kind/);
  assert.ok(message.length < 4000, `${message.length} characters`);
});

Deno.test("the arguments that NoRouter's manager sends are understood", () => {
  // As Go writes them: nulls for empty lists, objects also where all in them is off.
  const args = JSON.parse(`{
    "me": "127.0.42.101",
    "forwards": [{"listen_port": 8080, "connect_ip": "db", "connect_port": 80, "proto": "tcp"}],
    "others": [{"ip": "127.0.42.100", "port": 8080, "proto": "tcp"}],
    "hostnameMap": {"web": "127.0.42.101"},
    "http": {"listen": "127.0.0.1:18080"}, "socks": {"listen": ":18081"},
    "loopback": {"disable": false},
    "stateDir": {"path": "~/.norouter/agent", "disable": false}, "writeEtcHosts": false,
    "routes": [{"toCIDR": null, "toHostnameGlob": ["*.local"], "via": "127.0.42.100"}],
    "nameServers": [{"ip": "127.0.42.100", "port": 10053, "proto": "tcp"}],
    "comesLater": true
  }`);
  const { comesLater: _, ...wanted } = structuredClone(args);
  wanted.routes[0].toCIDR = [];
  assert.deepEqual(parseConfigureArgs(args), wanted);
});

Deno.test("what NoRouter 0.6 sends to a host that asks for nothing is understood", () => {
  // Byte by byte: empty lists and false are left out, objects never.
  const message = decodeControl(bytes(
    '{"type":"request","body":{"id":1,"op":"configure","args":{"me":"127.0.42.101",' +
      '"hostnameMap":{"web":"127.0.42.101"},"http":{},"socks":{},"loopback":{},' +
      '"stateDir":{},"nameServers":[{"ip":"127.0.42.101","port":10053,"proto":"tcp"}]}}}',
  ));
  assert.equal(message.type, "request");
  assert.deepEqual(parseConfigureArgs((message.body as { args: unknown }).args), {
    me: "127.0.42.101",
    forwards: [],
    others: [],
    hostnameMap: { web: "127.0.42.101" },
    loopback: {},
    stateDir: {},
    nameServers: [{ ip: "127.0.42.101", port: 10053, proto: "tcp" }],
  });
});

Deno.test("a proxy that is off is absent, however that was said", () => {
  const me = "127.0.42.1";
  for (const off of [undefined, null, {}, { listen: null }, { listen: "" }]) {
    const args = parseConfigureArgs({ me, http: off, socks: off });
    assert.deepEqual(Object.keys(args), ["me", "forwards", "others", "hostnameMap"]);
  }
  const on = { listen: "127.0.0.1:18080" };
  assert.deepEqual(parseConfigureArgs({ me, http: on, socks: {} }).http, on);
  assert.deepEqual(parseConfigureArgs({ me, http: {}, socks: on }).socks, on);
});

Deno.test("only me is required", () => {
  const least = { me: "127.0.42.1", forwards: [], others: [], hostnameMap: {} };
  assert.deepEqual(parseConfigureArgs({ me: "127.0.42.1" }), least);
  assert.deepEqual(
    parseConfigureArgs({
      me: "127.0.42.1",
      forwards: null,
      others: null,
      hostnameMap: null,
      http: null,
      loopback: null,
      routes: null,
      writeEtcHosts: null,
    }),
    least,
  );
});

Deno.test("wrong arguments are errors naming the path and the value", () => {
  const forward = { listen_port: 1, connect_ip: "x", connect_port: 2, proto: "tcp" };
  const cases: [object, RegExp][] = [
    [{}, /me: .*undefined/],
    [{ me: "127.0.42" }, /me: Expected an IPv4 address but received "127.0.42"/],
    [{ me: 5 }, /me: .*5/],
    [
      { forwards: [forward, { ...forward, listen_port: 99999 }] },
      /forwards\[1\]\.listen_port: .*99999/,
    ],
    [{ forwards: [{ ...forward, listen_port: 0 }] }, /forwards\[0\]\.listen_port: .*0/],
    [{ forwards: [{ ...forward, connect_ip: "" }] }, /forwards\[0\]\.connect_ip: /],
    [{ forwards: [{ ...forward, proto: "udp" }] }, /forwards\[0\]\.proto: .*"udp"/],
    [{ forwards: "8080" }, /forwards: .*"8080"/],
    [{ hostnameMap: { web: "::1" } }, /hostnameMap\.web: .*"::1"/],
    [{ loopback: { disable: "yes" } }, /loopback\.disable: .*"yes"/],
    [{ http: ":18080" }, /http: .*":18080"/],
    [{ socks: { listen: 18081 } }, /socks\.listen: .*18081/],
    [{ routes: [{ via: "web" }] }, /routes\[0\]\.via: .*"web"/],
  ];
  for (const [part, wanted] of cases) {
    const args = "me" in part || Object.keys(part).length === 0
      ? part
      : { me: "127.0.42.1", ...part };
    assert.match(fault(() => parseConfigureArgs(args)), wanted);
  }
});

Deno.test("the arguments of extend are read, and absent ones stay absent", () => {
  const http = {
    listen: "127.0.0.1:18080",
    auth: { username: "u", password: "pass:ü" },
  };
  const all = {
    http,
    socks: { ...http, listen: ":1080" },
    exceptions: [{ route: 0, hostnames: ["*.intern.example.com"] }],
    aliases: ["www.example.com"],
    resolveFor: ["127.0.42.101", "*"],
  };
  assert.deepEqual(parseExtendArgs({ ...all, comesLater: true }), all);
  assert.deepEqual(parseExtendArgs({}), {});
  assert.deepEqual(parseExtendArgs({ http: null, socks: null, exceptions: null }), {});
});

Deno.test("wrong arguments of extend are errors that show no password", () => {
  const auth = { username: "u", password: "hunter2" };
  const listen = "127.0.0.1:1";
  const cases: [unknown, RegExp][] = [
    [undefined, /arguments of extend/],
    [{ resolveFor: ["web"] }, /resolveFor\[0\]: /],
    [{ resolveFor: "*" }, /resolveFor: /],
    [{ aliases: [1] }, /aliases\[0\]: /],
    [{ http: { listen } }, /http\.auth: /],
    [{ http: { listen: "", auth } }, /http\.listen: /],
    [{ http: { auth } }, /http\.listen: /],
    [{ http: "u:hunter2@127.0.0.1:1" }, /http: Expected an object/],
    [{ socks: { listen, auth: "u:hunter2" } }, /socks\.auth: Expected an object/],
    [{ socks: { listen, auth: { username: "u" } } }, /socks\.auth\.password: Expected/],
    [
      { socks: { listen, auth: { ...auth, password: ["hunter2"] } } },
      /socks\.auth\.password: Expected text/,
    ],
    [
      { socks: { listen, auth: { username: "u", password: 12345 } } },
      /socks\.auth\.password: Expected text/,
    ],
    [
      { socks: { listen, auth: { ...auth, username: "" } } },
      /socks\.auth\.username: Expected text that is not empty/,
    ],
    [{ exceptions: [{ route: -1 }] }, /exceptions\[0\]\.route: .*-1/],
    [{ exceptions: [{ route: 0, hostnames: [3] }] }, /hostnames\[0\]: .*3/],
  ];
  for (const [args, wanted] of cases) {
    const message = fault(() => parseExtendArgs(args));
    assert.match(message, wanted);
    assert.doesNotMatch(message, /hunter2|12345/);
  }
});

Deno.test("many faults are told, but not all of a thousand", () => {
  const others = Array.from({ length: 1000 }, () => ({ ip: "x", port: 1, proto: "tcp" }));
  const message = fault(() => parseConfigureArgs({ me: "1.2.3.4", others }));
  assert.match(message, /others\[4\]\.ip.*and 995 more$/);
});

Deno.test("a hostile host name cannot reach the prototype", () => {
  const args = parseConfigureArgs(
    JSON.parse('{"me":"1.2.3.4","hostnameMap":{"__proto__":"1.2.3.4","a":"1.2.3.4"}}'),
  );
  assert.deepEqual(Object.keys(args.hostnameMap), ["a"]);
  assert.equal(Object.getPrototypeOf(args.hostnameMap), Object.prototype);
});

Deno.test("results and events are read", () => {
  assert.deepEqual(parseConfigureData({ features: ["tcp"], version: "0.6.5" }), {
    features: ["tcp"],
    version: "0.6.5",
  });
  assert.deepEqual(parseConfigureData({ features: null }), { features: [], version: "" });
  assert.deepEqual(parseHostDown({ ip: "127.0.42.1" }), { ip: "127.0.42.1", ranges: [] });
  assert.match(
    fault(() => parseHostDown({ ip: "127.0.42.1", ranges: ["10.0.0.0"] })),
    /ranges\[0\]: Expected a range a\.b\.c\.d\/n but received "10\.0\.0\.0"/,
  );
  assert.deepEqual(parseRouteSuggestion({ ip: ["10.0.0.1"], route: "127.0.42.1" }), {
    ip: ["10.0.0.1"],
    route: "127.0.42.1",
  });
  const named = { ip: ["10.0.0.1"], route: "127.0.42.1", names: ["db.internal"] };
  assert.deepEqual(parseRouteSuggestion(named), named);
  assert.match(
    fault(() => parseRouteSuggestion({ ...named, names: Array(9).fill("a") })),
    /names: Expected at most 8 items/,
  );
  assert.match(
    fault(() => parseRouteSuggestion({ ...named, names: ["a".repeat(254)] })),
    /names\[0\]: Expected at most 253 characters/,
  );
  const listeners = [
    {
      address: "127.0.42.1:80",
      kind: "loopback",
      error: { code: "EACCES", message: "m" },
    },
    { address: "127.0.0.1:1080", kind: "socks" },
    { address: "127.0.42.1:10053", kind: "dns" },
  ];
  assert.deepEqual(parseStatus({ listeners }), { listeners });
  assert.deepEqual(parseStatus({ listeners: [{ ...listeners[1], error: null }] }), {
    listeners: [listeners[1]],
  });
  assert.deepEqual(parseStatus({ machine: "boot net" }), {
    listeners: [],
    machine: "boot net",
  });
  assert.deepEqual(parseStatus({ machine: null }), { listeners: [] });
  assert.match(fault(() => parseStatus({ machine: "m".repeat(201) })), /machine: /);
  assert.match(fault(() => parseStatus(undefined)), /result of status/);
});

Deno.test("update has a version, and what configure and extend would say", () => {
  const configure = { me: "127.0.42.100" };
  const egress = [{
    proto: "tcp",
    listen: "127.0.0.1:5432",
    connect_host: "db",
    connect_port: 5432,
  }];
  const read = parseUpdateArgs({ version: 3, configure, extend: { egress } });
  assert.deepEqual(read.configure, parseConfigureArgs(configure));
  assert.deepEqual([read.version, read.extend], [3, { egress }]);
  assert.equal(
    parseUpdateArgs({ version: 3, configure, extend: null }).extend,
    undefined,
  );
  assert.deepEqual(parseUpdateData({ version: 3, more: 1 }), { version: 3 });
});

Deno.test("wrong arguments of update are errors that show no password", () => {
  const configure = { me: "127.0.42.100" };
  const http = { listen: "x", auth: { username: "me", password: ["open sesame"] } };
  const wrong: [unknown, RegExp][] = [
    [{ configure }, /version/],
    [{ version: -1, configure }, /version/],
    [{ version: 1.5, configure }, /version/],
    [{ version: 1 }, /the arguments of update: configure/],
    [{ version: 1, configure: { me: "x" } }, /configure.*me/s],
    [{ version: 1, configure, extend: { http } }, /extend.*password/s],
    [{ version: 1, configure, extend: { egress: [{ proto: "tcp" }] } }, /egress/],
  ];
  for (const [args, words] of wrong) {
    assert.throws(() => parseUpdateArgs(args), (error: Error) => {
      assert.match(error.message, words);
      assert.ok(!error.message.includes("open sesame"));
      return error instanceof ControlError;
    });
  }
});
