/**
 * What runs on a host to find the agent there, or to put it there, in one command of a shell.
 *
 * It speaks lines on standard output, each with {@linkcode MARK} in front, for a login may say
 * something first:
 *
 * ```text
 * ← norouter-install start PATH            the agent is there, and speaks from here on
 * ← norouter-install want Linux x86_64 -   it is not; the last word is deno's version or -
 * → KIND BYTES SHA256 NAME                 what follows: an `agent`, or an `app` for deno
 * ← norouter-install send                  it can be written; now the bytes
 * ← norouter-install start PATH            as above
 * ← norouter-install fail REASON           at any point, and the end
 * ```
 *
 * It needs a POSIX shell with `cat`, `chmod`, `head`, `mkdir`, `mv`, `rm`, and `sha256sum` or
 * its like, if there is one, to compare. It has neither single quotes nor exclamation marks nor
 * line breaks, so that any login shell hands it on as it is.
 */

/** Begins each line that the script says to the manager. */
export const MARK = "norouter-install";

/** The parameters of the script, in order. */
export interface ScriptOptions {
  /** Names of the file for Linux on x64 and on arm64, and of the pack for deno, if there. */
  readonly x64?: string | undefined;
  readonly arm64?: string | undefined;
  readonly pack?: string | undefined;
  /** The folder to keep it in; some usual ones if absent. */
  readonly path?: string | undefined;
  /** Whether one that is there already is not good enough. */
  readonly always: boolean;
}

/** Unpacks what `release/portable.ts` calls a pack. */
export const UNPACK = [
  `const [pack, folder] = Deno.args;`,
  `const bytes = Deno.readFileSync(pack);`,
  `const length = new DataView(bytes.buffer).getUint32(0);`,
  `let at = 4 + length;`,
  `for (const [name, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(4, at)))) {`,
  `const path = folder + "/" + name;`,
  `Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });`,
  `Deno.writeFileSync(path, bytes.subarray(at, at += size)); }`,
].join(" ");

const LINES = [
  `say() { echo "${MARK} $*"; }`,
  `fail() { [ -z "$part" ] || rm -rf "$part"; say fail "$*"; exit 1; }`,
  `part=`,
  `trap "exit 1" HUP INT TERM`,
  `trap "[ -z \\"\\$part\\" ] || rm -rf \\"\\$part\\"" EXIT`,
  `system=$(uname -s 2>/dev/null) machine=$(uname -m 2>/dev/null) uid=$(id -u 2>/dev/null)`,
  `case $system/$machine in Linux/x86_64 | Linux/amd64) file=$1 ;; ` +
  `Linux/aarch64 | Linux/arm64) file=$2 ;; *) file= ;; esac`,
  `deno=$(deno --version 2>/dev/null) || deno=`,
  `deno=\${deno#deno }; deno=\${deno%% *}`,
  // The shell's own words take the places apart, which so may have spaces.
  `if [ -n "$4" ]; then set -- "$1" "$2" "$3" "$5" "$4"; ` +
  `else set -- "$1" "$2" "$3" "$5" "\${HOME:-/nonexistent}/.cache/norouter" ` +
  `"/var/tmp/norouter-$uid" "/tmp/norouter-$uid" "/dev/shm/norouter-$uid" "$PWD/.norouter"; fi`,
  `pack=$3 always=$4; shift 4`,
  `run() { part=; trap - EXIT HUP INT TERM; say start "$1"; case $1 in *.js) ` +
  `exec deno run --quiet --allow-all --no-config --no-lock "$1" agent --automated ;; ` +
  `*) NOROUTER_CACHE=\${1%/*} exec "$1" agent --automated ;; esac; }`,
  `if [ -z "$always" ]; then for place in "$@"; do ` +
  `if [ -n "$file" ] && [ -x "$place/agent-$file" ] && [ -O "$place/agent-$file" ]; ` +
  `then run "$place/agent-$file"; fi; ` +
  `if [ -n "$deno" ] && [ -n "$pack" ] && [ -f "$place/app-$pack/app/cli.js" ] && ` +
  `[ -O "$place/app-$pack" ]; then run "$place/app-$pack/app/cli.js"; fi; done; fi`,
  `say want "\${system:-unknown}" "\${machine:-unknown}" "\${deno:--}"`,
  `read -r kind size sum name || exit 1`,
  `why=; here=; umask=$(umask); umask 077`,
  // A folder of somebody else, one that is full or read-only, or from which nothing runs.
  `for place in "$@"; do part=$place/part-$name.$$; ` +
  `if said=$(mkdir -p "$place" 2>&1 && echo "exit 0" 2>&1 >"$part"); then ` +
  `if [ -O "$place" ]; then chmod 700 "$part"; ` +
  `if [ "$kind" = app ] || said=$("$part" 2>&1); then here=$place; break; fi; ` +
  `said="programs cannot be run from there: $said"; ` +
  `else said="it is of another user"; fi; rm -f "$part"; fi; ` +
  `why="$why$place: $said; "; part=; done`,
  `[ -n "$here" ] || fail "nowhere to put the agent ($why)"`,
  `say send`,
  `said=$({ head -c "$size" >"$part"; } 2>&1) || fail "cannot write $part: $said"`,
  `got=$(wc -c <"$part")`,
  `[ "$got" -eq "$size" ] || fail "only $got of $size bytes arrived or fit into $part"`,
  `if command -v sha256sum >/dev/null; then got=$(sha256sum <"$part"); ` +
  `elif command -v shasum >/dev/null; then got=$(shasum -a 256 <"$part"); ` +
  `elif command -v openssl >/dev/null; then got=$(openssl dgst -sha256 -r <"$part"); ` +
  `else got=$sum; fi; got=\${got%% *}`,
  `[ "$got" = "$sum" ] || fail "what arrived has SHA-256 $got, not $sum"`,
  `umask "$umask"`,
  `if [ "$kind" = app ]; then mv "$part" "$part.pack"; ` +
  `said=$(deno eval --no-config --no-lock "$UNPACK" "$part.pack" "$part" 2>&1) || ` +
  `{ rm -f "$part.pack"; fail "cannot unpack it with deno: $said"; }; rm -f "$part.pack"; ` +
  `if [ -n "$always" ]; then rm -rf "$here/app-$name"; fi; ` +
  `mv "$part" "$here/app-$name" 2>/dev/null; [ -f "$here/app-$name/app/cli.js" ] || ` +
  `fail "cannot put it in place at $here/app-$name"; run "$here/app-$name/app/cli.js"; fi`,
  `chmod 700 "$part"`,
  `said=$(mv -f "$part" "$here/agent-$name" 2>&1) || fail "cannot put it in place: $said"`,
  `run "$here/agent-$name"`,
];

/** The words that run the script on a host. */
export function scriptWords(options: ScriptOptions): string[] {
  const { x64 = "", arm64 = "", pack = "", path = "", always } = options;
  const unpack = `UNPACK=$0; ` + LINES.join("; ").replaceAll(/ ;; ;/g, " ;;");
  const parameters = [x64, arm64, pack, path, always ? "always" : ""];
  return ["sh", "-c", unpack, UNPACK, ...parameters];
}
