import assert from "node:assert/strict";
import { Bench, staying, three } from "../manager/_bench.ts";
import { meteredOf } from "./_metered.ts";
import type { Metered } from "./metric_kinds.ts";
import { COLLECTED, METRICS, metricsOf, type MetricsOptions } from "./metrics.ts";

function textOf(metered: Metered, options?: MetricsOptions): string {
  return [...metricsOf(metered, options)].join("");
}

/** The samples of a text: what stands before the value, and the value. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test("each part of a status is told, in base units", () => {
  const samples = samplesOf(textOf(meteredOf(["web", "db"])));
  const expected: Record<string, number> = {
    'norouter_info{name="mesh",version="1.2.3"}': 1,
    "norouter_uptime_seconds": 123.456,
    'norouter_host_info{host="db",vip="127.0.42.1",version="1.2.3"}': 1,
    'norouter_host_state{host="web",state="ready"}': 1,
    'norouter_host_state{host="web",state="down"}': 0,
    'norouter_host_ready_seconds{host="web"}': 61,
    'norouter_host_starts_total{host="web"}': 5,
    'norouter_host_resumes_total{host="web"}': 2,
    'norouter_host_stay_seconds{host="web"}': 300,
    'norouter_link_received_bytes_total{host="web"}': 98_765_432_101,
    'norouter_link_received_frames_total{host="db"}': 123_456_790,
    'norouter_link_received_dropped_frames_total{host="web",reason="source"}': 5,
    'norouter_link_received_dropped_frames_total{host="web",reason="control"}': 6,
    'norouter_link_sent_dropped_frames_total{host="web"}': 11,
    'norouter_link_window_bytes{host="web"}': 1_048_576,
    'norouter_link_round_trip_seconds{host="web"}': 0.0045,
    'norouter_link_base_round_trip_seconds{host="web"}': 0.00125,
    'norouter_link_competing{host="web"}': 0,
    'norouter_queue_weight_bytes{host="web"}': 24_240,
    'norouter_queue_limit_bytes{host="web"}': 33_554_432,
    'norouter_waiting_bytes{host="web"}': 700,
    'norouter_packets_dropped_total{reason="away"}': 5,
    'norouter_flows{phase="open"}': 20,
    "norouter_flows_evicted_total": 2,
    'norouter_policy_decisions_total{rule="2",action="deny"}': 9,
    'norouter_listeners{host="web",kind="loopback",state="failed"}': 1,
    'norouter_listeners{host="web",kind="socks",state="failed"}': 0,
    'norouter_clients{host="web",service="inbound"}': 1,
    'norouter_dials_total{host="web",result="refused"}': 3,
    'norouter_stack_memory_bytes{host="web"}': 160 * 65_536,
    'norouter_stack_age_seconds{host="web"}': 0.012,
    'norouter_log_lines_dropped_total{host="web"}': 8,
    'norouter_agent_open_fds{host="web"}': 77,
    "process_cpu_seconds_total": 12.34,
    "process_max_fds": 20_000,
  };
  for (const [series, value] of Object.entries(expected)) {
    assert.equal(samples.get(series), value, series);
  }
});

Deno.test("of a host that is down only what is known is told", async () => {
  const hosts = { a: { fake: staying }, b: { fake: {} } };
  await using bench = await new Bench().start({ hosts });
  bench.unreachable.add("b");
  bench.cut.get("b")!("cut");
  await bench.clock.pass(200, 50);
  const status = await bench.mesh.status();
  const text = textOf({ status, mesh: "m", version: "1" });
  const samples = samplesOf(text);
  assert.equal(samples.get('norouter_host_state{host="b",state="down"}'), 1);
  assert.equal(samples.get('norouter_host_starts_total{host="b"}'), 1);
  assert.equal(samples.get('norouter_host_stay_seconds{host="a"}'), 60);
  assert.ok(!samples.has('norouter_host_ready_seconds{host="b"}'));
  assert.ok(!samples.has('norouter_queue_bytes{host="b"}'));
  assert.doesNotMatch(text, /undefined|NaN|null/);
});

Deno.test("no series is told twice, of a mesh with all that there can be", () => {
  for (const isForCollector of [false, true]) {
    const text = textOf(meteredOf(["a", "b"]), { isForCollector });
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(samplesOf(text).size, lines.length);
    const told = new Set(lines.map((line) => /^\w+/.exec(line)![0]));
    const metrics = isForCollector ? COLLECTED : METRICS;
    assert.deepEqual([...told], metrics.map(({ name }) => name), "each has a sample");
  }
});

Deno.test("a collector's text says the mesh on each line, and has no name of others", () => {
  const text = textOf(meteredOf(["a"], { mesh: "one" }), { isForCollector: true });
  for (const line of text.trimEnd().split("\n")) {
    assert.match(line, /^# (HELP|TYPE) norouter_|^norouter_\w+\{mesh="one"[,}]/);
  }
  assert.match(text, /^norouter_process_open_fds\{mesh="one"\} 77$/m);
});

Deno.test("1000 hosts have as many series each as two have, and no more for their listeners", () => {
  const names = (count: number) => Array.from({ length: count }, (_, at) => `host${at}`);
  const seriesOf = (count: number) => samplesOf(textOf(meteredOf(names(count)))).size;
  const each = seriesOf(3) - seriesOf(2);
  assert.equal(seriesOf(1000), seriesOf(2) + 998 * each);
  assert.ok(each < 100, `${each} series a host`);
  const crowd = meteredOf(["a"]).status.listeners[0]!;
  const listeners = Array.from({ length: 5000 }, () => crowd);
  const text = textOf(meteredOf(["a"], { more: { listeners } }));
  assert.equal(
    samplesOf(text).get('norouter_listeners{host="a",kind="loopback",state="up"}'),
    5000,
  );
});

Deno.test("a mesh of fake agents has no metric that lacks a number", async () => {
  await using bench = await new Bench().start(three);
  const status = await bench.mesh.status();
  for (
    const [series, value] of samplesOf(textOf({ status, mesh: "m", version: "1" }))
  ) {
    assert.ok(Number.isFinite(value), `${series} is ${value}`);
  }
});
