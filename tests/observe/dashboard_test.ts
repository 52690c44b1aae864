/**
 * The dashboard: every query names metrics that there are, and finds something.
 *
 * @module
 */
import assert from "node:assert/strict";
import { meteredOf } from "../../control/_metered.ts";
import { metricsOf } from "../../control/metrics.ts";
import { promtool, seriesOf, testQueries, withPromtool } from "./promtool.ts";
import { namedIn, unknownLabels } from "./queries.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const BOARD = JSON.parse(
  Deno.readTextFileSync(new URL("../../examples/grafana.json", import.meta.url)),
) as {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition?: string }[];
  };
};

const TARGETS = BOARD.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat }))
);

/** A query as Grafana asks it, with all jobs, instances and hosts. */
function asked(query: string): string {
  return query.replaceAll("$__rate_interval", "5m").replace(/\$\w+/g, ".*");
}

Deno.test("every query of the dashboard names metrics and labels that there are", () => {
  assert.ok(TARGETS.length > 30, `only ${TARGETS.length} queries`);
  for (const { title, expr, legendFormat } of TARGETS) {
    const { metrics, faults } = namedIn(expr);
    assert.deepEqual(faults, [], `${title}: ${expr}`);
    assert.ok(metrics.length > 0, expr);
    assert.deepEqual(
      unknownLabels(legendFormat, metrics),
      [],
      `${title}: ${legendFormat}`,
    );
  }
});

Deno.test("a query of what there is not is found out", () => {
  const faultsOf = (query: string) => namedIn(query).faults;
  assert.deepEqual(faultsOf("norouter_nothing"), ["there is no metric norouter_nothing"]);
  assert.deepEqual(
    faultsOf('rate(norouter_flows{host="x"}[5m])'),
    ["norouter_flows has no label host"],
  );
  assert.deepEqual(
    faultsOf("sum by (hots) (norouter_queue_bytes)"),
    ["none of them has a label hots"],
  );
  assert.deepEqual(
    faultsOf('sum by (host) (norouter_queue_bytes{host="norouter_x"})'),
    [],
  );
  assert.deepEqual(unknownLabels("{{host}} {{what}}", ["norouter_queue_bytes"]), [
    "what",
  ]);
});

Deno.test("every variable of the dashboard has its values from a label that there is", () => {
  const names = BOARD.templating.list.map(({ name }) => name);
  for (const { name, definition } of BOARD.templating.list) {
    if (definition === undefined) continue;
    const [, selector = "", label] = /^label_values\((.*), (\w+)\)$/.exec(definition)!;
    assert.equal(label, name);
    assert.deepEqual(namedIn(`sum by (${label}) (${selector})`).faults, []);
  }
  const used = JSON.stringify(BOARD).matchAll(/\$\{?(\w+)/g).map(([, name]) => name!);
  for (const name of new Set(used)) {
    assert.ok(names.includes(name) || name.startsWith("__"), `no variable ${name}`);
  }
});

Deno.test("panels have an id each, and do not lie on each other", () => {
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of BOARD.panels) {
    assert.ok(x + w <= 24, title);
    for (let at = 0; at < w * h; at++) {
      const cell = `${x + at % w} ${y + Math.floor(at / w)}`;
      assert.ok(!taken.has(cell), `${title} lies on another panel`);
      taken.add(cell);
    }
  }
  assert.equal(new Set(BOARD.panels.map(({ id }) => id)).size, BOARD.panels.length);
});

for (const isForCollector of [false, true]) {
  const how = isForCollector ? "a collector's text" : "a scrape";
  withPromtool(`every query of the dashboard finds something in ${how}`, async () => {
    const text = [...metricsOf(meteredOf(["web", "db"]), { isForCollector })].join("");
    const series = seriesOf(text, 'job="norouter",instance="laptop"');
    const { status, text: told } = await testQueries([{
      name: how,
      series: isForCollector
        // The collector tells of its own process by the names that are left to it.
        ? [...series, {
          series: 'process_open_fds{job="norouter",instance="laptop"}',
          values: "5+0x60",
        }]
        : series,
      minute: 30,
      found: TARGETS.map(({ expr }) => asked(expr)),
    }]);
    assert.equal(status, 0, told);
  });
}

withPromtool("the queries of the dashboard are PromQL", async () => {
  const rules = TARGETS.map(({ expr }, at) => ({ record: `x${at}`, expr: asked(expr) }));
  const path = await Deno.makeTempFile({ prefix: "norouter-test-" });
  try {
    await Deno.writeTextFile(path, JSON.stringify({ groups: [{ name: "x", rules }] }));
    const { status, text } = await promtool(["check", "rules", path]);
    assert.equal(status, 0, text);
  } finally {
    await Deno.remove(path);
  }
});
