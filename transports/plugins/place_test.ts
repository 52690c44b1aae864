import assert from "node:assert/strict";
import { pluginPlace } from "./place.ts";

const ignore = Deno.build.os === "windows"; // where paths are others

Deno.test("a plug-in's place has one name, however it is written", { ignore }, () => {
  const table: [string, string, string][] = [
    ["./far.ts", "file", "file:///base/far.ts"],
    ["../far.ts", "file", "file:///far.ts"],
    ["./a b/%41#?.ts", "file", "file:///base/a%20b/%2541%23%3F.ts"],
    ["/opt/../far.ts", "file", "file:///far.ts"],
    ["file:///opt/far.ts", "file", "file:///opt/far.ts"],
    ["https://Example.com/a/../far.ts#x", "url", "https://example.com/far.ts"],
    ["https://example.com/far.ts?v=1", "url", "https://example.com/far.ts?v=1"],
    ["http://127.0.0.1:8000/far.ts", "url", "http://127.0.0.1:8000/far.ts"],
    ["http://localhost/far.ts", "url", "http://localhost/far.ts"],
    ["http://[::1]/far.ts", "url", "http://[::1]/far.ts"],
    ["jsr:@me/far@1.2.3", "package", "jsr:@me/far@1.2.3"],
    ["jsr:/@me/far@1.2.3-rc.1/sub", "package", "jsr:@me/far@1.2.3-rc.1/sub"],
    ["npm:far@1.2.3", "package", "npm:far@1.2.3"],
    ["npm:@me/far@1.2.3+build/sub.js", "package", "npm:@me/far@1.2.3+build/sub.js"],
  ];
  for (const [written, kind, href] of table) {
    assert.deepEqual(pluginPlace(written, "/base"), { kind, href }, written);
  }
});

Deno.test("what is no plug-in, or could be exchanged on the way, is refused with the reason", () => {
  const table: [string, RegExp][] = [
    ["", /"" is no plug-in; wanted a path/],
    ["far.ts", /"far.ts" is no plug-in; .* like ".\/far.ts"/],
    [
      "@me/far",
      /"@me\/far" is no plug-in; wanted a path that begins with .* "\/", or a URL/,
    ],
    ["data:text/javascript,1", /is no plug-in/],
    ["blob:null/1", /is no plug-in/],
    ["node:fs", /is no plug-in/],
    ["https://", /"https:\/\/" is no plug-in/],
    ["http://example.com/far.ts", /would come unencrypted/],
    ["http://127.0.0.1.example.com/far.ts", /would come unencrypted/],
    ["http://localhost.example.com/far.ts", /would come unencrypted/],
    ["file://host/far.ts", /is not the plain URL of a file on this machine/],
    ["file:///far.ts?v=1", /is not the plain URL/],
    ["https://me:secret@example.com/far.ts", /at example.com must not have a password/],
    ["jsr:@me/far", /names no exact version; wanted one, like jsr:@me\/far@1.2.3/],
    ["jsr:@me/far@1", /names no exact version/],
    ["jsr:@me/far@^1.2.3", /names no exact version/],
    ["jsr:far@1.2.3", /names no exact version/],
    ["npm:far@latest", /names no exact version; wanted one, like npm:far@1.2.3/],
    ["npm:far@1.2.x", /names no exact version/],
    ["npm:far@1.2.3 || 2.0.0", /names no exact version/],
  ];
  for (const [written, message] of table) {
    assert.throws(() => pluginPlace(written, "/base"), message, written);
  }
  assert.throws(
    () => pluginPlace("https://me:secret@example.com/far.ts", "."),
    (error: Error) => !error.message.includes("secret"),
  );
});
