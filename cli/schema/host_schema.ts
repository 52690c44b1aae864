/**
 * The schema of a host, and of the template that hosts begin with.
 *
 * @module
 */
import {
  DESTINATION,
  field,
  given,
  HOST_NAME,
  IPV4,
  type JsonSchema,
  LISTEN,
  listOf,
  mapOf,
  PORT,
  textLike,
  TRUTH,
} from "./parts.ts";
import { LENGTH, LENGTH_OF_SECONDS } from "./numbers.ts";
import { TRANSPORTS } from "./transport_schema.ts";

/** Rules; `listen` is what may stand in front of the port. */
function rules(
  listen: string,
  { description, example }: { readonly description: string; readonly example: string },
): JsonSchema {
  const wanted = `PROTOCOL:PORT:DESTINATION:PORT, like "${example}"`;
  return field(
    listOf(textLike(`tcp:${listen}${PORT}:${DESTINATION}:${PORT}`, wanted)),
    { description, examples: [[example]] },
  );
}

/** Addresses that hosts can have. */
const VIP = `(?!0\\.|22[4-9]\\.|2[3-5]\\d\\.)${IPV4}`;

const INGRESS = {
  description:
    "What the host publishes, as rules: clients of the PORT of its VIP, anywhere in the " +
    "mesh, reach the DESTINATION as the host sees it. Added to the ports.",
  example: "tcp:443:127.0.0.1:8080",
};

const AUTH = {
  description:
    "Credentials of the proxy's clients. A password of its own, or that of an " +
    "environment variable.",
  type: "object",
  properties: {
    username: field({ type: ["string", "number"], minLength: 1 }, {
      description: "The name; without a colon for HTTP.",
    }),
    password: field({ type: ["string", "number"], minLength: 1 }, {
      description: "The password.",
    }),
    passwordEnv: field({ type: "string", pattern: "^[A-Za-z_][A-Za-z0-9_]*$" }, {
      description: "The environment variable of norouter that holds the password.",
      examples: ["PROXY_PASSWORD"],
    }),
  },
  required: ["username"],
  oneOf: [{ required: ["password"] }, { required: ["passwordEnv"] }],
  additionalProperties: false,
} as const;

function proxy(description: string, example: string): JsonSchema {
  const address = textLike(
    `|(\\[[^\\]@]*\\]|[^:@]*):${PORT}`,
    `ADDRESS:PORT, like "${example}"`,
  );
  return field(
    mapOf({
      listen: field(address, {
        description: "ADDRESS:PORT on the host; without an address, every one that the " +
          "host has. Empty: no proxy.",
        examples: [example],
      }),
      auth: AUTH,
    }),
    { description, examples: [{ listen: example }] },
  );
}

const SHARED: Readonly<Record<string, JsonSchema>> = {
  ports: field(
    listOf(
      textLike(
        `${PORT}:${DESTINATION}:${PORT}(/tcp)?`,
        `LISTEN:HOST:PORT, like "8080:127.0.0.1:80"`,
      ),
    ),
    {
      description:
        "What the host publishes, each LISTEN:HOST:PORT: who connects to port " +
        "LISTEN of its VIP, anywhere in the mesh, reaches HOST:PORT as the host sees it.",
      examples: [["8080:127.0.0.1:80"]],
      default: [],
    },
  ),
  ingress: rules("", INGRESS),
  egress: rules(`(${LISTEN}:)?`, {
    description:
      "Addresses on the host that lead into the mesh: clients of 127.0.0.1:PORT there, or of " +
      "an address in front of the port, are connected to a host of the mesh, a VIP, or a " +
      "name or an address behind a route. Rules of one address take turns.",
    example: "tcp:5432:db:5432",
  }),
  http: proxy("An HTTP proxy on the host.", "127.0.0.1:18080"),
  socks: proxy("A SOCKS proxy on the host, for SOCKS 4, 4a and 5.", "127.0.0.1:18081"),
  loopback: field(
    mapOf({
      disable: field(TRUTH, {
        description: "Whether the host does not listen on the addresses of the mesh.",
        default: false,
      }),
    }),
    {
      description: "Whether the host listens on the addresses of the mesh.",
      examples: [{ disable: true }],
    },
  ),
  stateDir: field(
    mapOf({
      pathOnAgent: field({ type: ["string", "null"] }, {
        description: "The folder; ~, $VAR and ${VAR} are those of the host.",
        default: "~/.norouter/agent",
      }),
      disable: field(TRUTH, {
        description: "Whether there is no such folder.",
        default: false,
      }),
    }),
    { description: "The folder on the host for the names of the mesh." },
  ),
  writeEtcHosts: field(TRUTH, {
    description: "Whether the names of the mesh are written into the host's /etc/hosts.",
    default: false,
  }),
  resolveFor: field(
    listOf({ type: ["string", "number"] }),
    {
      description:
        `Hosts for which the name server of this one looks up all names, or "*" ` +
        "for all hosts.",
      examples: [["web"], ["*"]],
      default: [],
    },
  ),
  connectTimeout: field({
    type: ["string", "number", "null"],
    pattern: `^(${LENGTH})$`,
    minimum: 0.001,
    maximum: 86_400,
    errorMessage: `wanted seconds, or numbers with units, like "20s" or "500ms"`,
  }, {
    description: "How long the host may take until its agent answers, up to 24h.",
    examples: ["20s"],
    default: "20s",
  }),
  resume: field({
    type: ["string", "number", "boolean", "null"],
    pattern: `^(${LENGTH_OF_SECONDS}|[oO][fF][fF]|[fF][aA][lL][sS][eE]|[nN][oO])$`,
    not: { const: true },
    minimum: 1,
    maximum: 86_400,
    errorMessage: `wanted a length of time, like "5m", or "off"`,
  }, {
    description: "How long the host's agent stays when its link is gone, so that " +
      `connections go on when it is back; from 1s to 24h, or "off".`,
    examples: ["5m", "off"],
    default: "5m",
  }),
  install: field({ enum: ["auto", "always", "never", null] }, {
    description:
      "Whether the agent is put on the host: if it is not there yet (auto), at " +
      "each start (always), or never.",
    default: "auto",
  }),
  installPath: field({ type: ["string", "null"] }, {
    description: "The folder on the host for the agent.",
    examples: ["~/bin"],
  }),
};

const OWN: Readonly<Record<string, JsonSchema>> = {
  vip: field(
    textLike(
      VIP,
      `an IPv4 address, like "127.0.42.100"`,
    ),
    {
      description: "The host's virtual address, unique, one of 127.0.0.0/8; default: a " +
        "free one from 127.0.42.100 on.",
      examples: ["127.0.42.100"],
    },
  ),
  aliases: field(listOf(textLike(`(${HOST_NAME})\\.?`, "a host name")), {
    description: "Further names of the host.",
    examples: [["web.example.com"]],
    default: [],
  }),
  with: { description: "What the plug-in of the transport takes." },
};

/** Of two ways to a host, the second one is at fault, as the parser has it. */
function oneWay(): JsonSchema[] {
  const names = Object.keys(TRANSPORTS);
  return names.slice(0, -1).map((name, index) => ({
    if: given(name),
    then: {
      properties: Object.fromEntries(
        names.slice(index + 1).map((other) => [other, {
          type: "null",
          errorMessage: `"${other}" and "${name}" are two ways to reach one host; ` +
            `wanted one`,
        }]),
      ),
    },
  }));
}

/** The only address that ingress may name is the VIP, if that is written down. */
function ownAddress(): JsonSchema {
  return { if: { not: given("vip") }, then: { properties: { ingress: SHARED.ingress } } };
}

/** A host; one without a way to it is this machine. */
export const HOST: JsonSchema = mapOf({
  ...TRANSPORTS,
  ...OWN,
  ...SHARED,
  ingress: rules(`(${VIP}:)?`, INGRESS),
}, {
  dependencies: { with: ["transport"] },
  allOf: [...oneWay(), ownAddress()],
});

/** What hosts have in common. */
export const TEMPLATE: JsonSchema = mapOf(SHARED);

/** The name of a host, as a key. */
export const NAME_OF_HOST: JsonSchema = {
  pattern: `^${HOST_NAME}$`,
  errorMessage: "wanted a host name: letters, digits, - and _, with dots between",
};
