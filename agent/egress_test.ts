import assert from "node:assert/strict";
import { DialError } from "../proxy/edge/dial.ts";
import { SocketStream } from "../proxy/edge/stream.ts";
import type { Upstream } from "../proxy/upstream.ts";
import type { ConfigureArgs, ExtendEgress } from "../wire/control/control.ts";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { pause, until } from "../tests/harness/scene/wait.ts";
import { configurationOf } from "./configuration.ts";
import { Egress } from "./egress.ts";
import { InForce } from "./in_force.ts";
import { Listeners } from "./listeners.ts";
import { DOWN_MS, Neighbours } from "./neighbours.ts";
import { Tasks } from "./tasks.ts";

const [ME, ONE, TWO, GATE] = [1, 2, 3, 4].map((last) => `127.0.43.${last}`);
/** Milliseconds after which targets are silent, in tests about that. */
const SLOW_MS = 300;
/** For tests in which no target is, however busy the machine. */
const NEVER_MS = 60_000;
const ARGS: ConfigureArgs = {
  me: ME!,
  forwards: [],
  others: [],
  hostnameMap: { one: ONE!, two: TWO!, gate: GATE! },
  routes: [{ via: GATE!, toCIDR: ["10.0.0.0/8"], toHostnameGlob: ["*.internal"] }],
};

const rule = (port: number, connect_host: string, connect_port = 80): ExtendEgress => {
  return { proto: "tcp", listen: `127.0.0.1:${port}`, connect_host, connect_port };
};

interface BenchOptions {
  readonly mostClients?: number;
  /** Whether the targets are the address itself. */
  readonly leadsToItself?: boolean;
  readonly slowMs?: number;
  /** The time by which beliefs about hosts go. */
  readonly now?: () => number;
}

/** Egress on real sockets, whose targets answer with their name, unless they fail. */
class Bench implements AsyncDisposable {
  readonly port: number;
  readonly neighbours: Neighbours;
  /** The targets that were dialled. */
  readonly dialled: string[] = [];
  readonly failing = new Map<string, DialError>();
  /** Targets whose dial settles with its signal only. */
  readonly silent = new Set<string>();
  readonly told: string[] = [];
  readonly listeners = new Listeners({ warn: () => {}, onUp: () => {} });
  readonly ending = new AbortController();
  readonly #tasks = new Tasks((message) => assert.fail(message));
  readonly #inForce = new InForce(configurationOf(ARGS));
  readonly #egress: Egress;
  readonly #server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #words: string[] = [];
  readonly #serving: Promise<void>;
  readonly #leadsToItself: boolean;

  constructor(
    { slowMs = NEVER_MS, now, mostClients, leadsToItself = false }: BenchOptions = {},
  ) {
    this.#leadsToItself = leadsToItself;
    this.neighbours = new Neighbours(now);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = listener.addr.port;
    listener.close();
    this.#egress = new Egress({
      connector: { connect: (name, _, signal) => this.#connect(name, signal!) },
      inForce: this.#inForce,
      neighbours: this.neighbours,
      tasks: this.#tasks,
      slowMs,
      ...(mostClients !== undefined && { mostClients }),
      seldom: { happened: (_, message) => this.told.push(message) },
      signal: this.ending.signal,
    });
    this.#serving = this.#serve();
  }

  apply(egress: ExtendEgress[]): void {
    const configuration = configurationOf(ARGS, { egress });
    this.#inForce.swap(configuration);
    this.listeners.apply(this.#egress.wanted(configuration));
  }

  /** The word of the target, and what it sends back of ours. */
  async ask(text = "hello"): Promise<string> {
    using socket = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    await socket.write(new TextEncoder().encode(text));
    await socket.closeWrite();
    return await new Response(socket.readable).text();
  }

  /** Settles when no client is left. */
  idle(): Promise<void> {
    return this.#tasks.ended();
  }

  /** The targets of so many clients, one after the other. */
  async served(count: number): Promise<string> {
    const words: string[] = [];
    for (let i = 0; i < count; i++) words.push((await this.ask("")).trim());
    return words.join(" ");
  }

  async #connect(hostname: string, signal: AbortSignal): Promise<Upstream> {
    this.dialled.push(hostname);
    if (this.silent.has(hostname)) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      signal.throwIfAborted();
    }
    const failure = this.failing.get(hostname);
    if (failure) throw failure;
    if (!this.#leadsToItself) this.#words.push(hostname);
    const { port } = this.#leadsToItself ? this : this.#server.addr;
    return new SocketStream(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async #serve(): Promise<void> {
    const all = [];
    for await (const socket of this.#server) {
      await socket.write(new TextEncoder().encode(`${this.#words.shift()} `));
      all.push(socket.readable.pipeTo(socket.writable).catch(() => {}));
    }
    await Promise.all(all);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    await this.listeners.close();
    await this.#tasks.ended();
    this.#server.close();
    await this.#serving;
  }
}

Deno.test("a client reaches the target of its address, with what it sent before", async () => {
  await using bench = new Bench();
  bench.apply([rule(bench.port, "db")]);
  assert.deepEqual(bench.listeners.statuses, [
    { address: `127.0.0.1:${bench.port}`, kind: "egress" },
  ]);
  assert.equal(await bench.ask("x".repeat(200_000)), `db ${"x".repeat(200_000)}`);
});

Deno.test("targets of one address take turns, from the first on", async () => {
  await using bench = new Bench();
  bench.apply([
    rule(bench.port, "one"),
    rule(bench.port, "two"),
    rule(bench.port, "db.internal"),
  ]);
  assert.equal(await bench.served(4), "one two db.internal one");
});

Deno.test("turns go on when another address is added, and who is open stays", async () => {
  await using bench = new Bench();
  const rules = [rule(bench.port, "one"), rule(bench.port, "two")];
  bench.apply(rules);
  assert.equal(await bench.served(1), "one");
  const open = await Deno.connect({ hostname: "127.0.0.1", port: bench.port });
  await until("the target was dialled", () => bench.dialled.length === 2);
  bench.apply([{ ...rule(0, "db"), listen: "nonsense" }, ...rules]);
  assert.equal(await bench.served(1), "one");
  assert.deepEqual(bench.listeners.statuses.map(({ error }) => error?.code), [
    undefined,
    "EINVAL",
  ]);
  bench.apply([]);
  await open.write(new TextEncoder().encode("still"));
  await open.closeWrite();
  assert.equal(await new Response(open.readable).text(), "two still");
});

Deno.test("a target whose host is away or down is left out, by name, VIP and route", async () => {
  await using bench = new Bench();
  const names = ["one", "two", ONE!, "db.internal", "10.1.2.3", "db.outside"];
  bench.apply(names.map((name) => rule(bench.port, name)));
  bench.neighbours.down(parseIpv4(ONE!)!);
  bench.neighbours.away(parseIpv4(GATE!)!);
  assert.equal(await bench.served(3), "two db.outside two");
  bench.neighbours.back(parseIpv4(GATE!)!);
  const all = await bench.served(4);
  assert.deepEqual(
    all.split(" ").sort(),
    ["10.1.2.3", "db.internal", "db.outside", "two"],
  );
});

Deno.test("where all are left out, each is tried all the same", async () => {
  await using bench = new Bench();
  bench.apply([rule(bench.port, "one"), rule(bench.port, "two")]);
  for (const vip of [ONE!, TWO!]) bench.neighbours.away(parseIpv4(vip)!);
  assert.equal(await bench.served(1), "one");
});

Deno.test("when a dial fails the next is tried, and the host is left out if it is down", async () => {
  await using bench = new Bench();
  bench.apply([rule(bench.port, "one"), rule(bench.port, "two")]);
  bench.failing.set("one", new DialError("refused", "one:80"));
  assert.equal(await bench.served(2), "two two");
  assert.deepEqual(bench.dialled, ["one", "two", "two"], "turn by turn");
  assert.equal(await bench.served(1), "two");
  assert.equal(bench.dialled.at(-2), "one", "who refused may serve again");
  bench.failing.set("one", new DialError("host-unreachable", "one:80"));
  assert.equal(await bench.served(2), "two two");
  bench.dialled.length = 0;
  assert.equal(await bench.served(4), "two two two two");
  assert.ok(!bench.dialled.includes("one"));
});

Deno.test("a client waits for no silent target, and the next ones go elsewhere first", async () => {
  await using bench = new Bench({ slowMs: SLOW_MS, now: () => 0 });
  bench.apply([rule(bench.port, "one"), rule(bench.port, "two")]);
  bench.silent.add("one");
  assert.equal(await bench.served(1), "two");
  assert.deepEqual(bench.dialled, ["one", "two"]);
  assert.equal(bench.neighbours.isThere(parseIpv4(ONE!)!), false);
  bench.dialled.length = 0;
  assert.equal(await bench.served(3), "two two two");
  assert.deepEqual(bench.dialled, ["two", "two", "two"]);
});

Deno.test("a host that is away is not believed to be back for being silent", async () => {
  let now = 0;
  await using bench = new Bench({ slowMs: SLOW_MS, now: () => now });
  bench.apply([rule(bench.port, "one"), rule(bench.port, "two")]);
  bench.neighbours.away(parseIpv4(ONE!)!);
  bench.failing.set("two", new DialError("refused", "two:80"));
  bench.silent.add("one");
  const client = bench.ask();
  await until("the dials", () => bench.dialled.length === 2);
  await pause(2 * SLOW_MS);
  now = DOWN_MS + 1;
  assert.equal(bench.neighbours.isThere(parseIpv4(ONE!)!), false);
  bench.ending.abort();
  await assert.rejects(client, /reset/);
});

Deno.test("a client is reset when no target is left, which is told", async () => {
  await using bench = new Bench();
  bench.apply([rule(bench.port, "one"), rule(bench.port, "two")]);
  for (const name of ["one", "two"]) {
    bench.failing.set(name, new DialError("refused", `${name}:80`));
  }
  await assert.rejects(bench.ask(), /reset/);
  assert.deepEqual(bench.dialled, ["one", "two"]);
  assert.deepEqual(bench.told, [
    `Egress: a client of 127.0.0.1:${bench.port} was reset: ` +
    "Cannot connect to two:80 (refused)",
  ]);
});

Deno.test({
  name: "a client that resets ends its dial, and no further target is tried",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using bench = new Bench();
    bench.apply([rule(bench.port, "one"), rule(bench.port, "two")]);
    bench.silent.add("one");
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: bench.port });
    await until("the dial", () => bench.dialled.length === 1);
    const { resetConnection, resetsDone } = await import("../proxy/edge/reset.ts");
    resetConnection(socket);
    await resetsDone();
    bench.silent.clear();
    assert.equal(await bench.served(1), "two");
    assert.deepEqual(bench.dialled, ["one", "two"]);
    assert.deepEqual(bench.told, []);
  },
});

Deno.test("a client too many is turned away, until another is gone", async () => {
  await using bench = new Bench({ mostClients: 2 });
  const rules = [rule(bench.port, "one")];
  bench.apply(rules);
  const address = { hostname: "127.0.0.1", port: bench.port };
  const first = await Deno.connect(address);
  using _second = await Deno.connect(address);
  await until("the targets were dialled", () => bench.dialled.length === 2);
  assert.equal(await bench.ask("").catch(() => ""), "");
  assert.equal(bench.dialled.length, 2);
  assert.deepEqual(bench.told, [
    `Egress: a client of 127.0.0.1:${bench.port} was turned away: 2 are connected ` +
    "already, as many as the address serves at once; see whether it leads to itself",
  ]);
  bench.apply([...rules, { ...rule(0, "db"), listen: "nonsense" }]);
  assert.equal(await bench.ask("").catch(() => ""), "", "they are still there");
  first.close();
  await until("room", async () => await bench.ask("").catch(() => "") === "one ");
});

Deno.test("an egress address that leads to itself ends its client, and all it caused", async () => {
  await using bench = new Bench({ mostClients: 50, leadsToItself: true });
  bench.apply([rule(bench.port, "one")]);
  assert.equal(await bench.ask("hello").catch(() => ""), "");
  assert.equal(bench.told.length, 1);
  assert.equal(bench.dialled.length, 50);
  await bench.idle();
});
