import assert from "node:assert/strict";
import { parseAbsoluteForm, parseAuthorityForm, type RequestTarget } from "./target.ts";

/** `hostname port authority path` of a target. */
function shown(target: RequestTarget | string): string {
  if (typeof target === "string") return `error: ${target}`;
  const { hostname, port, authority, path } = target;
  return [hostname, port, authority, path].join(" ");
}

Deno.test("the absolute form is read, and its path kept to the letter", () => {
  const table = {
    "http://a": "a 80 a /",
    "http://a/": "a 80 a /",
    "HTTP://A.Example/X": "A.Example 80 A.Example /X",
    "hTTp://a/": "a 80 a /",
    "http://a:8080/x?y=z": "a 8080 a:8080 /x?y=z",
    "http://a:80/": "a 80 a:80 /",
    "http://a:1/": "a 1 a:1 /",
    "http://a:65535/": "a 65535 a:65535 /",
    "http://a:0080/": "a 80 a:0080 /",
    "http://a:/": "a 80 a /",
    "http://a:?q": "a 80 a /?q",
    "http://a_b.c-d/": "a_b.c-d 80 a_b.c-d /",
    "http://a.example./": "a.example. 80 a.example. /",
    "http://10.0.0.1:8080/": "10.0.0.1 8080 10.0.0.1:8080 /",
    // paths
    "http://a?": "a 80 a /?",
    "http://a?q": "a 80 a /?q",
    "http://a/?": "a 80 a /?",
    "http://a?q?r/s:t@u": "a 80 a /?q?r/s:t@u",
    "http://a//x/../y/./z": "a 80 a //x/../y/./z",
    "http://a/%7e/%zz/%": "a 80 a /%7e/%zz/%",
    "http://a/x@y:z": "a 80 a /x@y:z",
    "http://a/http://b/": "a 80 a /http://b/",
    "http://a/x\\y": "a 80 a /x\\y",
    // fragments stay with the client
    "http://a#f": "a 80 a /",
    "http://a/#": "a 80 a /",
    "http://a/x#f?q": "a 80 a /x",
    "http://a?q#f": "a 80 a /?q",
    "http://a#b@c/d": "a 80 a /",
    // user and password
    "http://u@a/": "a 80 a /",
    "http://u:p@a:81/x": "a 81 a:81 /x",
    "http://@a/": "a 80 a /",
    "http://:@a/": "a 80 a /",
    "http://u@v@a/": "a 80 a /",
    "http://a:80@b/": "b 80 b /",
    "http://u:p@[::1]:81/": "::1 81 [::1]:81 /",
    // IPv6
    "http://[::1]/": "::1 80 [::1] /",
    "http://[::1]": "::1 80 [::1] /",
    "http://[::1]:/": "::1 80 [::1] /",
    "http://[2001:DB8::1]:8080?q": "2001:DB8::1 8080 [2001:DB8::1]:8080 /?q",
    "http://[::ffff:10.0.0.1]/": "::ffff:10.0.0.1 80 [::ffff:10.0.0.1] /",
    // percent signs and other scripts: what a browser would ask for
    "http://%61.example:81/": "a.example 81 a.example:81 /",
    "http://%31%30.0.0.1/": "10.0.0.1 80 10.0.0.1 /",
    "http://b%C3%BCcher.example/": "xn--bcher-kva.example 80 xn--bcher-kva.example /",
    "http://BÜCHER.example/": "xn--bcher-kva.example 80 xn--bcher-kva.example /",
    "http://ａ.example/": "a.example 80 a.example /",
    "http://xn--bcher-kva.example/": "xn--bcher-kva.example 80 xn--bcher-kva.example /",
  };
  for (const [text, wanted] of Object.entries(table)) {
    assert.equal(shown(parseAbsoluteForm(text)), wanted, text);
  }
});

Deno.test("what is no absolute form of http is refused with the reason", () => {
  const table: Record<string, RegExp> = {
    "": /^"" is not an absolute URL: this is a proxy, not a web server$/,
    "/": /not an absolute URL/,
    "/index.html": /not an absolute URL/,
    "*": /not an absolute URL/,
    "a": /not an absolute URL/,
    "a:80": /not an absolute URL/,
    "http:a": /not an absolute URL/,
    "http:/a": /not an absolute URL/,
    "//a/": /not an absolute URL/,
    " http://a/": /not an absolute URL/,
    "1http://a/": /not an absolute URL/,
    "https://a/": /^"https:\/\/a\/": only http:\/\/ is served/,
    "HTTPS://a/": /only http/,
    "ftp://a/": /only http/,
    "httpx://a/": /only http/,
    "http://": /no host/,
    "http:///x": /no host/,
    "http://?q": /no host/,
    "http://#f": /no host/,
    "http://:80/": /no host/,
    "http://u@/": /no host/,
    "http://u@:80/": /no host/,
    "http://a:0/": /: 0 is not a port$/,
    "http://a:65536/": /: 65536 is not a port$/,
    "http://a:99999999999999999999/": /is not a port/,
    "http://a:-1/": /malformed/,
    "http://a:+80/": /malformed/,
    "http://a:8o/": /malformed/,
    "http://a:1e3/": /malformed/,
    "http://a:0x50/": /malformed/,
    "http://a:80:80/": /malformed/,
    "http://a: 80/": /malformed/,
    "http://a :80/": /malformed/,
    "http://a b/": /malformed/,
    "http://a\tb/": /malformed/,
    "http://a\u00a0b/": /malformed/,
    "http:// /": /malformed/,
    "http://::1/": /malformed/,
    "http://[::1/": /malformed/,
    "http://::1]/": /malformed/,
    "http://[]/": /malformed/,
    "http://[::1]x/": /malformed/,
    "http://[::1]80/": /malformed/,
    "http://[a]/": /\[a\] is not an address/,
    "http://[::g]/": /malformed/,
    "http://[1:2:3]/": /\[1:2:3\] is not an address/,
    "http://[:::]/": /is not an address/,
    "http://[1.2.3.4]/": /is not an address/,
    "http://[fe80::1%25eth0]/": /malformed/,
    "http://a\\b/": /malformed/,
    "http://%/": /"%" is not a host/,
    "http://%2f/": /is not a host/,
    "http://a%2fb/": /is not a host/,
    "http://a%20b/": /is not a host/,
    "http://a%00b/": /is not a host/,
    "http://a%40b/": /is not a host/,
    "http://a%3A80/": /is not a host/,
    "http://%ff/": /is not a host/,
    "http://a|b/": /is not a host/,
    "http://a<b/": /is not a host/,
  };
  for (const [text, reason] of Object.entries(table)) {
    const said = parseAbsoluteForm(text);
    assert.equal(typeof said, "string", `${text}: ${shown(said)}`);
    assert.match(said as string, reason, text);
  }
});

Deno.test("the authority form needs a host and a port, and nothing else", () => {
  const table = {
    "a:443": "a 443 a:443 ",
    "A.Example:443": "A.Example 443 A.Example:443 ",
    "a:1": "a 1 a:1 ",
    "a:65535": "a 65535 a:65535 ",
    "10.0.0.1:22": "10.0.0.1 22 10.0.0.1:22 ",
    "[::1]:443": "::1 443 [::1]:443 ",
    "[2001:DB8::1]:443": "2001:DB8::1 443 [2001:DB8::1]:443 ",
    "a.example.:443": "a.example. 443 a.example.:443 ",
    "%61:443": "a 443 a:443 ",
    "bücher.example:443": "xn--bcher-kva.example 443 xn--bcher-kva.example:443 ",
  };
  for (const [text, wanted] of Object.entries(table)) {
    assert.equal(shown(parseAuthorityForm(text)), wanted, text);
  }
});

Deno.test("what is no authority form is refused with the reason", () => {
  const table: Record<string, RegExp> = {
    "": /^CONNECT "": no host/,
    "a": /^CONNECT "a": no port$/,
    "a:": /no port/,
    "[::1]": /no port/,
    "[::1]:": /no port/,
    "*": /no port/,
    ":443": /no host/,
    "a:0": /0 is not a port/,
    "a:65536": /65536 is not a port/,
    "a:443:443": /malformed/,
    "::1:443": /malformed/,
    "u@a:443": /malformed/,
    "u:p@a:443": /malformed/,
    "http://a:443": /malformed/,
    "http://a:443/": /malformed/,
    "a:443/": /malformed/,
    "a:443?q": /malformed/,
    "a:443#f": /malformed/,
    " a:443": /malformed/,
    "a:443 ": /malformed/,
    "a :443": /malformed/,
    "a\r\nb:443": /malformed/,
    // Else the one before the sign would be asked, and not the one that was checked.
    "a/b:443": /malformed/,
    "a?b:443": /malformed/,
    "a#b:443": /malformed/,
    "a\\b:443": /malformed/,
    "ü/b:443": /malformed/,
    "%2f:443": /is not a host/,
    "[::g]:443": /malformed/,
    "[1:2]:443": /is not an address/,
  };
  for (const [text, reason] of Object.entries(table)) {
    const said = parseAuthorityForm(text);
    assert.equal(typeof said, "string", `${text}: ${shown(said)}`);
    assert.match(said as string, reason, text);
  }
});

Deno.test("the host is what stands behind the last @", () => {
  for (const user of ["a\\", "a:80", "a?", "[::1]", " "]) {
    const said = parseAbsoluteForm(`http://${user}@b/`);
    if (user === "a?") assert.equal(shown(said), "a 80 a /?@b/"); // it ends at the ?
    else assert.equal(shown(said), "b 80 b /", user);
  }
});

Deno.test("a reason is one line of bounded length", () => {
  const long = `http://${"a b\n\u001b".repeat(10_000)}/`;
  for (const said of [parseAbsoluteForm(long), parseAuthorityForm(long)]) {
    assert.equal(typeof said, "string");
    assert.ok((said as string).length < 300, said as string);
    assert.match(said as string, /^[ -~…]+$/);
  }
});
