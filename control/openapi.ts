/**
 * The description of the control socket in OpenAPI 3.1, made from the schemas.
 *
 * @module
 */

import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import {
  AddHost,
  AddRule,
  CaptureQuery,
  Change,
  Echo,
  EndCapture,
  EndedCapture,
  Ending,
  Event,
  Failure,
  Ping,
  RemoveRule,
  Restarted,
  Rules,
  Status,
} from "./schemas.ts";

const SCHEMAS = {
  AddHost,
  AddRule,
  Change,
  Echo,
  EndedCapture,
  Ending,
  Event,
  Failure,
  Ping,
  Restarted,
  Rules,
  Status,
};

/** Who answers, and for whom. */
export interface ApiInfo {
  readonly version: string;
}

/** The document. */
export function openApi({ version }: ApiInfo): unknown {
  const schemas = Object.entries(SCHEMAS).map(([name, schema]) => {
    const { $schema: _, ...rest } = toJsonSchema(schema, { target: "draft-2020-12" });
    return [name, rest];
  });
  return {
    openapi: "3.1.0",
    info: { title: "NoRouter for Deno: a running mesh", version },
    servers: [{ url: "http://norouter", description: "over the unix socket" }],
    paths: {
      "/v1/status": {
        get: operation("The state and the counters of the mesh", "Status"),
      },
      "/v1/events": {
        get: {
          summary: "What happens from now on, as server-sent events",
          responses: {
            200: {
              description: "An event each; its data is JSON",
              content: { "text/event-stream": { schema: ref("Event") } },
            },
            default: failure(),
          },
        },
      },
      "/v1/reload": { post: operation("Reads the manifest again", "Change") },
      "/v1/down": { post: operation("Ends the mesh", "Ending", 202) },
      "/v1/hosts": {
        post: {
          ...operation("Adds a host, until the mesh ends", "Change", 201),
          requestBody: { required: true, content: json("AddHost") },
        },
      },
      "/v1/hosts/{name}": {
        parameters: [NAME],
        delete: operation("Ends a host", "Change"),
      },
      "/v1/hosts/{name}/restart": {
        parameters: [NAME],
        post: operation("Ends a host and starts it anew", "Restarted"),
      },
      "/v1/hosts/{name}/ping": {
        parameters: [NAME],
        post: {
          ...operation("Sends an echo through the stacks to a host", "Echo"),
          requestBody: { required: true, content: json("Ping") },
        },
      },
      "/v1/rules": {
        get: operation("The rules in force", "Rules"),
        post: {
          ...operation("Adds a rule, until the mesh ends or for good", "Change", 201),
          requestBody: { required: true, content: json("AddRule") },
        },
        delete: {
          ...operation("Removes a rule that was added", "Change"),
          parameters: RULE,
        },
      },
      "/metrics": {
        get: {
          summary: "The status for Prometheus: format 0.0.4, or OpenMetrics if accepted",
          parameters: [{
            name: "for",
            in: "query",
            description: "For a collector that shows metrics of others as well",
            schema: { enum: ["collector"] },
          }],
          responses: {
            200: {
              description: "The metrics",
              content: { "text/plain": {}, "application/openmetrics-text": {} },
            },
            default: failure(),
          },
        },
      },
      "/v1/capture": {
        get: {
          summary: "Packets that pass the router from now on, as pcapng",
          parameters: queryOf(CaptureQuery.entries),
          responses: {
            200: {
              description: "A capture file, as it comes; x-capture is its number",
              content: { "application/x-pcapng": { schema: PCAPNG } },
            },
            default: failure(),
          },
        },
        delete: {
          ...operation("Ends a capture in order: its rest comes", "EndedCapture"),
          parameters: queryOf(EndCapture.entries),
        },
      },
      "/openapi.json": {
        get: {
          summary: "This document",
          responses: { 200: { description: "OpenAPI 3.1" } },
        },
      },
    },
    components: { schemas: Object.fromEntries(schemas) },
  };
}

const NAME = { name: "name", in: "path", required: true, schema: { type: "string" } };

const PCAPNG = { type: "string", contentMediaType: "application/x-pcapng" };

/** What says which rule is removed. */
const RULE = queryOf(RemoveRule.entries);

/** A query; of a list each entry is a parameter of that name. */
function queryOf(entries: Readonly<Record<string, GenericSchema>>) {
  return Object.entries(entries).map(([name, entry]) => {
    const { $schema: _, ...schema } = toJsonSchema(entry, { target: "draft-2020-12" });
    return { name, in: "query", required: entry.type !== "optional", schema };
  });
}

function operation(summary: string, answer: keyof typeof SCHEMAS, status = 200) {
  return {
    summary,
    responses: {
      [status]: { description: "Done", content: json(answer) },
      default: failure(),
    },
  };
}

function failure() {
  return { description: "Not done", content: json("Failure") };
}

function json(name: keyof typeof SCHEMAS) {
  return { "application/json": { schema: ref(name) } };
}

function ref(name: keyof typeof SCHEMAS) {
  return { $ref: `#/components/schemas/${name}` };
}
