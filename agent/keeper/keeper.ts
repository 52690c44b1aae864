import type { ControlRequest, ResumeWish } from "../../wire/control/control.ts";
import type { AgentPort } from "../port.ts";
export interface LentLink {
  readonly port: AgentPort;
  readonly taken: number;
  readonly request: ControlRequest;
  readonly away: number;
}
export interface KeepHooks {
  onLent(): void;
  onGone(): void;
  onSilent(): void;
  reads(): number;
}
export interface Keeper {
  next(): Promise<LentLink | undefined>;
  heard(): void;
  close(): Promise<void>;
}
export type Keep = (wish: ResumeWish, hooks: KeepHooks) => Promise<Keeper>;
