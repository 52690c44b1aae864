/**
 * Where a plug-in is, by the word of the manifest or the command line:
 *
 * | written | is |
 * |---|---|
 * | `./far.ts`, `../far.ts`, `/opt/far.ts`, `file:///opt/far.ts` | a file; a relative path begins at the manifest's folder |
 * | `https://example.com/far.ts` | a single file on a server |
 * | `http://127.0.0.1:8000/far.ts` | the same, for trials; only from this machine |
 * | `jsr:@me/far@1.2.3`, `npm:far@1.2.3/sub` | an exact version of a package |
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** A plug-in's place. */
export interface PluginPlace {
  /** A file here, a single file elsewhere, or a package. */
  readonly kind: "file" | "url" | "package";
  /** The same for all spellings of a place; also the plug-in's name in messages. */
  readonly href: string;
}

const VERSION = String.raw`\d+\.\d+\.\d+(?:-[\w.-]+)?(?:\+[\w.-]+)?`;
const NAME = String.raw`[\w.-]+`;
const EXACT = {
  "jsr:": new RegExp(`^/?@${NAME}/${NAME}@${VERSION}(?:/.*)?$`),
  "npm:": new RegExp(`^/?(?:@${NAME}/)?${NAME}@${VERSION}(?:/.*)?$`),
};

/**
 * Finds the place.
 *
 * @param base the folder that a relative path begins at.
 * @throws {Error} that names the forms wanted.
 */
export function pluginPlace(specifier: string, base: string): PluginPlace {
  const what = JSON.stringify(specifier);
  if (/^\.{0,2}[/\\]|^[a-z]:[/\\]/i.test(specifier)) {
    return { kind: "file", href: pathToFileURL(resolve(base, specifier)).href };
  }
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(specifier)?.[0].toLowerCase();
  if (scheme === "jsr:" || scheme === "npm:") {
    const rest = specifier.slice(scheme.length);
    if (EXACT[scheme].test(rest)) {
      return { kind: "package", href: scheme + rest.replace(/^\//, "") };
    }
    const example = scheme === "jsr:" ? "jsr:@me/far@1.2.3" : "npm:far@1.2.3";
    throw new Error(
      `the plug-in ${what} names no exact version; wanted one, like ${example}`,
    );
  }
  const isUrl = scheme === "https:" || scheme === "http:" || scheme === "file:";
  const url = isUrl && URL.parse(specifier);
  if (!url) {
    const hint = !scheme && !specifier.includes("@") ? `, like "./${specifier}"` : "";
    throw new Error(
      `${what} is no plug-in; wanted a path that begins with "../", "../../" or "/"${hint}, ` +
        `or a URL of file:, https:, jsr: or npm:`,
    );
  }
  url.hash = "";
  if (scheme === "file:") {
    if (url.host === "" && url.search === "") return { kind: "file", href: url.href };
    throw new Error(`the plug-in ${what} is not the plain URL of a file on this machine`);
  }
  if (url.username || url.password) {
    throw new Error(
      `the plug-in at ${url.host} must not have a password in its URL, which is shown`,
    );
  }
  if (!isPrivate(url)) {
    throw new Error(
      `the plug-in ${what} would come unencrypted; wanted https: (http: only from this machine)`,
    );
  }
  return { kind: "url", href: url.href };
}

/** Whether nobody on the way can change the bytes from there. */
export function isPrivate({ protocol, hostname }: URL): boolean {
  if (protocol === "https:") return true;
  return protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
