/**
 * The contract of a target of the fuzzer.
 *
 * @module
 */
import type * as fc from "fast-check";

/**
 * A thing that is fuzzed. Its cases are plain JSON, so that a case that failed can be kept as a
 * file.
 */
export interface FuzzTarget<Case> {
  readonly name: string;
  readonly cases: fc.Arbitrary<Case>;
  /** Throws, or rejects, if something that must hold does not. */
  run(input: Case): void | Promise<void>;
}
