/**
 * Names of a policy: which rules name a host name, found without trying every pattern.
 *
 * A plain name is looked up, and so is a pattern by its end, as `.example.com` of
 * `*.example.com`: a name has few ends. Only patterns whose end does not begin with a dot,
 * such as `web-*`, are tried one by one.
 *
 * @module
 */

import { hostGlob } from "../../wire/glob.ts";
import { RuleSet } from "./rule_set.ts";

/** Names whose rules are remembered. */
const REMEMBERED = 1024;

/** A pattern, and the rule that has it. */
interface Pattern {
  readonly rule: number;
  /** Undefined if every name with the pattern's end matches. */
  readonly matches: ((name: string) => boolean) | undefined;
}

/** Finds rules by name. */
export class PolicyNames {
  readonly #rules: number;
  readonly #plain = new Map<string, number[]>();
  /** By the text behind the last `*`, which begins with a dot. */
  readonly #ends = new Map<string, Pattern[]>();
  readonly #others: Pattern[] = [];
  readonly #known = new Map<string, RuleSet | undefined>();

  /** For a policy of so many rules. */
  constructor(rules: number) {
    this.#rules = rules;
  }

  /** The rule of that number names `glob`. */
  add(glob: string, rule: number): void {
    const pattern = canonical(glob);
    const star = pattern.lastIndexOf("*");
    if (star < 0) return put(this.#plain, pattern, rule);
    const end = pattern.slice(star + 1);
    const matches = star === 0 ? undefined : hostGlob(glob);
    if (end.startsWith(".")) put(this.#ends, end, { rule, matches });
    else this.#others.push({ rule, matches: hostGlob(glob) });
  }

  /** The rules that name `name`; undefined if none does. */
  rulesOf(name: string): RuleSet | undefined {
    if (this.#known.has(name)) return this.#known.get(name);
    const rules = this.#find(canonical(name));
    const found = rules.length === 0 ? undefined : new RuleSet(this.#rules, rules);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(name, found);
    return found;
  }

  #find(name: string): number[] {
    const rules = [...this.#plain.get(name) ?? []];
    const add = ({ rule, matches }: Pattern) => {
      if (matches === undefined || matches(name)) rules.push(rule);
    };
    for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1)) {
      this.#ends.get(name.slice(at))?.forEach(add);
    }
    this.#others.forEach(add);
    return rules;
  }
}

function put<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}

function canonical(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}
