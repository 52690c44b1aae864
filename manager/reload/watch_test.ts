import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { Watch } from "./watch.ts";

/** A watched file, and how often somebody looked at it since. */
class Bench implements AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  looks = 0;
  again = false;
  /** The contents seen, without repetition. */
  readonly seen: string[] = [];
  #watch: Watch | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = `${folder}/conf/mesh.yaml`;
    Deno.mkdirSync(`${folder}/conf`);
  }

  static async make(): Promise<Bench> {
    return new Bench(await Deno.makeTempDir());
  }

  /** Begins, and waits for the first look. */
  async watch(): Promise<void> {
    this.#watch = new Watch({
      files: () => [this.path],
      look: () => {
        this.looks++;
        const text = this.read();
        if (text !== this.seen.at(-1)) this.seen.push(text);
        const isAgain = this.again;
        this.again = false;
        return Promise.resolve(isAgain);
      },
    });
    await until("the first look", () => this.looks > 0);
  }

  read(): string {
    try {
      if (Deno.statSync(this.path).isFifo) return "(fifo)";
      return Deno.readTextFileSync(this.path);
    } catch {
      return "(gone)";
    }
  }

  write(text: string, name = "mesh.yaml"): void {
    Deno.writeTextFileSync(`${this.folder}/conf/${name}`, text);
  }

  async sees(text: string): Promise<void> {
    await until(`"${text}" to be seen`, () => this.seen.at(-1) === text);
  }

  async fifo(path: string): Promise<void> {
    const command = new Deno.Command("mkfifo", { args: [path] });
    assert.ok((await command.output()).success);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("a file that is written, replaced, taken away and put back is looked at", async () => {
  await using bench = await Bench.make();
  bench.write("1");
  await bench.watch();
  bench.write("2");
  await bench.sees("2");
  for (const text of ["3", "4"]) {
    bench.write(text, "new");
    Deno.renameSync(`${bench.folder}/conf/new`, bench.path);
    await bench.sees(text);
  }
  Deno.removeSync(bench.path);
  await bench.sees("(gone)");
  bench.write("5");
  await bench.sees("5");
});

Deno.test("a link that is swapped beside the file is noticed, as of a ConfigMap", async () => {
  await using bench = await Bench.make();
  const conf = `${bench.folder}/conf`;
  const publish = (name: string, text: string) => {
    Deno.mkdirSync(`${conf}/${name}`);
    Deno.writeTextFileSync(`${conf}/${name}/mesh.yaml`, text);
    Deno.symlinkSync(name, `${conf}/..data_tmp`);
    Deno.renameSync(`${conf}/..data_tmp`, `${conf}/..data`);
  };
  publish("..1", "1");
  Deno.symlinkSync("..data/mesh.yaml", bench.path);
  await bench.watch();
  for (const number of [2, 3]) {
    publish(`..${number}`, `${number}`);
    Deno.removeSync(`${conf}/..${number - 1}`, { recursive: true });
    await bench.sees(`${number}`);
  }
});

Deno.test("a file behind a link is watched where it is", async () => {
  await using bench = await Bench.make();
  Deno.mkdirSync(`${bench.folder}/far`);
  const far = `${bench.folder}/far/real.yaml`;
  Deno.writeTextFileSync(far, "1");
  Deno.symlinkSync("../far/real.yaml", bench.path);
  await bench.watch();
  Deno.writeTextFileSync(`${bench.folder}/far/new`, "2");
  Deno.renameSync(`${bench.folder}/far/new`, far);
  await bench.sees("2");
});

Deno.test("a file that is written bit by bit is looked at once it is quiet", async () => {
  await using bench = await Bench.make();
  bench.write("");
  await bench.watch();
  const file = await Deno.open(bench.path, { append: true });
  for (let i = 0; i < 20; i++) {
    await file.write(new TextEncoder().encode("x"));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  file.close();
  await bench.sees("x".repeat(20));
  assert.ok(bench.seen.length <= 3, `${bench.seen.length} states were looked at`);
});

Deno.test("who wants to look again does so", async () => {
  await using bench = await Bench.make();
  bench.again = true;
  await bench.watch();
  await until("a second look", () => bench.looks === 2);
});

Deno.test("a folder that is exchanged is watched anew", async () => {
  await using bench = await Bench.make();
  bench.write("1");
  await bench.watch();
  Deno.renameSync(`${bench.folder}/conf`, `${bench.folder}/before`);
  Deno.mkdirSync(`${bench.folder}/conf`);
  bench.write("2");
  await bench.sees("2");
  bench.write("3");
  await bench.sees("3");
});

const isWindows = Deno.build.os === "windows";

Deno.test(
  "a FIFO beside the file is in nobody's way",
  { ignore: isWindows },
  async () => {
    await using bench = await Bench.make();
    bench.write("1");
    await bench.fifo(`${bench.folder}/conf/other`);
    await bench.watch();
    await bench.fifo(`${bench.folder}/conf/later`);
    bench.write("2");
    await bench.sees("2");
  },
);

Deno.test("a FIFO in place of the file, or behind its link, is a change as any other", {
  ignore: isWindows,
}, async () => {
  await using bench = await Bench.make();
  const { folder, path } = bench;
  bench.write("1", "real");
  Deno.symlinkSync("real", path);
  await bench.watch();
  await bench.fifo(`${folder}/conf/pipe`);
  const swap = async (target: string, text: string) => {
    Deno.symlinkSync(target, `${folder}/conf/link`);
    Deno.renameSync(`${folder}/conf/link`, path);
    await bench.sees(text);
  };
  await swap("pipe", "(fifo)");
  await swap("real", "1");
  await swap("./pipe", "(fifo)");
  Deno.removeSync(path);
  bench.write("2");
  await bench.sees("2");
  await bench.fifo(`${folder}/conf/new`);
  Deno.renameSync(`${folder}/conf/new`, path);
  await bench.sees("(fifo)");
});

Deno.test("a file of the same size and time is another all the same", {
  ignore: isWindows,
}, async () => {
  await using bench = await Bench.make();
  bench.write("1");
  await bench.watch();
  const { mtime } = Deno.statSync(bench.path);
  // Deno tells the time of a change in whole seconds, and the kernel's is a tick late.
  const next = (Math.floor(Date.now() / 1000) + 1) * 1000;
  await until("another second", () => Date.now() > next + 50);
  bench.write("2");
  Deno.utimeSync(bench.path, mtime!, mtime!);
  await bench.sees("2");
});
