/**
 * `deno task soak --minutes N [--seed S] [--chaos | --live] [--loss N]`; exits with 1 on a violation.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Scene } from "../harness/scene/scene.ts";
import { soak, type SoakOptions } from "./soak.ts";

const USAGE =
  "Usage: deno task soak --minutes N [--seed S] [--chaos | --live] [--loss N]";
/** Characters told of the processes' output, when a run could not be made. */
const TRANSCRIPT_CHARACTERS = 20_000;

type Asked = Omit<SoakOptions, "print">;

function options(args: string[]): Asked {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: "string" },
      seed: { type: "string" },
      chaos: { type: "boolean", default: false },
      live: { type: "boolean", default: false },
      loss: { type: "string" },
    },
  });
  const minutes = Number(values.minutes);
  const seed = Number(
    values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
  );
  if (!(minutes >= 1)) throw new Error(`--minutes ${values.minutes}: wanted 1 or more`);
  if (!Number.isInteger(seed)) {
    throw new Error(`--seed ${values.seed} is no whole number`);
  }
  const loss = values.loss === undefined ? undefined : Number(values.loss);
  if (loss !== undefined && !(Number.isInteger(loss) && loss >= 2)) {
    throw new Error(`--loss ${values.loss}: wanted 2 or more, for one packet of so many`);
  }
  const { chaos, live } = values;
  if (chaos && live) throw new Error("--chaos and --live: wanted one of them");
  return { minutes, seed, chaos, live, ...(loss !== undefined && { loss }) };
}

/** Gives the exit status; started processes are ended in any case, also by Ctrl-C. */
async function run(asked: Asked): Promise<number> {
  await using scene = new Scene();
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => reject(new Error(`ended by ${signal}`)));
  }
  const kind = asked.chaos ? "chaos" : asked.live ? "changes" : "soak";
  console.log(`${kind} of ${asked.minutes} min, seed ${asked.seed}`);
  try {
    const running = soak(scene, { ...asked, print: (line) => console.log(line) });
    const { length } = await Promise.race([running, interrupted]);
    console.log(length === 0 ? "All is well" : `${length} violations`);
    return length === 0 ? 0 : 1;
  } catch (error) {
    console.error(scene.transcript.slice(-TRANSCRIPT_CHARACTERS));
    console.error(error);
    return 1;
  }
}

if (import.meta.main) {
  let asked;
  try {
    asked = options(Deno.args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
  Deno.exit(await run(asked));
}
