import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { DialError } from "../edge/dial.ts";
import { failure, type Host, mesh, type SynVerdict, VIPS } from "../_connector_mesh.ts";

Deno.test("a name behind a bastion: its addresses in order, each told before its SYN", async () => {
  const { reach, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1", "10.0.0.2", "10.0.0.3"] } },
    verdicts: { "east 10.0.0.1:80": "refuse" },
  });
  assert.equal(await reach("DB.east"), "east 10.0.0.2:80");
  const tries = [
    "10.0.0.1 is behind east",
    "SYN 10.0.0.1:80",
    "10.0.0.2 is behind east",
    "SYN 10.0.0.2:80",
  ];
  assert.deepEqual(events.splice(0), [
    `SYN ${VIPS.east}:10053`,
    "east is asked for db.east",
    ...tries,
  ]);
  assert.equal(await reach("db.east."), "east 10.0.0.2:80");
  assert.deepEqual(events.splice(0), tries, "the name is remembered");
});

Deno.test("a name is asked for again when its time is over", async () => {
  const { reach, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1"] } },
    ttl: 0,
  });
  for (let i = 0; i < 2; i++) assert.equal(await reach("db.east"), "east 10.0.0.1:80");
  assert.equal(events.filter((event) => event.includes("asked")).length, 2);
});

Deno.test("names are asked for again when routes or hosts are others", async () => {
  const { reach, connector, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1"] } },
  });
  for (let i = 0; i < 2; i++) await reach("db.east");
  connector.forgetNames();
  await reach("db.east");
  assert.equal(events.filter((event) => event.includes("asked")).length, 2);
});

Deno.test("a remembered name that the bastion no longer dials is asked for again", async () => {
  const verdicts: Record<string, SynVerdict> = {};
  const { reach, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1"] } },
    verdicts,
  });
  await reach("db.east");
  verdicts["east 10.0.0.1:80"] = 10; // it was started anew
  events.length = 0;
  await assert.rejects(reach("db.east"), { failure: "prohibited" });
  assert.equal(events.filter((event) => event.includes("asked")).length, 1);
});

Deno.test("an address of a range is told only if something else was told before", async () => {
  const { reach, events } = await mesh({
    routes: [
      { toCIDR: ["10.0.0.0/8"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: { west: { "db.west": ["10.0.0.1"] } },
  });
  assert.equal(await reach("10.0.0.1"), "east 10.0.0.1:80");
  assert.deepEqual(events.splice(0), ["SYN 10.0.0.1:80"]);
  assert.equal(await reach("db.west"), "west 10.0.0.1:80");
  assert.equal(await reach("10.0.0.1"), "east 10.0.0.1:80");
  assert.deepEqual(events.slice(-2), ["10.0.0.1 is behind east", "SYN 10.0.0.1:80"]);
});

Deno.test("equal addresses behind two bastions are reached each by its name", async () => {
  const { reach, drive, connector, taken } = await mesh({
    routes: [
      { toHostnameGlob: ["*.east"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: {
      east: { "db.east": ["10.0.0.1"] },
      west: { "db.west": ["10.0.0.1"] },
    },
  });
  for (let i = 0; i < 3; i++) {
    for (const side of ["east", "west"]) {
      assert.equal(await reach(`db.${side}`), `${side} 10.0.0.1:80`);
    }
  }
  taken.length = 0;
  const ports = Array.from({ length: 20 }, (_, i) => 1000 + i);
  const all = await drive(Promise.all(
    ports.map((port) => connector.connect(port % 2 ? "db.west" : "db.east", port)),
  ));
  const expected = ports.map((port) => `${port % 2 ? "west" : "east"} 10.0.0.1:${port}`);
  assert.deepEqual(taken.map(({ host, to }) => `${host} ${to}`).sort(), expected.sort());
  for (const one of all) one.reset();
});

Deno.test("a target that does not answer holds back nobody who wants another bastion's", async () => {
  const { drive, connector, events, taken } = await mesh({
    routes: [
      { toHostnameGlob: ["*.east"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: {
      east: { "db.east": ["10.0.0.1"] },
      west: { "db.west": ["10.0.0.1"] },
    },
    verdicts: { "east 10.0.0.1:81": "hold" },
  });
  const silent = new AbortController();
  await drive((async () => {
    const holds = connector.connect("db.east", 81, silent.signal);
    holds.catch(() => {});
    await until("its SYN", () => events.includes("SYN 10.0.0.1:81"));
    (await connector.connect("db.west", 82)).reset();
    assert.deepEqual(taken.map(({ host, to }) => `${host} ${to}`), ["west 10.0.0.1:82"]);
    silent.abort();
    await assert.rejects(holds, DialError);
  })());
});

Deno.test("a name behind a bastion leads to no host of the mesh, among whatever addresses", async () => {
  const answers: Record<string, [string[], string]> = {
    "other.east": [[VIPS.west], "west"],
    "laptop.east": [[VIPS.me], "me"],
    "itself.east": [[VIPS.east], "east"],
    "among.east": [["10.0.0.1", VIPS.web, "10.0.0.2"], "web"],
  };
  const names = Object.fromEntries(
    Object.entries(answers).map(([name, [addresses]]) => [name, addresses]),
  );
  const { connect, events, taken } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"], toCIDR: ["127.0.42.0/24"] }],
    names: { east: names },
  });
  for (const [name, [, host]] of Object.entries(answers)) {
    const reason = `behind east, "${name}" is said to be at ` +
      `${VIPS[host as Host]}, which is the host ${host} of the mesh`;
    for (let times = 0; times < 2; times++) {
      events.length = 0;
      await failure(
        connect(name, 80),
        "prohibited",
        `Cannot connect to ${name}:80 (prohibited): ${reason}`,
      );
      assert.equal(events.at(-1), `Did not connect to ${name}:80: ${reason}`);
    }
  }
  assert.deepEqual(taken, []);
});

Deno.test("a name behind a bastion leads to an address of each machine only if a range names it", async () => {
  const names = {
    "metadata.east": ["169.254.169.254"],
    "home.east": ["127.0.0.1"],
    "both.east": ["127.0.0.1", "10.0.0.1"],
  };
  const { reach, connect } = await mesh({
    routes: [
      { toHostnameGlob: ["*.east"], toCIDR: ["169.254.169.254/32", "0.0.0.0/0"] },
      { toCIDR: ["169.254.0.0/16", "127.0.0.1/32"], via: VIPS.west },
    ],
    names: { east: names },
  });
  assert.equal(await reach("metadata.east"), "east 169.254.169.254:80");
  assert.equal(await reach("both.east"), "east 10.0.0.1:80");
  await failure(
    connect("home.east", 80),
    "prohibited",
    `Cannot connect to home.east:80 (prohibited): behind east, "home.east" is said to ` +
      `be at 127.0.0.1, an address that each machine has for itself`,
  );
});

Deno.test("who waits for an address tells where it is if others told so meanwhile", async () => {
  const { reach, drive, connector, events, taken } = await mesh({
    routes: [
      { toCIDR: ["10.0.0.0/8"], toHostnameGlob: ["*.east"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: {
      east: { "db.east": ["10.0.0.1"] },
      west: { "db.west": ["10.0.0.1"] },
    },
    verdicts: { "east 10.0.0.1:81": "hold" },
  });
  // Both names are remembered from here on, and east is the last that was told.
  for (const name of ["db.west", "db.east"]) await reach(name);
  taken.length = 0;
  events.length = 0;
  const first = new AbortController();
  const all = await drive((async () => {
    const holds = connector.connect("db.east", 81, first.signal);
    const waits = [
      connector.connect("db.west", 82),
      connector.connect("10.0.0.1", 83), // of the range, so in east
    ];
    const over = Promise.all(waits);
    over.catch(() => {});
    await until("the first SYN", () => events.includes("SYN 10.0.0.1:81"));
    first.abort();
    await assert.rejects(holds, DialError);
    return await over;
  })());
  assert.deepEqual(taken.map(({ host, to }) => `${host} ${to}`), [
    "west 10.0.0.1:82",
    "east 10.0.0.1:83",
  ]);
  assert.deepEqual(events, [
    "10.0.0.1 is behind east",
    "SYN 10.0.0.1:81",
    "10.0.0.1 is behind west",
    "SYN 10.0.0.1:82",
    "10.0.0.1 is behind east",
    "SYN 10.0.0.1:83",
  ]);
  for (const one of all) one.reset();
});

Deno.test("a name that a bastion could not look up is not called unknown", async () => {
  const verdicts: Record<string, SynVerdict> = {};
  const { connect } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "failing.east": 2, "secret.east": 5 } },
    verdicts,
  });
  const cases = [
    ["failing.east", "it answered SERVFAIL"],
    ["secret.east", "it answered REFUSED"],
    ["any.east", "it refused"],
  ] as const;
  for (const [name, said] of cases) {
    if (name === "any.east") verdicts[`east ${VIPS.east}:10053`] = "refuse";
    await failure(
      connect(name, 80),
      "failed",
      `Cannot connect to ${name}:80 (failed): ` +
        `Cannot resolve "${name}" through the name server of east: ${said}`,
    );
  }
});
