/**
 * How a program's event loop comes to look at its sockets while there is work.
 *
 * @module
 */
import { portableExecutable } from "../install/executable.ts";
import { systemPace } from "../link/pace.ts";

/** To be called by a program that carries bytes, once its environment was looked at. */
export function beginPace(): void {
  // The executables have the runtime look in each round.
  if (portableExecutable() === undefined) systemPace.begin();
  else systemPace.everyRound();
}
