/**
 * The alerts: each comes when it should, and none of a mesh that does well.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { meteredOf } from "../../control/_metered.ts";
import { metricsOf } from "../../control/metrics.ts";
import {
  promtool,
  type Series,
  seriesOf,
  testQueries,
  withPromtool,
} from "./promtool.ts";
import { namedIn, unknownLabels } from "./queries.ts";

const PATH = fileURLToPath(new URL("../../examples/alerts.yml", import.meta.url));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const RULES: readonly Rule[] = parse(Deno.readTextFileSync(PATH)).groups[0].rules;

const FROM = 'job="norouter",instance="laptop"';

/** Series of a mesh that does well: nothing grows that should not. */
function wellSeries(): Series[] {
  const { status, ...rest } = meteredOf(["web"]);
  const listeners = status.listeners.filter(({ error }) => !error);
  const text = [...metricsOf({ ...rest, status: { ...status, listeners } })].join("");
  return seriesOf(text, FROM).map(({ series, values }) => ({
    series,
    values:
      /_(bytes|frames|packets|seconds|served)_total|result="connected"/.test(series) &&
        !/dropped|queue_refused/.test(series)
        ? values
        : values.replace("+10x", "+0x"),
  }));
}

/** A series in place of that of a mesh that does well, or besides. */
function bad(name: string, labels: string, values: string): Series {
  return { series: `${name}{${labels === "" ? "" : `${labels},`}${FROM}}`, values };
}

const WEB = 'host="web"';

/** By alert, the series that bring it. */
const CASES: Readonly<Record<string, readonly Series[]>> = {
  NoRouterHostDown: [
    bad("norouter_host_state", `${WEB},state="down"`, "1+0x60"),
    bad("norouter_host_state", `${WEB},state="ready"`, "0+0x60"),
  ],
  NoRouterMeshGone: [
    bad("norouter_info", 'name="mesh",version="1.2.3"', "1+0x25 stale"),
  ],
  NoRouterMetricsStale: [
    bad("node_textfile_mtime_seconds", 'file="/x/norouter.prom"', "0+0x60"),
  ],
  NoRouterLinkFull: [bad("norouter_queue_weight_bytes", WEB, "20000000+0x60")],
  NoRouterLinkBusy: [bad("norouter_queue_bytes", WEB, "500000+0x60")],
  NoRouterRoundTripHigh: [bad("norouter_link_round_trip_seconds", WEB, "0.5+0x60")],
  NoRouterLinkDrops: [
    bad("norouter_link_sent_dropped_frames_total", WEB, "0+600x60"),
  ],
  NoRouterPacketsDropped: [
    bad("norouter_packets_dropped_total", 'reason="overflowed"', "0+10x60"),
  ],
  NoRouterForgedPackets: [
    bad(
      "norouter_link_received_dropped_frames_total",
      `${WEB},reason="source"`,
      "0+6000x60",
    ),
  ],
  NoRouterResumesOften: [
    bad("norouter_host_resumes_total", WEB, "0+1x60"),
    bad("norouter_host_ready_total", WEB, "0+1x60"),
  ],
  NoRouterHostUnsteady: [bad("norouter_host_ready_total", WEB, "0+1x60")],
  NoRouterDescriptors: [bad("process_open_fds", "", "19000+0x60")],
  NoRouterAgentDescriptors: [bad("norouter_agent_open_fds", WEB, "19000+0x60")],
  NoRouterListenerFailed: [
    bad("norouter_listeners", `${WEB},kind="loopback",state="failed"`, "1+0x60"),
  ],
  NoRouterDialsFail: [
    bad("norouter_dials_total", `${WEB},result="refused"`, "0+100x60"),
  ],
  NoRouterClientsTurnedAway: [
    bad("norouter_clients_turned_away_total", `${WEB},service="egress"`, "0+1x60"),
  ],
  NoRouterFlowsFull: [bad("norouter_flows", 'phase="open"', "16000+0x60")],
  NoRouterStackBroke: [bad("norouter_stack_renewals_total", WEB, "0+0x20 1+0x40")],
  NoRouterAgentSilent: [bad("norouter_stack_age_seconds", WEB, "100+0x60")],
};

Deno.test("every alert names metrics and labels that there are, and says what it means", () => {
  for (const { alert, expr, labels, annotations } of RULES) {
    const { metrics, faults } = namedIn(expr);
    assert.deepEqual(faults, [], `${alert}: ${expr}`);
    assert.match(labels.severity!, /^(critical|warning|info)$/);
    for (const key of ["summary", "description"]) {
      assert.ok(annotations[key], `${alert} has no ${key}`);
      assert.deepEqual(unknownLabels(annotations[key], metrics), [], alert);
    }
  }
  assert.deepEqual(RULES.map(({ alert }) => alert), Object.keys(CASES));
});

withPromtool("promtool finds nothing wrong with the alerts", async () => {
  const { status, text } = await promtool(["check", "rules", PATH]);
  assert.equal(status, 0, text);
});

withPromtool(
  "each alert comes when it should, and none while a mesh does well",
  async () => {
    const firing = (alert: string) => `ALERTS{alertname="${alert}",alertstate="firing"}`;
    const well = wellSeries();
    const tests = Object.entries(CASES).map(([alert, series]) => {
      const replaced = new Set(series.map(({ series }) => series));
      const others = well.filter(({ series }) => !replaced.has(series));
      return {
        name: alert,
        series: [...others, ...series],
        minute: 30,
        found: [firing(alert)],
        notFound: [`ALERTS{alertname!="${alert}",alertstate="firing"}`],
      };
    });
    const { status, text } = await testQueries([
      ...tests,
      { name: "well", series: well, minute: 30, found: [], notFound: ["ALERTS"] },
    ], PATH);
    assert.equal(status, 0, text);
  },
);

withPromtool(
  "the descriptors of a collector are not taken for those of the mesh",
  async () => {
    const { status: value, ...rest } = meteredOf(["web"]);
    const text = [...metricsOf({ ...rest, status: value }, { isForCollector: true })]
      .join("");
    const own = seriesOf(text, FROM).filter(({ series }) => !/open_fds/.test(series));
    const limit = bad("process_max_fds", "", "100+0x60");
    const alert = 'ALERTS{alertname="NoRouterDescriptors",alertstate="firing"}';
    const series = (ours: string, theirs: string) => [
      ...own,
      limit,
      bad("process_open_fds", "", theirs),
      bad("norouter_process_open_fds", 'mesh="mesh"', ours),
    ];
    const { status, text: told } = await testQueries([
      {
        name: "theirs",
        series: series("5+0x60", "99+0x60"),
        minute: 30,
        found: [],
        notFound: [alert],
      },
      {
        name: "ours",
        series: series("19900+0x60", "5+0x60"),
        minute: 30,
        found: [alert],
      },
    ], PATH);
    assert.equal(status, 0, told);
  },
);
