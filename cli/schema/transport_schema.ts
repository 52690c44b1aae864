/**
 * The schema of the fields by which a host is reached.
 *
 * @module
 */
import { field, type JsonSchema, mapOf, present, SOME_TEXT } from "./parts.ts";

const NAME: JsonSchema = {
  type: ["string", "null"],
  pattern: "^[^\\s-]\\S*$",
  errorMessage: `wanted a name without spaces that does not begin with "-"`,
};

const WORDS: JsonSchema = {
  type: ["string", "array", "null"],
  minLength: 1,
  minItems: 1,
  items: { type: "string" },
};

const VARIABLE = { type: ["string", "integer", "null"] };

/** Options of every transport but `cmd`. */
const HOW: Readonly<Record<string, JsonSchema>> = {
  agent: field(WORDS, {
    description: "What starts the agent there, in place of the one that is put there. " +
      `"agent --automated" is appended.`,
    examples: ["deno run -A /norouter/cli.ts"],
  }),
  program: field(WORDS, {
    description: "The client to run here, in place of the one of the transport's name.",
    examples: ["sudo docker"],
  }),
};

const CONTAINER: Readonly<Record<string, JsonSchema>> = {
  container: field(NAME, {
    description: "The container's name or id.",
    examples: ["web"],
  }),
  user: field({ type: ["string", "integer", "null"], minLength: 1 }, {
    description:
      "Who runs the agent, USER or USER:GROUP; default: that of the container.",
    examples: ["1000:1000"],
  }),
  workdir: field(SOME_TEXT, {
    description: "The agent's folder in the container.",
    examples: ["/srv"],
  }),
  env: field({ type: ["object", "null"], additionalProperties: VARIABLE }, {
    description: "The agent's environment; a name with nothing behind it has the value " +
      "it has here.",
    examples: [{ LANG: "C.UTF-8" }],
  }),
  ...HOW,
};

/** A short form, or a map that needs certain fields. */
function shortOr(
  short: JsonSchema,
  properties: Readonly<Record<string, JsonSchema>>,
  more: JsonSchema = {},
): JsonSchema {
  const map = present(mapOf(properties, more));
  return {
    type: ["string", "object", "null"],
    if: { type: "object" },
    then: map,
    else: { if: { type: "string" }, then: short },
  };
}

/** The fields, each with its value. */
export const TRANSPORTS: Readonly<Record<string, JsonSchema>> = {
  cmd: field(WORDS, {
    description: "The command that runs norouter on the host, with its standard input " +
      `and output at our end; "agent --automated" is appended. There is no shell.`,
    examples: ["docker exec -i web norouter"],
  }),
  docker: field(
    shortOr(NAME, {
      ...CONTAINER,
      context: field(SOME_TEXT, {
        description: `One of "docker context ls"; default: the current one.`,
      }),
      host: field(SOME_TEXT, {
        description: "An engine's address, in place of a context.",
        examples: ["ssh://me@box"],
      }),
    }, { required: ["container"] }),
    {
      description: "A container of Docker: its name, or a map of options.",
      examples: ["web"],
    },
  ),
  podman: field(
    shortOr(NAME, {
      ...CONTAINER,
      connection: field(SOME_TEXT, {
        description: `One of "podman system connection list".`,
      }),
    }, { required: ["container"] }),
    {
      description: "A container of Podman: its name, or a map of options.",
      examples: ["api"],
    },
  ),
  kubectl: field(
    shortOr(NAME, {
      pod: field(NAME, {
        description: "The pod's name, or KIND/NAME.",
        examples: ["nginx", "deployment/web"],
      }),
      selector: field(SOME_TEXT, {
        description: "Labels of which a ready pod is taken, in place of a pod's name.",
        examples: ["app=web"],
      }),
      namespace: field(SOME_TEXT, { description: "Default: the context's own." }),
      context: field(SOME_TEXT, { description: "A context of the kubeconfig." }),
      kubeconfig: field(SOME_TEXT, {
        description: "A kubeconfig; its path begins at the manifest's folder.",
      }),
      container: field(SOME_TEXT, { description: "A container of the pod." }),
      ...HOW,
    }, {
      anyOf: [{ required: ["pod"] }, { required: ["selector"] }],
      errorMessage: `wanted "pod" or "selector"`,
    }),
    { description: "A pod: its name, or a map of options.", examples: ["nginx"] },
  ),
  lxc: field(
    shortOr(NAME, {
      instance: field(NAME, {
        description: "The instance's name, or REMOTE:NAME.",
        examples: ["box"],
      }),
      remote: field(NAME, { description: `One of "lxc remote list".` }),
      project: field(SOME_TEXT, { description: "Its project." }),
      user: field(numericId(), {
        description: "Who runs the agent, as a number; default: 0, which is root.",
      }),
      group: field(numericId(), { description: "That user's group, as a number." }),
      workdir: field(SOME_TEXT, { description: "The agent's folder in the instance." }),
      env: field({
        type: ["object", "null"],
        additionalProperties: { type: ["string", "integer"] },
      }, { description: "The agent's environment.", examples: [{ LANG: "C.UTF-8" }] }),
      ...HOW,
    }, { required: ["instance"] }),
    {
      description: "An instance of LXD or Incus: its name, or a map of options.",
      examples: ["box"],
    },
  ),
  ssh: field(
    shortOr(NAME, {
      host: field(NAME, {
        description: "The machine, [USER@]HOST[:PORT], or a name of ~/.ssh/config.",
        examples: ["me@box:2222"],
      }),
      user: field(NAME, { description: "The user there." }),
      port: field({
        type: ["integer", "string", "null"],
        minimum: 1,
        maximum: 65_535,
        pattern: "^\\d+$",
      }, { description: "The port of ssh there.", examples: [2222] }),
      identity: field(oneOrMore(SOME_TEXT), {
        description: "Files with keys; paths begin at the manifest's folder.",
        examples: ["~/.ssh/id_ed25519"],
      }),
      jump: field(oneOrMore(NAME), {
        description: "Machines to go through, in this order.",
        examples: ["me@gate:2222"],
      }),
      options: field({
        type: ["object", "null"],
        propertyNames: { pattern: "^[A-Za-z][A-Za-z0-9]*$" },
      }, {
        description: "Further options of ssh_config(5), each with its value or values.",
        examples: [{ ConnectTimeout: 5 }],
      }),
      config: field(SOME_TEXT, {
        description: `A file in place of ~/.ssh/config, or "none".`,
      }),
      ...HOW,
    }, { required: ["host"] }),
    {
      description:
        "A machine behind ssh: [USER@]HOST[:PORT], or a map of options. Your " +
        "ssh configuration applies.",
      examples: ["me@box:2222"],
    },
  ),
  transport: field(SOME_TEXT, {
    description:
      "A plug-in for another way to the host: a path that begins with ./, ../ " +
      "or /, or a URL of file:, https:, jsr: or npm:.",
    examples: ["./chroot.ts"],
  }),
};

function numericId(): JsonSchema {
  return {
    type: ["integer", "string", "null"],
    minimum: 0,
    maximum: 2 ** 32 - 1,
    pattern: "^\\d+$",
  };
}

function oneOrMore(item: JsonSchema): JsonSchema {
  const { type: _, ...rest } = item;
  return { type: ["string", "array", "null"], items: present(item), ...rest };
}
