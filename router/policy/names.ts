/**
 * Names of a policy: which rules name a host name, found without trying every pattern.
 *
 * A plain name and the common pattern `*.example.com` are looked up, by the name and by
 * each of its ends; only patterns of other forms are tried one by one.
 *
 * @module
 */

import { hostGlob } from "../../wire/glob.ts";

/** Names whose rules are remembered. */
const REMEMBERED = 1024;

const NONE: ReadonlySet<number> = new Set();

/** Finds rules by name. */
export class PolicyNames {
  readonly #plain = new Map<string, number[]>();
  /** By the text behind `*`, which begins with a dot. */
  readonly #ends = new Map<string, number[]>();
  readonly #others: { readonly matches: (name: string) => boolean; rule: number }[] = [];
  readonly #known = new Map<string, ReadonlySet<number>>();

  /** The rule of that number names `glob`. */
  add(glob: string, rule: number): void {
    const pattern = canonical(glob);
    const [first, ...more] = pattern.split("*");
    const end = more[0];
    if (end === undefined) put(this.#plain, pattern, rule);
    else if (first === "" && more.length === 1 && end.startsWith(".")) {
      put(this.#ends, end, rule);
    } else this.#others.push({ matches: hostGlob(glob), rule });
  }

  /** The numbers of the rules that name `name`. */
  rulesOf(name: string): ReadonlySet<number> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const found = this.#find(canonical(name));
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(name, found);
    return found;
  }

  #find(name: string): ReadonlySet<number> {
    const rules = [...this.#plain.get(name) ?? []];
    for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1)) {
      rules.push(...this.#ends.get(name.slice(at)) ?? []);
    }
    for (const { matches, rule } of this.#others) if (matches(name)) rules.push(rule);
    return rules.length === 0 ? NONE : new Set(rules);
  }
}

function put(map: Map<string, number[]>, key: string, rule: number): void {
  const rules = map.get(key);
  if (rules) rules.push(rule);
  else map.set(key, [rule]);
}

function canonical(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}
