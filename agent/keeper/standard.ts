/**
 * The standard descriptors of an agent whose links change.
 *
 * Standard error goes where the present link's relay has its own, and nowhere while there is
 * none. The runtime keeps copies of standard input and output; with the first link they
 * have to go, or its other end would wait for a process that has left it.
 *
 * @module
 */

import { type Libc, O_RDWR } from "./libc.ts";
import { samesOf } from "./processes.ts";

const STDERR = 2;

/** The copies that the runtime has. */
export class Standard {
  readonly #libc: Libc;
  readonly #errors: readonly number[];
  #firstLink: readonly number[];

  /** `numbers` are those of the first link, which has its own owner. */
  constructor(libc: Libc, numbers: readonly number[]) {
    this.#libc = libc;
    const isCopy = (number: number) => number >= STDERR && !numbers.includes(number);
    this.#errors = samesOf(STDERR).filter(isCopy);
    this.#firstLink = numbers.flatMap((number) => samesOf(number)).filter(isCopy);
  }

  /** Lines for people go to `fd` from now on, which is closed here. */
  attach(fd: number | undefined): void {
    if (fd === undefined) return this.leave();
    this.#point(this.#errors, fd);
  }

  /** There is no link: nothing of the last is kept open, and lines for people are lost. */
  leave(): void {
    const numbers = [...this.#errors, ...this.#firstLink];
    this.#firstLink = [];
    this.#point(numbers, this.#libc.open("/dev/null", O_RDWR));
  }

  #point(numbers: readonly number[], fd: number): void {
    for (const number of numbers) this.#libc.point(number, fd);
    this.#libc.close(fd);
  }
}
