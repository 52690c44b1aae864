/**
 * Metrics as text: the format of Prometheus, version 0.0.4, and OpenMetrics 1.0.0.
 *
 * A metric has a name, a type, labels and any number of samples, each with the values of
 * those labels. The two formats differ in what a counter and an info are called in front of
 * their samples, and in the end.
 *
 * @module
 */

/** A value, and the values of the labels; a sample without a value is left out. */
export type Sample = readonly [value: number | undefined, ...labels: readonly string[]];

/** A metric, and where its samples come from. */
export interface Metric<Source> {
  /** As in queries: a counter ends in `_total`, an info in `_info`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "info";
  /** A sentence without its end. */
  readonly help: string;
  /** The names of the labels. */
  readonly labels: readonly string[];
  readonly samples: (source: Source) => Iterable<Sample>;
}

/** Options of {@linkcode expose}. */
export interface ExposeOptions {
  /** Whether OpenMetrics is wanted. */
  readonly isOpen?: boolean;
  /** Labels that each sample gets besides. */
  readonly everywhere?: Readonly<Record<string, string>>;
}

/** Characters of a chunk of the stream, at least: small meshes have one. */
const CHUNK_CHARACTERS = 65_536;
/** Characters of a label's value that are kept; values may be words of strangers. */
const MOST_CHARACTERS = 200;

/**
 * What terminals act on, what a parser may take for the end, and what is no text. Line feeds
 * have an escape of the format.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex -- control characters are the subject here
  /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;
const TO_ESCAPE = /[\\"\n]/g;
/** Whether a value may stand as it is. */
const PLAIN = /^[\w.:/@ +-]{0,200}$/;

/** The media type of a text, by whether it is OpenMetrics. */
export function mediaType(isOpen: boolean): string {
  return isOpen
    ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
    : "text/plain; version=0.0.4; charset=utf-8";
}

/** Whether who sends this `accept` prefers OpenMetrics to the older format. */
export function wantsOpen(accept: string | undefined): boolean {
  let [open, plain] = [0, 0];
  for (const entry of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim());
    const said = parameters.find((each) => /^q=/i.test(each));
    const weight = said === undefined ? 1 : Number(said.slice(2)) || 0;
    if (type.toLowerCase() === "application/openmetrics-text") {
      const version = parameters.find((each) => /^version=/i.test(each)) ?? "";
      // 0.0.1 is the same for what is used here.
      if (/^(version=(1\.0\.0|0\.0\.1))?$/i.test(version)) open = Math.max(open, weight);
    } else if (/^(text\/(plain|\*)|\*\/\*)$/i.test(type)) plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain;
}

/**
 * The metrics of a source as text, a metric at a time, since thousands of hosts take a while.
 * Those without samples are left out.
 */
export function* expose<Source>(
  metrics: readonly Metric<Source>[],
  source: Source,
  { isOpen = false, everywhere = {} }: ExposeOptions = {},
): Generator<string, void> {
  const common = Object.entries(everywhere)
    .map(([name, value]) => `${name}="${label(value)}",`).join("");
  for (const metric of metrics) {
    const { name, labels } = metric;
    const openings = labels.map((each, at) =>
      at === 0 ? `${name}{${common}${each}="` : `",${each}="`
    );
    const alone = common === "" ? `${name} ` : `${name}{${common.slice(0, -1)}} `;
    let text = "";
    for (const sample of metric.samples(source)) {
      const value = sample[0];
      if (value === undefined) continue;
      if (openings.length === 0) text += `${alone}${formatted(value)}\n`;
      else {
        for (let at = 0; at < openings.length; at++) {
          text += openings[at]! + label(sample[at + 1] as string);
        }
        text += `"} ${formatted(value)}\n`;
      }
    }
    if (text !== "") yield headOf(metric, isOpen) + text;
  }
  if (isOpen) yield "# EOF\n";
}

function headOf({ name, type, help }: Metric<never>, isOpen: boolean): string {
  const ending = type === "counter" ? /_total$/ : /_info$/;
  const family = isOpen ? name.replace(ending, "") : name;
  const kind = type === "info" && !isOpen ? "gauge" : type;
  return `# HELP ${family} ${escapedHelp(help, isOpen)}\n# TYPE ${family} ${kind}\n`;
}

/**
 * Pieces of text as a stream, made when its reader wants more: nobody waits for all of them,
 * and a reader that stalls has no more than the pieces of a write.
 */
export function streamOf(pieces: Iterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      let text = "";
      while (text.length < CHUNK_CHARACTERS) {
        const { done, value } = pieces.next();
        if (!done) text += value;
        else {
          if (text !== "") controller.enqueue(encoder.encode(text));
          return controller.close();
        }
      }
      controller.enqueue(encoder.encode(text));
    },
  }, { highWaterMark: 0 });
}

/** The value of a label, as it stands between quotes. */
function label(value: string): string {
  if (PLAIN.test(value)) return value;
  const short = value.length > MOST_CHARACTERS
    ? `${value.slice(0, MOST_CHARACTERS - 1)}…`
    : value;
  return short.replace(UNSAFE, "\ufffd").replace(
    TO_ESCAPE,
    (character) => character === "\n" ? "\\n" : `\\${character}`,
  );
}

function escapedHelp(text: string, isOpen: boolean): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return isOpen ? escaped.replaceAll('"', '\\"') : escaped;
}

function formatted(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value); // NaN included
}
