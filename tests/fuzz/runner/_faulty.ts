/**
 * A target with a fault of the kind that the variable FAULT names, for the runner's test.
 *
 * @module
 */
import fc from "fast-check";
import type { FuzzTarget } from "../target.ts";

/** Cases from here on fail. */
export const FAULTY_FROM = 500;

export const target: FuzzTarget<number> = {
  name: "runner/_faulty",
  cases: fc.nat(1000),
  run(number) {
    if (number < FAULTY_FROM) return;
    switch (Deno.env.get("FAULT")) {
      case "throws":
        throw new Error(`${number} is too much`);
      case "waits":
        return new Promise(() => {});
      case "loops":
        for (;;);
      case "ends":
        Deno.exit(3);
        break;
      case "strays":
        return void Promise.reject(new Error("nobody looks"));
    }
  },
};
