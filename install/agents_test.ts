import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { agentFiles, AGENTS_VARIABLE, folderOf, packOf } from "./agents.ts";
import { UNPACK } from "./script.ts";

/** A folder for the time of a test that the variable names. */
async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const before = Deno.env.get(AGENTS_VARIABLE);
  const folder = await Deno.makeTempDir();
  Deno.env.set(AGENTS_VARIABLE, folder);
  try {
    await test(folder);
  } finally {
    if (before === undefined) Deno.env.delete(AGENTS_VARIABLE);
    else Deno.env.set(AGENTS_VARIABLE, before);
    await Deno.remove(folder, { recursive: true });
  }
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return await new Blob(await Array.fromAsync(chunks) as BlobPart[]).bytes();
}

Deno.test("a file is known by the hash in its head and its size, and read in order", async () => {
  await inFolder(async (folder) => {
    const text = `#!/bin/sh\n{\nhash=0123456789abcdef\n}\n${"data".repeat(50_000)}`;
    const path = `${folder}/norouter-linux-arm64`;
    await Deno.writeTextFile(path, text);
    const { arm64 } = await agentFiles();
    assert.equal(arm64?.name, `0123456789abcdef-${text.length}`);
    assert.equal(arm64.bytes, text.length);
    assert.equal(new TextDecoder().decode(await bytesOf(arm64.read())), text);
    const sum = (text: string) => createHash("sha256").update(text).digest("hex");
    assert.equal(await arm64.sha256(), sum(text));
    assert.equal(await arm64.sha256(), sum(text));

    // Built anew meanwhile, with as many bytes.
    const other = text.replace("0123", "4567");
    await Deno.writeTextFile(path, other);
    await Deno.utime(path, 1, 1);
    const again = (await agentFiles()).arm64;
    assert.equal(again?.name, `4567456789abcdef-${text.length}`);
    assert.equal(await again?.sha256(), sum(other));
  });
});

Deno.test("a reader that stops leaves no file open", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/norouter-linux-x64`,
      `hash=0123456789abcdef\n${"data".repeat(50_000)}`,
    );
    const { x64 } = await agentFiles();
    for await (const chunk of x64!.read()) {
      assert.equal(chunk.length, 65536);
      break; // the sanitizer of the test looks for what is open
    }
  });
});

Deno.test("a file that is no portable executable is not taken for one", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/norouter-linux-x64`,
      `\x7fELF hash=0123456789abcdef\nhash=xyz\n${
        " ".repeat(5000)
      }\nhash=0123456789abcdef\n`,
    );
    await Deno.mkdir(`${folder}/norouter-linux-arm64`);
    for (const file of [(await agentFiles()).x64, (await agentFiles()).arm64]) {
      assert.doesNotMatch(file?.name ?? "", /0123456789abcdef/); // a build's own may be there
    }
  });
});

Deno.test("a pack unpacks to the files that went in, empty ones and folders too", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const contents = {
      "app/cli.js": "one",
      "app/empty": "",
      "app/deep/er/ä.bin": "\0\x01",
    };
    const files = Object.entries(contents).map(([name, text]) =>
      [name, new TextEncoder().encode(text)] as const
    );
    await Deno.writeFile(`${folder}/pack`, await packOf(files));
    const args = [
      "eval",
      "--no-config",
      "--no-lock",
      UNPACK,
      `${folder}/pack`,
      `${folder}/to`,
    ];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args })
      .output();
    assert.ok(success, new TextDecoder().decode(stderr));
    for (const [name, text] of Object.entries(contents)) {
      assert.equal(await Deno.readTextFile(`${folder}/to/${name}`), text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a folder is known by its mark, and one without it is not whole", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/norouter-linux-arm64`;
    await Deno.mkdir(path);
    await Deno.writeTextFile(`${path}/ld.so`, "");
    const found = await folderOf("arm64").catch(({ message }) => message);
    assert.notEqual(found.path, path);
    await Deno.writeTextFile(`${path}/ok`, "0123456789abcdef\n");
    assert.deepEqual(await folderOf("arm64"), { path, name: "0123456789abcdef" });
  });
});
