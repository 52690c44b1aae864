/**
 * Telling that this process has no file descriptors left: every client meets the
 * shortage, so the first is told at once and others at most every 10 s, with their
 * number.
 *
 * @module
 */
import {
  descriptorHint,
  isDescriptorShortage,
  learnDescriptorLimit,
} from "../../transports/command/descriptor_limit.ts";

/** Milliseconds between two that are told. */
const EVERY = 10_000;

const listeners = new Set<(message: string) => void>();
let count = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Calls `tell` with a line for people, until the function returned is called. */
export function onDescriptorShortage(tell: (message: string) => void): () => void {
  learnDescriptorLimit();
  listeners.add(tell);
  return () => {
    listeners.delete(tell);
    if (listeners.size > 0) return;
    clearTimeout(timer);
    timer = undefined;
    count = 0;
  };
}

/**
 * Counts an accept or a dial that failed for want of descriptors; false for other
 * reasons.
 */
export function noteShortage(error: unknown): boolean {
  if (!isDescriptorShortage(error)) return false;
  count++;
  if (timer === undefined && listeners.size > 0) tell();
  return true;
}

function tell(): void {
  timer = undefined;
  if (count === 0) return;
  const times = count === 1 ? "" : ` ${count} times`;
  const message =
    `A connection could not be accepted or made${times}: ${descriptorHint()}`;
  count = 0;
  timer = setTimeout(tell, EVERY);
  for (const listener of listeners) listener(message);
}
