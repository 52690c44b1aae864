import type * as fc from "fast-check";
/** One thing that is fuzzed: cases are plain JSON, so that a case that failed can be kept as a file. */
export interface FuzzTarget<Case> {
  readonly name: string;
  readonly cases: fc.Arbitrary<Case>;
  /** Throws, or rejects, if something that must hold does not. */
  run(input: Case): void | Promise<void>;
}
