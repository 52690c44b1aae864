import assert from "node:assert/strict";
import { fileOf } from "./_host.ts";
import { chooseFor } from "./choose.ts";

const [x64, arm64, pack] = ["x64", "arm64", "pack"].map((name) =>
  fileOf(new Uint8Array(), name)
);
const files = { x64, arm64, pack };

for (
  const [words, wanted] of [
    ["Linux x86_64 -", "agent x64"],
    ["Linux amd64", "agent x64"],
    ["Linux aarch64 -", "agent arm64"],
    ["Linux arm64 -", "agent arm64"],
    ["Linux x86_64 2.9.5", "app pack"],
    ["Linux x86_64 2.9.4", "agent x64"],
    ["Linux x86_64 2.10.0", "app pack"],
    ["Linux x86_64 3.0.0", "app pack"],
    ["Linux x86_64 1.46.3", "agent x64"],
    ["Linux x86_64 2.8.9", "agent x64"],
    ["Linux x86_64 2.9.6+0a1b2c3", "app pack"],
    ["Linux x86_64 2.9", "agent x64"],
    ["Linux x86_64 v2.9.6", "agent x64"],
    ["Darwin arm64 2.9.6", "app pack"],
    ["FreeBSD amd64 2.9.6", "app pack"],
    ["Linux riscv64 2.9.6", "app pack"],
  ] as const
) {
  Deno.test(`a host that is "${words}" gets the ${wanted}`, () => {
    const { kind, file } = chooseFor(words.split(" "), files);
    assert.equal(`${kind} ${file.name}`, wanted);
  });
}

for (
  const [words, error] of [
    [
      "Darwin arm64 -",
      /^no agent for Darwin on arm64: there is one for Linux on .*later$/,
    ],
    [
      "Darwin arm64 2.9.4",
      /^no agent for Darwin on arm64: .*deno 2\.9\.5 or later; it has 2\.9\.4$/,
    ],
    ["Linux i686 -", /^no agent for Linux on i686: /],
    ["linux x86_64 -", /^no agent for linux on x86_64: /],
    ["Linux x86_64x -", /^no agent for Linux on x86_64x: /],
  ] as const
) {
  Deno.test(`a host that is "${words}" gets nothing`, () => {
    assert.throws(() => chooseFor(words.split(" "), files), { message: error });
  });
}

Deno.test("without the program alone, a host with deno gets the file, or the reason", () => {
  assert.equal(chooseFor(["Linux", "x86_64", "2.9.6"], { x64 }).kind, "agent");
  assert.throws(
    () => chooseFor(["Darwin", "arm64", "2.9.6"], { x64 }),
    /; it has 2\.9\.6, where this program is a release$/,
  );
});

Deno.test("a file that is not at hand is named, with what to do", () => {
  assert.throws(
    () => chooseFor(["Linux", "aarch64", "-"], { x64 }),
    /needs norouter-linux-arm64, which is not at hand: .*"deno task portable arm64"$/,
  );
});
