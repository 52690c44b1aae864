/**
 * Control messages: the JSON frames between manager and agent, strictly decoded.
 *
 * A wrong type is an error that names the place and the value. An unknown field is left
 * out, because a newer peer may have added the field, and `null` counts as absent,
 * because NoRouter (Go) writes empty lists so.
 *
 * Ours, each announced in `features` and used only with a peer that announced it: the
 * requests `ping`, `status`, `extend`, `update` and `resume`, the events `hostDown`, `listeners`,
 * `hostAway`, `hostBack`, `askedToEnd`, `stay` and `bye`. `ping` has neither arguments nor data, `bye` no data.
 *
 * @module
 */

export { ControlError } from "./check.ts";
export {
  type ConfigureArgs,
  type ConfigureData,
  type Forward,
  type NameServer,
  type Other,
  parseConfigureArgs,
  parseConfigureData,
  type WireRoute,
} from "./configure.ts";
export {
  EGRESS_FEATURE,
  type ExtendArgs,
  type ExtendEgress,
  type ExtendProxy,
  parseExtendArgs,
  type RouteException,
} from "./extend.ts";
export { type HostDown, parseHostDown } from "./host_down.ts";
export {
  type ControlEvent,
  type ControlMessage,
  type ControlRequest,
  type ControlResult,
  decodeControl,
  encodeControl,
  MOST_DEPTH,
} from "./message.ts";
export {
  AWAY_FEATURE,
  type EndWish,
  type HostAway,
  MOST_RESUME_SECONDS,
  parseEndWish,
  parseHostAway,
  parseResumeArgs,
  parseResumeData,
  RESUME_FEATURE,
  type ResumeAnswer,
  type ResumeArgs,
  type ResumeData,
  type ResumeWish,
} from "./resume.ts";
export { parseRouteSuggestion, type RouteSuggestion } from "./route_suggestion.ts";
export {
  parseUpdateArgs,
  parseUpdateData,
  UPDATE_FEATURE,
  type UpdateArgs,
  type UpdateData,
} from "./update.ts";
export { type AgentStatus, type ListenerStatus, parseStatus } from "./status.ts";
