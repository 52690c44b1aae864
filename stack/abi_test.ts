// `lwip/abi.h` is the one list of what the stack and its host share; `abi.ts` and the built
// module are held against it.
import assert from "node:assert/strict";
import { FrameType, HEADER_BYTES, MAGIC } from "../wire/frame.ts";
import * as abi from "./abi.ts";
import { stackModule } from "./module.ts";

/** A function of the interface; names of parameters as in C. */
interface Signature {
  readonly parameters: readonly string[];
  readonly returns: boolean;
}

function read(path: string): string {
  const text = Deno.readTextFileSync(new URL(path, import.meta.url));
  return text.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/\s+/g, " ");
}

const header = read("./lwip/abi.h");

/** All enumerators of the header, by the first word of their name. */
function numbers(): Map<string, Map<string, number>> {
  const found = new Map<string, Map<string, number>>();
  for (const [, body = ""] of header.matchAll(/enum \{([^}]*)\}/g)) {
    let next = 0;
    for (const [, name = "", value] of body.matchAll(/(\w+)(?: = ([-\w]+))?,/g)) {
      const number = value === undefined ? next : Number(value);
      const family = name.slice(0, name.indexOf("_"));
      if (!found.has(family)) found.set(family, new Map());
      found.get(family)!.set(name.slice(family.length + 1), number);
      next = number + 1;
    }
  }
  return found;
}

const families = numbers();

function family(name: string): [string, number][] {
  const found = [...families.get(name) ?? []];
  assert.ok(found.length > 0, `${name} is not in the header`);
  return found;
}

function headerFunctions(): Map<string, Signature> {
  const found = new Map<string, Signature>();
  const declaration = /EXPORT\((\w+)\) (\w+) (\w+)\(([^)]*)\);/g;
  for (const [, exported, type, name = "", list = ""] of header.matchAll(declaration)) {
    assert.equal(exported, name);
    const parameters = list === "void" ? [] : list.split(",");
    found.set(name, {
      parameters: parameters.map((parameter) => parameter.match(/\w+$/)![0]),
      returns: type !== "void",
    });
  }
  assert.equal(found.size, header.match(/EXPORT\((?!name)/g)?.length);
  return found;
}

function interfaceFunctions(): Map<string, Signature> {
  const found = new Map<string, Signature>();
  const [, body = ""] = read("./abi.ts").split("interface StackExports");
  for (const [, name = "", list = "", type] of body.matchAll(/(\w+)\((.*?)\): (\w+);/g)) {
    const parameters = [...list.matchAll(/(\w+): number/g)].map(([, each = ""]) =>
      each.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    );
    found.set(name, { parameters, returns: type !== "void" });
  }
  return found;
}

function sorted<Value>(map: Map<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}

Deno.test("the numbers of the header are those of this side, all of them", () => {
  const wanted = new Map<string, number>();
  for (const name of ["EVENT", "POLL", "NO", "CONNECT", "SEND", "REFUSE"]) {
    for (const [rest, number] of family(name)) wanted.set(`${name}_${rest}`, number);
  }
  const here = Object.entries(abi).filter(([, value]) => typeof value === "number");
  assert.deepEqual(sorted(new Map(here as [string, number][])), sorted(wanted));
});

Deno.test("the header has no numbers of which this side knows nothing", () => {
  const known = "CONNECT EVENT FRAME NO POLL REASON REFUSE SEND STATISTIC";
  assert.equal([...families.keys()].sort().join(" "), known);
});

Deno.test("events are bits of one byte, each of its own", () => {
  const bits = family("EVENT").map(([, number]) => number);
  assert.deepEqual(bits, bits.map((_, i) => 1 << i));
  assert.ok(Math.max(...bits) < 256);
});

Deno.test("the reasons have the numbers of the header", () => {
  const words = family("REASON").map(([name, number]) => {
    return [name.toLowerCase().replaceAll("_", "-"), number];
  });
  assert.deepEqual(words, [...abi.REASONS.entries()].map(([i, word]) => [word, i]));
});

Deno.test("the statistics have the header's order", () => {
  const names = family("STATISTIC").map(([name, number]) => {
    const lower = name.toLowerCase();
    return [lower.replaceAll(/_(.)/g, (_, next) => next.toUpperCase()), number];
  });
  const { STATISTICS } = abi;
  const here = [...STATISTICS.entries()].map(([i, name]) => [name, i]);
  assert.deepEqual(names, [...here, ["count", STATISTICS.length]]);
});

Deno.test("a frame is in C what it is in wire/", () => {
  assert.deepEqual(Object.fromEntries(family("FRAME")), {
    MAGIC,
    HEADER_BYTES,
    L3: FrameType.L3,
    CREDIT: FrameType.CREDIT,
  });
});

Deno.test("the functions have the same parameters on both sides", () => {
  assert.deepEqual(sorted(interfaceFunctions()), sorted(headerFunctions()));
});

Deno.test("the module exports the header's functions and its memory", async () => {
  const { exports } = new WebAssembly.Instance(await stackModule(), {});
  const arities = new Map<string, number>();
  for (const [name, { parameters }] of headerFunctions()) {
    arities.set(name, parameters.length);
  }
  const { memory, ...functions } = exports;
  assert.ok(memory instanceof WebAssembly.Memory);
  const built = Object.entries(functions).map(([name, each]) => {
    return [name, (each as CallableFunction).length] as [string, number];
  });
  assert.deepEqual(sorted(new Map(built)), sorted(arities));
});
