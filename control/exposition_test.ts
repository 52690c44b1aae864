import assert from "node:assert/strict";
import fc from "fast-check";
import {
  expose as pieces,
  type ExposeOptions,
  mediaType,
  type Metric,
  type Sample,
  streamOf,
  wantsOpen,
} from "./exposition.ts";

type Source = readonly Sample[];

function expose(
  metrics: readonly Metric<Source>[],
  source: Source,
  options?: ExposeOptions,
): string {
  return [...pieces(metrics, source, options)].join("");
}

function metric(
  more: Partial<Metric<readonly Sample[]>> = {},
): Metric<readonly Sample[]> {
  return {
    name: "x_total",
    type: "counter",
    help: "Things",
    labels: ["host"],
    samples: (source) => source,
    ...more,
  };
}

Deno.test("a metric is its help, its type, and a line for each sample", () => {
  assert.equal(
    expose([metric()], [[1, "a"], [2.5, "b"], [undefined, "c"]]),
    "# HELP x_total Things\n# TYPE x_total counter\n" +
      'x_total{host="a"} 1\nx_total{host="b"} 2.5\n',
  );
});

Deno.test("a metric without samples is left out, and one without labels has no braces", () => {
  assert.equal(expose([metric()], [[undefined, "a"]]), "");
  const gauge = metric({ name: "y", type: "gauge", labels: [] });
  assert.equal(expose([gauge], [[7]]), "# HELP y Things\n# TYPE y gauge\ny 7\n");
});

Deno.test("OpenMetrics has families of counters and infos without their endings, and an end", () => {
  const info = metric({ name: "y_info", type: "info", help: 'of "y"', labels: [] });
  assert.equal(
    expose([metric({ labels: [] }), info], [[1]], { isOpen: true }),
    "# HELP x Things\n# TYPE x counter\nx_total 1\n" +
      '# HELP y of \\"y\\"\n# TYPE y info\ny_info 1\n# EOF\n',
  );
  assert.match(expose([info], [[1]]), /# TYPE y_info gauge\ny_info 1\n$/);
});

Deno.test("labels for everywhere stand in front", () => {
  const everywhere = { mesh: 'm"' };
  assert.match(
    expose([metric()], [[1, "a"]], { everywhere }),
    /^x_total\{mesh="m\\"",host="a"\} 1$/m,
  );
});

Deno.test("values that are no numbers of JSON are those of the format", () => {
  const gauge = metric({ labels: [] });
  const values = [NaN, Infinity, -Infinity, 1e300, 1e-7].map((value): Sample => [value]);
  const lines = expose([gauge], values).split("\n").slice(2, -1);
  assert.deepEqual(
    lines.map((line) => line.split(" ")[1]),
    ["NaN", "+Inf", "-Inf", "1e+300", "1e-7"],
  );
});

Deno.test("no value of a label gets out of its quotes, or onto a terminal", () => {
  const value = fc.string({ unit: "binary", maxLength: 300 });
  fc.assert(
    fc.property(fc.oneof(value, fc.string({ maxLength: 300 })), (text) => {
      const lines = expose([metric()], [[1, text]]).split("\n");
      assert.equal(lines.length, 4);
      const [, inside = ""] = /^x_total\{host="(.*)"\} 1$/.exec(lines[2]!) ?? [];
      assert.match(inside, /^(?:[^"\\]|\\[\\"n])*$/);
      // deno-lint-ignore no-control-regex -- none may be left
      assert.doesNotMatch(inside, /[\x00-\x1f\x7f-\x9f\u202e]|\p{Cs}/u);
      assert.ok(inside.length <= 400);
    }),
    { seed: 15, numRuns: 500 },
  );
  assert.match(expose([metric()], [[1, 'a\\b"c\nd']]), /\{host="a\\\\b\\"c\\nd"\} 1$/m);
});

Deno.test("a stream has the pieces when they are wanted, small ones together", async () => {
  let made = 0;
  function* piecesOf(...sizes: readonly number[]) {
    for (const size of sizes) {
      made++;
      yield "x".repeat(size);
    }
  }
  const reader = streamOf(piecesOf(10, 20, 70_000, 30, 40)).getReader();
  await Promise.resolve();
  assert.equal(made, 0);
  assert.equal((await reader.read()).value!.length, 70_030);
  assert.equal(made, 3, "the rest is not wanted yet");
  assert.equal((await reader.read()).value!.length, 70);
  assert.ok((await reader.read()).done);
  assert.ok((await streamOf(piecesOf()).getReader().read()).done);
});

const PROMETHEUS = "application/openmetrics-text;version=1.0.0,application/" +
  "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const ACCEPTS: readonly [accept: string | undefined, isOpen: boolean][] = [
  [undefined, false],
  ["*/*", false],
  ["text/plain", false],
  [PROMETHEUS, true],
  ["application/openmetrics-text", true],
  ["application/openmetrics-text;q=0", false],
  ["application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9", false],
  ["application/openmetrics-text; version=2.0.0", false],
  ["text/html,;;;q=,q", false],
];

for (const [accept, isOpen] of ACCEPTS) {
  Deno.test(`who accepts ${accept} gets ${mediaType(isOpen).split(";")[0]}`, () => {
    assert.equal(wantsOpen(accept), isOpen);
  });
}
