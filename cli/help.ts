/**
 * The help texts, laid out by hand.
 *
 * @module
 */

/** Those of every command, which stand behind its own. */
const GENERAL = `  --debug              tell more, with the time
  --log-format FORMAT  "human" (default) or "json": one object per line on stderr
  -h, --help           this text`;
const OPTIONS = `Options:\n${GENERAL}`;

/** The way of commands to their mesh, and their exit statuses. */
const WHICH =
  `The mesh is the one of this user that runs on this machine. If several do, --mesh says
which: a mesh is called as its manifest without the ending. The exit status is 0 if it
went well, 1 if not, as when no mesh runs, and 2 if several run and none is named.`;

const TEXTS: Readonly<Record<string, string>> = {
  norouter: `norouter joins containers, pods, virtual machines and laptops into one small
network, over nothing but commands that reach them.

Usage:
  norouter FILE                start the mesh of a manifest, until Ctrl-C
  norouter -e [FILE]           write the manifest in an editor first
  norouter check FILE...       validate manifests without starting anything
  norouter discover            list what could become a host
  norouter init                write a manifest of what is there
  norouter status              show a mesh that runs
  norouter events              tell what happens in it
  norouter metrics             print its status for Prometheus
  norouter ping HOST           send echoes to a host of it, and time them
  norouter capture             capture its packets, for Wireshark
  norouter reload              have its manifest read again
  norouter host add|remove|restart NAME
                               change its hosts
  norouter proxy add|remove|list
                               change its rules; or start a mesh of rules only
  norouter down                end it
  norouter clean FILE          remove what agents have left on hosts
  norouter show-example        print a manifest to begin with
  norouter schema              print the JSON schema of manifests, for editors
  norouter show-installer      print a script that installs norouter
  norouter complete SHELL      completions for zsh, bash, fish or powershell
  norouter agent --automated   what hosts run; managers start it
  norouter help COMMAND        more about a command

  FILE is YAML, or "-" for standard input. "norouter up FILE" and "norouter manager
  FILE" are the same as "norouter FILE".

${OPTIONS}
  -e, --open-editor    edit the manifest first; see "norouter help up"
  --allow-plugin URL   load this plug-in of the manifest; see "norouter help up"
  --state FILE         take agents back after a kill; see "norouter help up"
  --watch on|off       read the manifest again when it changes (on)
  --control on|off     let commands find the mesh (on)
  --name NAME          the name by which they do
  --ingress RULE       publish a port of this machine; see "norouter help proxy"
  --egress RULE        lead a port of this machine into the mesh; likewise
  --version            the version

Begin with one of:
  norouter init
  norouter -e mesh.yaml
`,
  up: `Start the mesh of a manifest. It runs until Ctrl-C or SIGTERM.

Usage:
  norouter FILE
  norouter up FILE
  norouter manager FILE
  norouter -e [FILE]

What happens is told on standard error. A host that fails is tried again; the others
are not disturbed. The exit status is 0 after Ctrl-C, 1 if the manifest is wrong or no
host ever became ready, and 2 for wrong usage.

${OPTIONS}
  -e, --open-editor    edit the manifest first
  --allow-plugin URL   load this plug-in (https:, jsr:, npm:) that the manifest names
                       as a "transport" and does not lock; repeatable
  --state FILE         keep in FILE, made if absent, the secrets by which the next
                       "norouter" takes back the agents if this one is killed, so
                       that connections between other hosts go on
  --watch on|off       read the manifest again when it changes (on)
  --control on|off     open a socket for "norouter status" and the like (on)
  --name NAME          the name by which those find the mesh; by default that of FILE
                       without its ending
  --ingress RULE       publish a port of this machine, like tcp:443:127.0.0.1:8080;
                       repeatable
  --egress RULE        lead a port of this machine into the mesh, like
                       tcp:5432:db:5432; repeatable; see "norouter help proxy"

The manifest may change while the mesh runs: what did not change goes on. It is read
again when the file changes, at SIGHUP, and by "norouter reload". With a mistake in it
nothing changes, and the mistake is told.

With -e, the manifest is opened in an editor before the mesh starts. A FILE that is not
there begins as the example. Without FILE it is a temporary one. The editor is $VISUAL,
$EDITOR, editor, vim, vi or emacs: the first that is there. If the manifest is wrong or
hosts do not become ready, the editor can be opened again, with Enter.
`,
  check: `Validate manifests without starting anything.

Usage:
  norouter check FILE...
  norouter check FILE --policy 'HOST -> DESTINATION:PORT'

Every error is printed with its line and column. Besides what a mesh does not start
with, unknown fields are errors, and proxies without a password that listen beyond
loopback. The exit status is 1 if there is one, else 0.

Plug-ins that the manifest names are code, and are run only if you allow it. What is
wrong in the values for others is not found, which a warning says.

With --policy it is also said which rule of the policy decides about a connection, and
where that stands. A DESTINATION is a host, a VIP, or an address or a name behind a
route; "/tcp" or "/udp" may follow the PORT.

${OPTIONS}
  --policy QUESTION    ask this, like 'laptop -> db:5432/tcp'; repeatable
  --allow-plugin URL   run this plug-in (a path, https:, jsr:, npm:); repeatable
`,
  clean: `List and remove what agents have left on hosts.

Usage:
  norouter clean FILE [HOST...]
  norouter clean docker:NAME | podman:NAME | kubectl:POD | lxc:NAME | ssh:HOST

Of the hosts of a manifest, or of those named, this machine and each to which an agent
is sent is asked what is there: the agent's files in the places where it may be kept,
the folder of names, and the backup of the hosts file. What no process uses is removed.
The exit status is 1 if a host could not be asked, or something not removed, else 0.

Options:
  -l, --list           remove nothing
  --allow-plugin URL   load this plug-in of the manifest; see "norouter help up"
${GENERAL}
`,
  discover: `List what could become a host of a mesh.

Usage:
  norouter discover [SOURCE...]

  SOURCE is docker, podman, kubectl, lxc (also Incus) or ssh; without one, all are asked
  at once. Hosts of ssh are those that ~/.ssh/config names; they are not contacted.

Options:
  -a, --all            also containers, pods and instances in which nothing can run
  --context NAME       pods of this context of kubectl, not the current one
  --namespace NAME     pods of this namespace, not the context's own
  --all-namespaces     pods of every namespace
  --timeout DURATION   how long each source may take, like 500ms or 1m (5s)
  --format FORMAT      "table" (default) or "json", on standard output
${GENERAL}

Nothing is asked of you, and nothing is changed. The exit status is 1 if a SOURCE that
you named failed, else 0.
`,
  init: `Write a manifest of this machine and of hosts that are there.

Usage:
  norouter init
  norouter init --docker NAME --ssh NAME …

Without hosts named, what is found is listed, and you pick from it by number.

Options:
  --docker NAME        a container of Docker
  --podman NAME        a container of Podman
  --kubectl POD        a pod, [[CONTEXT/]NAMESPACE/]POD
  --lxc NAME           an instance of LXD or Incus, [REMOTE:]NAME
  --ssh NAME           a host of ~/.ssh/config, or [USER@]HOST[:PORT]
                       (each may be given several times)
  -o, --output FILE    the manifest to write, "-" for standard output (mesh.yaml)
  -f, --force          replace a FILE that is there
  -a, --all            also list what does not run
  --context NAME       the context of kubectl where none is named
  --namespace NAME     the namespace where none is named
  --all-namespaces     list pods of every namespace
  --timeout DURATION   how long each source may take, like 500ms or 1m (5s)
${GENERAL}

The ports that containers and pods are said to serve are written as suggestions.
`,
  status: `Show a mesh that runs.

Usage:
  norouter status
  norouter status --watch
  norouter status --json

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
  --watch              show it anew each second, until Ctrl-C or the end of the mesh
  --format FORMAT      "table" (default) or "json", on standard output
  --json               the same as --format json
${GENERAL}
`,
  events: `Tell what happens in a mesh that runs, until Ctrl-C or the end of the mesh.

Usage:
  norouter events
  norouter events --json

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
  --format FORMAT      "table" (default: a line each) or "json": an object per line
  --json               the same as --format json
${GENERAL}
`,
  metrics: `Print the status of a mesh that runs as metrics, for Prometheus.

Usage:
  norouter metrics
  norouter metrics --textfile FILE

The text is what the control socket of the mesh answers at /metrics. With --textfile it
is for a collector that shows it among metrics of others, like node_exporter: each line
says the mesh, "process_..." is "norouter_process_...", and FILE is replaced at once, so
that nobody reads half of it.

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
  --textfile FILE      write FILE, which should end in ".prom"
${GENERAL}
`,
  ping: `Send echoes to a host of a mesh that runs, through the stacks, and time them.

Usage:
  norouter ping HOST

HOST is a name, an alias or a VIP. The mesh itself sends the echoes (ICMP), as packets
of this machine's VIP; no other program, and none of its rights, is needed. Beside each
round trip stands that of the link alone, and what is beyond that: the host's stack, and
the queue of packets in front of the link. At the end, or at Ctrl-C, it is summed up.

The mesh is the one of this user that runs on this machine. If several do, --mesh says
which. The exit status is 0 if an echo was answered, 1 if none was, and 2 for wrong
usage, or if several meshes run and none is named.

Options:
  -c, --count N        how many echoes (4)
  -i, --interval S     seconds from one to the next, 0.01 or more (1)
  -s, --size BYTES     data of an echo, 0 to 65507 (56)
  -W, --wait S         seconds to wait for an answer, 0.01 to 10 (2)
  --from HOST          ask in the name of that host: its hops are timed too
  --mesh NAME          which mesh, if several run
  --format FORMAT      "table" (default: a line each) or "json": an object per line
  --json               the same as --format json
${GENERAL}
`,
  capture: `Capture packets of a mesh that runs, as pcapng, until Ctrl-C.

Usage:
  norouter capture | wireshark -k -i -
  norouter capture -w FILE
  norouter capture --host web --flow 'tcp:laptop -> web:8080' | tshark -r -

Every packet that passes the manager is there, once. Hosts are interfaces; a packet is
inbound on that of the host it came from, and outbound if only the host it is for is
captured. What was not delivered says why in a comment.

A FLOW is [PROTOCOL:]SOURCE[:PORT] -> DESTINATION[:PORT], in either direction. The
protocol is tcp, udp or icmp; either end is a host, an address, a range, or * for any:
'* -> db:5432', 'web -> 10.0.0.0/8', 'icmp:* -> *'.

If the reader is too slow, packets are dropped, and the mesh goes on. They are counted
at the end, and in the file.

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
  --host HOST          only packets from and to this host; repeatable
  --flow FLOW          only packets of this flow; repeatable
  -w, --write FILE     write to FILE, with mode 0600; "-" (default) is standard output
  --snaplen BYTES      keep so much of each packet (all of it)
  --count N            end after N packets
  --seconds S          end after S seconds
${GENERAL}
`,
  reload: `Have the manifest of a mesh that runs read again.

Usage:
  norouter reload

What changed is printed: "+" for a host that is new, "-" for one that is gone, "~" for
what is different. With a mistake in the manifest nothing changes; it is printed with
its line and column, and the exit status is 1.

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
${GENERAL}
`,
  down: `End a mesh that runs, as Ctrl-C would, and wait until it has ended.

Usage:
  norouter down

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
${GENERAL}
`,
  host: `Add, remove or restart a host of a mesh that runs.

Usage:
  norouter host add NAME YAML
  norouter host remove NAME
  norouter host restart NAME

YAML is what stands behind the name in a manifest:
  norouter host add web 'docker: web, ports: ["8080:127.0.0.1:80"]'

A host that was added stays until it is removed or the mesh ends, also when the manifest
is read again, unless it does not go with that any more. A host of the manifest that was
removed comes back when the manifest is read again.

${WHICH}

Options:
  --mesh NAME          which mesh, if several run
${GENERAL}
`,
  proxy: `Add, remove or list rules of a mesh that runs; or start a mesh of rules only.

Usage:
  norouter proxy add ingress|egress RULE [--host HOST] [--save]
  norouter proxy remove ingress|egress RULE [--host HOST]
  norouter proxy list [ingress|egress] [--host HOST]
  norouter proxy --egress RULE --ingress RULE --to YAML

A RULE is PROTOCOL:PORT:DESTINATION:PORT, where the protocol is tcp. An address to
listen on may stand in front of the first port; IPv6 addresses stand in brackets.
  ingress   clients of the mesh reach a destination as the host sees it
            tcp:443:127.0.0.1:8080
  egress    programs on the host reach a host of the mesh, a VIP, or what is behind a
            route, through 127.0.0.1
            tcp:5432:db:5432, tcp:0.0.0.0:5432:db:5432
Several egress rules of one port take turns.

A rule that was added stays until it is removed or the mesh ends, also when the manifest
is read again, unless it does not go with that any more. --save writes it into the
manifest instead, whose comments stay. A rule of the manifest is not removed here.

With --to, a mesh of this machine and of that host runs until Ctrl-C, without a
manifest. YAML is what stands behind a host's name there; the host is named after its
target, and publishes the ports to which the rules lead:
  norouter proxy --egress tcp:5432:db:5432 --to 'ssh: me@db'
What other destinations name is reached through the host, if there is only one.

${WHICH}

Options:
  --host HOST          whose rule; by default this machine's
  --save               write the rule into the manifest
  --mesh NAME          which mesh, if several run
  --format FORMAT      of the list: "table" (default) or "json", on standard output
  --json               the same as --format json
  --to YAML            a host to reach, like 'ssh: me@host'; repeatable
  --ingress RULE       publish a port of this machine; repeatable
  --egress RULE        lead a port of this machine into the mesh; repeatable
  --allow-plugin URL   and --state FILE, --watch, --control, --name NAME: as those of
                       "norouter up"
${GENERAL}
`,
  "show-example": `Print a manifest to begin with.

Usage:
  norouter show-example > mesh.yaml
  norouter show-ex > mesh.yaml

${OPTIONS}
`,
  schema: `Print the JSON schema (draft-07) of manifests, for editors.

Usage:
  norouter schema > norouter.schema.json

An editor with yaml-language-server then completes fields, explains them, and marks
mistakes in each manifest beside that file which begins with this line:

  # yaml-language-server: $schema=norouter.schema.json

${OPTIONS}
`,
  "show-installer":
    `Print a script for sh that installs norouter on the machine it runs on.

Usage:
  norouter show-installer | sh
  norouter show-installer | ssh HOST sh
  norouter show-installer | docker exec -i NAME sh

It downloads the executable of the same version for the system and the architecture
there, compares its SHA-256 sum with that of the release, and puts it into ~/.local/bin.
It needs curl or wget, and sha256sum, shasum or openssl. From its environment it takes:

  NOROUTER_INSTALL_DIR   another folder
  NOROUTER_VERSION       another version
  NOROUTER_BASE_URL      another folder of executables with their SHA256SUMS
  NOROUTER_TIMEOUT       seconds that a download may take (600)

${OPTIONS}
`,
  agent: `What a manager runs on each host. Not for people.

Usage:
  norouter agent --automated [--attach ID]

It speaks frames on standard input and output and ends when its input ends. If its
manager wants so, it outlives that for a while; a second one then goes back to it, lends
its input and output, and waits.

Options:
  --automated          run; without it, this is only explained
  --attach ID          go back to the agent of this name; begin anew if there is none
${GENERAL}
`,
  complete: `Print a script that completes commands, options and manifests.

Usage:
  norouter complete SHELL      SHELL is zsh, bash, fish or powershell

For example, in bash or zsh:
  source <(norouter complete bash)
  source <(norouter complete zsh)

${OPTIONS}
`,
};

/** The help of a command, or of the program. */
export function helpOf(command: string): string {
  return TEXTS[command] ?? TEXTS.norouter!;
}
