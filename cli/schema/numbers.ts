/**
 * Numbers in patterns: text has no "less than", so that limits become digits.
 *
 * A pattern stands for all spellings that the parser takes, zeros in front included. What
 * needs a sum, such as `23h90m`, is left to `norouter check`.
 *
 * @module
 */

/** Whole numbers up to a limit: `atMost(24)` is that of 0 to 24. */
export function atMost(limit: number): string {
  const digits = String(limit);
  const parts = digits.length > 1 ? [`\\d{1,${digits.length - 1}}`] : [];
  for (const [index, digit] of [...digits].entries()) {
    // The same digits so far, and a smaller one here.
    const least = index === 0 && digits.length > 1 ? 1 : 0;
    const most = Number(digit) - 1;
    if (most < least) continue;
    const rest = digits.length - index - 1;
    const range = most === least ? String(most) : `[${least}-${most}]`;
    parts.push(digits.slice(0, index) + range + (rest > 0 ? `\\d{${rest}}` : ""));
  }
  return `0*(?:${[...parts, digits].join("|")})`;
}

/** Numbers with decimals up to a limit. */
function upTo(limit: number): string {
  return `(?:${atMost(limit - 1)}(?:\\.\\d+)?|0*${limit}(?:\\.0+)?)`;
}

const DAY_SECONDS = 86_400;

/** Units and how many of them a day has. */
const UNITS = { ms: DAY_SECONDS * 1000, s: DAY_SECONDS, m: DAY_SECONDS / 60, h: 24 };

const PART = Object.entries(UNITS).map(([unit, most]) => upTo(most) + unit).join("|");

/** Lengths of time up to a day, of a millisecond and more. */
export const LENGTH = `(?!(?:0+(?:\\.0+)?(?:ms|s|m|h)?)+$|0+\\.\\d+ms$)(?:${
  upTo(DAY_SECONDS)
}|(?:${PART})+)`;

/** Those of a second and more. */
export const LENGTH_OF_SECONDS =
  `(?!0+(?:\\.\\d+)?s?$|0*\\d{1,3}(?:\\.\\d+)?ms$)${LENGTH}`;

/**
 * To stand in front of `FIRST-LAST`, numbers of up to five digits: refuses those that end
 * before they begin. It has the pattern's first group.
 */
export const NOT_BACKWARDS =
  `(?!0*(?:${longer()})(?:/|$))(?!0*(\\d*)(?:${greater()})(?:/|$))`;

/** More digits in front. */
function longer(): string {
  return [5, 4, 3, 2].map((count) => `[1-9]\\d{${count - 1}}-0*\\d{1,${count - 1}}`).join(
    "|",
  );
}

/** The same digits at first, then a greater one, then as many as behind the smaller one. */
function greater(): string {
  const all = [];
  for (let rest = 0; rest < 5; rest++) {
    const more = rest > 0 ? `\\d{${rest}}` : "";
    for (let digit = 1; digit <= 9; digit++) {
      all.push(`${digit}${more}-0*\\1[0-${digit - 1}]${more}`);
    }
  }
  return all.join("|");
}
