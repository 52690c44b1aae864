// Slips of layout, told as a reader would put it, at the line that has to be changed.
import assert from "node:assert/strict";
import { said } from "../_said.ts";
import { slipsOf } from "./layout.ts";

// What is wrong, the text, and all that is said about it.
const TABLE: readonly (readonly [what: string, text: string, said: readonly string[]])[] =
  [
    ["a space too many", "hosts:\n  a: {}\n  b:\n    cmd: c\n     vip: 127.0.42.101\n", [
      `5:6: error: "vip" is indented more than its neighbours: by 5 spaces, wanted 4`,
    ]],
    ["the same behind quotes", 'hosts:\n  b:\n    cmd: "c d"\n     vip: 127.0.42.101\n', [
      `4:6: error: "vip" is indented more than its neighbours: by 5 spaces, wanted 4`,
    ]],
    ["the same behind a list", 'hosts:\n  b:\n    ports: ["1:b:2"]\n     cmd: c\n', [
      `4:6: error: "cmd" is indented more than its neighbours: by 5 spaces, wanted 4`,
    ]],
    [
      "the same twice",
      "hosts:\n  a:\n    cmd: c\n     vip: x\n  b:\n    cmd: c\n      vip: y\n",
      [
        `4:6: error: "vip" is indented more than its neighbours: by 5 spaces, wanted 4`,
        `7:7: error: "vip" is indented more than its neighbours: by 6 spaces, wanted 4`,
      ],
    ],
    [
      "a space too few",
      "hosts:\n  b:\n    cmd: c\n   vip: 127.0.42.101\n    ports: []\n",
      [
        `4:4: error: "vip" is indented unlike its neighbours: by 3 spaces, wanted 4 or 2`,
      ],
    ],
    ["a host too far left", "hosts:\n  a:\n    cmd: c\n b:\n    cmd: d\n", [
      `4:2: error: "b" is indented unlike its neighbours: by 1 space, wanted 2 or 0`,
    ]],
    [
      "an item too far right",
      'hosts:\n  b:\n    cmd: c\n    ports:\n      - "1:b:2"\n       - "2:b:3"\n',
      [
        `6:8: error: this item is indented more than its neighbours: by 7 spaces, wanted 6`,
      ],
    ],
    [
      "an item too far left",
      'hosts:\n  b:\n    ports:\n      - "1:b:2"\n     - "2:b:3"\n',
      [
        `5:6: error: this item is indented unlike its neighbours: by 5 spaces, wanted 6 or 4`,
      ],
    ],
    [
      "no space behind a colon",
      "hosts:\n  b:\n    cmd: c\n    vip:127.0.42.101\n    ports: []\n",
      [
        `4:5: error: a space is missing behind the colon of "vip"`,
      ],
    ],
    [
      "no space behind the first colon",
      "hosts:\n  b:\n    vip:127.0.42.101\n    cmd: c\n",
      [
        `3:5: error: a space is missing behind the colon of "vip"`,
      ],
    ],
    ["no space behind the only colon", "hosts:\n  b:\n    vip:127.0.42.101\n", [
      `3:5: error: host "b" is "vip:127.0.42.101"; wanted a map, in which a space stands ` +
      `behind the colon`,
    ]],
    [
      "no space behind a dash",
      'hosts:\n  b:\n    ports:\n      - "1:b:2"\n      -"2:b:3"\n    cmd: c\n',
      [
        `5:7: error: a space is missing behind "-"`,
      ],
    ],
    ["no space behind any dash", "hosts:\n  b:\n    ports:\n      -1:b:2\n", [
      `4:7: error: "ports" is "-1:b:2"; wanted a list, like ["8080:127.0.0.1:80"]; ` +
      `a space is missing behind "-"`,
    ]],
    ["no colon", "hosts:\n  b\n    vip: 127.0.42.101\n", [
      `2:3: error: a colon is missing behind "b"`,
    ]],
    ["a colon in plain text", "hosts:\n  b:\n    cmd: sh -c echo: hi\n", [
      `3:10: error: a colon with a blank behind it stands in this text, which YAML takes ` +
      `for a map; put the text in quotes`,
    ]],
    ["a bracket that nothing opens", 'hosts:\n  b:\n    ports: "1:b:2"]\n    vip: x\n', [
      `3:19: error: "]" stands here without its "["`,
    ]],
    [
      "a quote without an end in brackets",
      'hosts:\n  b:\n    ports: ["1:b:2]\n    cmd: c\n',
      [
        `5:1: error: missing closing "quote; what is not ended begins at mesh.yaml:3:12`,
      ],
    ],
    ["a sign that YAML keeps for itself", "hosts:\n  b:\n    cmd: @c\n", [
      `3:10: error: plain value cannot start with reserved character @; put it in quotes`,
    ]],
  ];
for (const [what, text, expected] of TABLE) {
  Deno.test(`${what} is told where it stands`, () => {
    assert.deepEqual(said(text), expected.map((line) => `mesh.yaml:${line}`));
    const windows = said(text.replaceAll("\n", "\r\n"));
    assert.deepEqual(windows, expected.map((line) => `mesh.yaml:${line}`));
  });
}

Deno.test("a slip beside a password names nothing that may be a part of it", () => {
  const text = "hosts:\n  b:\n    http:\n      auth:\n        password: a\n" +
    "          hunter2: x\n        username: y\n";
  assert.doesNotMatch(said(text).join("\n"), /hunter2/);
});

Deno.test("a text that is right has no slips, however it is laid out", () => {
  const texts = [
    "a:\n- b\n- c: 1\n  d: 2\n-  - e\n   - f\ng: |\n   text: of\n  \n     any: kind\nh: 1\n",
    'a: [1,\n2,\n   3]\nb: {c: d,\n e: f}\ng: \'a # b\n  c: d\'\nh: "i\\"\n j: k"\nl: m\n',
    "a: &x\n  b: c d\n    e f\n  'g h': i # : j\n? k\n--- # l\n   m:\n      n: http://o:1\n",
  ];
  const root = new URL("../../", import.meta.url);
  for (const { name } of Deno.readDirSync(new URL("examples/", root))) {
    if (!name.endsWith(".yaml")) continue;
    texts.push(Deno.readTextFileSync(new URL(`examples/${name}`, root)));
  }
  assert.ok(texts.length > 5);
  for (const text of texts) assert.deepEqual(slipsOf(text), [], text);
});

Deno.test("long and deep texts are looked through in no time", () => {
  const started = performance.now();
  for (
    const text of [
      `a${" ".repeat(300_000)}b`,
      "a\n".repeat(100_000),
      `${"- ".repeat(100_000)}x\n${"x\n".repeat(50_000)}`,
      `a: ${"& #".repeat(100_000)}`,
      '"'.repeat(100_000),
    ]
  ) slipsOf(text);
  assert.ok(performance.now() - started < 5000);
});
