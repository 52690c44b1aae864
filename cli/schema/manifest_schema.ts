/**
 * The manifest's JSON schema, draft-07, for editors: what fields there are, what they mean,
 * and what their values look like.
 *
 * What only the whole manifest can tell, such as a VIP that is there twice, is left to
 * `norouter check`. `schema.json` is this schema, see scripts/schema.ts.
 *
 * @module
 */
import { HOST, NAME_OF_HOST, TEMPLATE } from "./host_schema.ts";
import { NOT_BACKWARDS } from "./numbers.ts";
import {
  CIDR,
  field,
  GLOB,
  HOST_NAME,
  IPV4,
  type JsonSchema,
  listOf,
  mapOf,
  PORT,
  present,
  textLike,
} from "./parts.ts";

const DESTINATION = textLike(
  `${CIDR}|${GLOB}`,
  `an address range, like "10.0.0.0/8", or a pattern of host names, like "*.example.com"`,
);

const ROUTE = present(mapOf({
  via: field({ type: "string", minLength: 1 }, {
    description: "The host behind which the destinations lie: its name or its VIP.",
    examples: ["bastion"],
  }),
  to: field(present(listOf(DESTINATION, { minItems: 1 })), {
    description: "What lies there: ranges of addresses, and patterns of host names.",
    examples: [["10.0.0.0/8", "*.example.com"]],
  }),
  notTo: field(listOf(DESTINATION), {
    description: "What of it does not lie there, in the same form.",
    examples: [["10.9.0.0/16"]],
  }),
}, { required: ["via", "to"] }));

/** A side of a rule; users and certificates come with identity. */
function parties(pattern: string, wanted: string, description: string): JsonSchema {
  const list = listOf(textLike(pattern, wanted), { minItems: 1 });
  return field(present(list), { description, examples: [["*"], ["web"]] });
}

const POLICY_RULE = present(mapOf({
  from: parties(
    `\\*|${CIDR}|${IPV4}|(${HOST_NAME})\\.?`,
    `a host, a range of VIPs, or "*"`,
    `Who connects: hosts by name or VIP, ranges of VIPs, or "*" for everybody.`,
  ),
  to: parties(
    `${CIDR}|${IPV4}|${GLOB}`,
    `a host, a range, a pattern of routed names, or "*"`,
    `Where the connection leads: hosts, ranges of addresses, patterns of names that routes ` +
      `lead to, or "*" for everything.`,
  ),
  ports: field(
    listOf({
      type: ["integer", "string"],
      minimum: 1,
      maximum: 65_535,
      pattern: `^${NOT_BACKWARDS}${PORT}(-${PORT})?(/(tcp|udp))?$`,
      errorMessage: `wanted a port, like 443, "8000-8100" or "443/tcp"`,
    }, { minItems: 1 }),
    {
      description:
        "Ports of the rule: the published ones at hosts, the real ones behind " +
        "routes; default: all.",
      examples: [[443, "8000-8100/tcp"]],
    },
  ),
  action: field({ enum: ["allow", "deny"] }, {
    description: "What becomes of a connection that matches.",
  }),
}, { required: ["from", "to", "action"] }));

/** The schema. */
export const MANIFEST_SCHEMA: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Manifest of NoRouter for Deno",
  description: "A mesh: its hosts, and what lies behind them.",
  type: "object",
  properties: {
    hosts: field({
      type: "object",
      minProperties: 1,
      propertyNames: NAME_OF_HOST,
      additionalProperties: HOST,
    }, {
      description: "The hosts by name. One at most has no way to it: this machine.",
      examples: [{ local: {}, web: { docker: "web", ports: ["8080:127.0.0.1:80"] } }],
    }),
    hostTemplate: field(TEMPLATE, {
      description:
        "What hosts have in common. A field of a host replaces the template's; " +
        "ports, ingress and egress are added up.",
    }),
    routes: field(listOf(ROUTE), {
      description: "Destinations that lie behind hosts; the last match wins.",
      examples: [[{ via: "bastion", to: ["10.0.0.0/8"] }]],
      default: [],
    }),
    policy: field(listOf(POLICY_RULE), {
      description:
        "Who may connect to whom: the first rule that matches a new connection " +
        "decides. Where none matches, it is allowed.",
      examples: [[{ from: ["laptop"], to: ["db"], ports: [5432], action: "allow" }]],
      default: [],
    }),
    plugins: field({
      type: ["object", "null"],
      patternProperties: {
        "^(jsr|npm):": { const: "registry" },
        "^(?!jsr:|npm:)": {
          type: "string",
          pattern: "^[sS][hH][aA]256:[0-9a-fA-F]{64}$",
        },
      },
    }, {
      description:
        "What code plug-ins may be: the SHA-256 of a file, or, for a package, " +
        `that the registry is trusted. From "transport" of hosts to locks.`,
    }),
  },
  patternProperties: {
    "^x-": { description: "Yours, to hold anchors." },
  },
  required: ["hosts"],
  additionalProperties: false,
};

/** The schema as text. */
export function schemaText(): string {
  return `${JSON.stringify(MANIFEST_SCHEMA, null, 2)}\n`;
}
