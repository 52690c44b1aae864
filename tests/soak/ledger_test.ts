import assert from "node:assert/strict";
import { Ledger } from "./ledger.ts";
import type { ClientReport, ServerReport, Transfer } from "./transfer.ts";

const plan: Transfer = { id: "x", seed: 1, up: 10, down: 20, order: "both" };

/** A report of a client whose transfer went well, but for `but`. */
function client(but: Partial<ClientReport> = {}): ClientReport {
  const now = Date.now();
  const fine = {
    id: "x",
    received: 20,
    ending: "end",
    way: "loopback",
    hosts: ["web", "db"],
  };
  return { event: "transfer", transfer: plan, ...fine, began: now, ended: now, ...but };
}

function server(but: Partial<ServerReport> = {}): ServerReport {
  const fine = { id: "x", received: 10, ending: "end", ended: Date.now() };
  return { event: "served", ...fine, ...but };
}

function judge(...reports: (ClientReport | ServerReport)[]): Ledger {
  const ledger = new Ledger();
  for (const report of reports) ledger.take(report);
  ledger.close();
  return ledger;
}

const byServer = { ...plan, reset: { by: "server", after: 3 } } as const;
const byClient = { ...plan, reset: { by: "client", after: 3 } } as const;

Deno.test("a transfer is whole when both sides got all of it", () => {
  const { whole, violations, bytes } = judge(server(), client());
  assert.deepEqual([whole, violations, bytes], [1, [], 30]);
});

const VIOLATIONS: [string, (ClientReport | ServerReport)[], RegExp][] = [
  ["too little that ends well", [client({ received: 19 }), server()], /lost/],
  ["too little at the server", [client(), server({ received: 9 })], /lost/],
  ["too much", [client({ received: 21 }), server()], /more bytes/],
  ["a wrong byte", [client({ wrongAt: 7 }), server()], /wrong byte 7 at the client/],
  [
    "a wrong byte at the server",
    [client(), server({ wrongAt: 0 })],
    /wrong byte 0 at the server/,
  ],
  ["a reset that nobody planned", [client({ ending: "reset" }), server()], /lost/],
  ["no connection", [client({ received: 0, ending: "no connection: refused" })], /lost/],
  ["a server that never heard of it", [client()], /lost/],
  ["a client that never told", [server()], /only the server/],
  ["a planned reset that looks like an end", [
    client({ transfer: byServer }),
    server({ ending: "reset by us" }),
  ], /lost/],
  ["the same at the server", [
    client({ transfer: byClient, ending: "reset by us" }),
    server({ received: 3 }),
  ], /lost/],
];

for (const [what, reports, wanted] of VIOLATIONS) {
  Deno.test(`${what} is a violation`, () => {
    assert.match(judge(...reports).violations.join("\n"), wanted);
  });
}

Deno.test("planned resets are no loss, by whichever side", () => {
  for (
    const reports of [
      [
        client({ transfer: byServer, received: 3, ending: "reset" }),
        server({ ending: "reset by us" }),
      ],
      [
        client({ transfer: byClient, ending: "reset by us" }),
        server({ ending: "reset" }),
      ],
    ]
  ) {
    const { reset, violations } = judge(...reports);
    assert.deepEqual([reset, violations], [1, []]);
  }
});

Deno.test("what is lost while a host on its way is out is explained, wrong bytes are not", () => {
  for (const [host, violations] of [["db", 0], ["gate", 1]] as const) {
    const ledger = new Ledger();
    ledger.begin(host);
    ledger.take(client({ ending: "reset", received: 1 }));
    ledger.take(server({ ending: "reset", received: 0 }));
    assert.equal(ledger.violations.length, violations, host);
    assert.equal(ledger.lost.size, 1);
    ledger.take(client({ wrongAt: 1 }));
    ledger.take(server());
    assert.equal(ledger.violations.length, violations + 1);
  }
});

Deno.test("an outage explains nothing that was over before it or began after it", () => {
  const now = Date.now();
  const ledger = new Ledger();
  ledger.outages.push({ host: "web", from: now - 60_000, until: now - 50_000 });
  for (
    const [began = 0, ended = 0] of [[now - 90_000, now - 80_000], [now - 20_000, now]]
  ) {
    ledger.take(client({ ending: "reset", began, ended }));
    ledger.take(server({ ending: "reset", ended }));
  }
  assert.equal(ledger.violations.length, 2);
});

Deno.test("an outage explains what a client that is gone had under way", () => {
  const now = Date.now();
  const ledger = new Ledger();
  ledger.outages.push({ host: "web", from: now - 60_000, until: now - 50_000 });
  const reports = [
    client({ ended: now - 70_000, began: now - 71_000 }),
    server({
      received: 9,
      ended: now - 59_000,
    }),
  ];
  for (const report of reports) ledger.take(report);
  assert.deepEqual(ledger.violations, []);
});
