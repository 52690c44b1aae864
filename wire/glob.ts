/**
 * Patterns of host names, as routes have them.
 *
 * `*` stands for any characters, none and dots included, and everything else for itself.
 * NoRouter's patterns have no more (github.com/ryanuber/go-glob over canonical
 * names, see pkg/router/router.go there): `?`, `[a-c]` and `{a,b}` have no meaning, and
 * match nothing, because no host name holds these characters.
 *
 *     db.example.com    that name
 *     *.example.com     a.example.com and a.b.example.com, but not example.com
 *     web-*.internal    web-1.internal, web-.internal and web-1.lab.internal
 *     *                 every name
 *
 * Letters of either case are the same (RFC 4343), and so is a name with and without the
 * dot that marks it as complete.
 *
 * @module
 */

/**
 * Makes a matcher of a pattern. A match takes time in proportion to the name's length
 * times the pattern's at worst. A pattern that is faulty matches nothing or too little,
 * never an error, since a manager may send anything.
 */
export function hostGlob(pattern: string): (name: string) => boolean {
  const [first = "", ...more] = canonical(pattern).split("*");
  const last = more.pop();
  if (last === undefined) return (name) => canonical(name) === first;
  return (name) => {
    const text = canonical(name);
    const end = text.length - last.length;
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    // The leftmost place of each piece leaves the most to those behind it.
    let at = first.length;
    for (const piece of more) {
      at = text.indexOf(piece, at);
      if (at < 0) return false;
      at += piece.length;
    }
    return at <= end;
  };
}

/** Why no host name can match the pattern as meant, or nothing if names can match. */
export function hostGlobFault(pattern: string): string | undefined {
  const text = pattern.replace(/\.$/, "");
  if (text === "") return "it is empty";
  const strange = /[^A-Za-z0-9._*-]/u.exec(text)?.[0];
  if (strange !== undefined) {
    const shown = JSON.stringify(strange);
    if (/[?[\]{}!,]/.test(strange)) {
      return `${shown} has no meaning in it, "*" is the only wildcard`;
    }
    return /[^\0-\x7f]/.test(strange)
      ? `${shown} cannot be part of it; names in other alphabets are written as xn--…`
      : `${shown} cannot be part of it`;
  }
  if (text.startsWith(".")) return `no name begins with a dot; write "*${text}"`;
  if (text.length > 253) return "it is longer than 253 characters";
  for (const label of text.split(".")) {
    if (label === "") return "a dot stands beside another dot";
    if (label.replaceAll("*", "").length > 63) {
      return `${JSON.stringify(label)} is longer than 63 characters`;
    }
  }
  return undefined;
}

/** Whether some text matches both patterns. */
export function hostGlobsOverlap(one: string, other: string): boolean {
  const a = canonical(one);
  const b = canonical(other);
  // row[j]: the first i of `a` and the first j of `b` can stand for the same text.
  let row = Array.from({ length: b.length + 1 }, (_, j) => j === 0);
  for (let i = 0;; i++) {
    const next = row.map(() => false);
    for (let j = 0; j <= b.length; j++) {
      if (!row[j]) continue;
      const isAny = a[i] === "*" || b[j] === "*";
      if (isAny && j < b.length) row[j + 1] = true;
      if (isAny) next[j] = true;
      if (a[i] === b[j]) next[j + 1] = true;
    }
    if (i === a.length) return row[b.length]!;
    row = next;
  }
}

/** As patterns and names are compared: ASCII in lower case, without the dot at the end. */
function canonical(text: string): string {
  const ascii = /[^\0-\x7f]/.test(text)
    ? URL.parse(`http://${text}/`)?.hostname ?? text
    : text;
  return ascii.toLowerCase().replace(/\.$/, "");
}
