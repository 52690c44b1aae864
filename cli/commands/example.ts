/**
 * The manifest to begin with, which `norouter check` accepts.
 *
 * @module
 */

import { MODELINE } from "../schema/modeline.ts";

/** The text that `norouter show-example` prints. */
export const EXAMPLE =
  `${MODELINE}# A mesh of this machine and the hosts you can reach with a command.
#
#   norouter mesh.yaml         start it
#   norouter check mesh.yaml   look for mistakes
#   norouter discover          what could be joined from here
#
# Nothing has to be installed on the hosts but those with "cmd": the agent is sent there.
hosts:
  # This machine: the one host that nothing leads to. All hosts publish ports on an
  # address of their own in 127.0.0.0/8, which is the same on every host of the mesh.
  local:
    vip: "127.0.42.100"
    # ports: what a host publishes, LISTEN:HOST:PORT. Here: whoever connects to
    # 127.0.42.100:3000, on any host, reaches port 3000 of this machine.
    ports: ["3000:127.0.0.1:3000"]

  # A Docker container.
  docker:
    docker: some-container
    vip: "127.0.42.101"
    ports: ["8080:127.0.0.1:80"]

  # A Podman container, as a certain user.
  podman:
    podman: { container: some-container, user: app }
    vip: "127.0.42.102"
    # HOST may be anything that the container can reach.
    ports: ["8080:127.0.0.1:80", "5432:database.example.com:5432"]

  # A Kubernetes pod.
  kubernetes:
    kubectl: { pod: some-pod, namespace: default, context: some-context }
    vip: "127.0.42.103"
    ports: ["8080:127.0.0.1:80"]

  # A machine instance of LXD or Incus.
  lxd:
    lxc: some-container
    # Without a vip, a host gets a free one; "norouter" prints it when it starts.
    ports: ["8080:127.0.0.1:80"]

  # A machine behind SSH; your ssh configuration applies.
  ssh:
    ssh: some-user@some-host.example.com
    vip: "127.0.42.105"
    ports: ["8080:127.0.0.1:80"]
    # How long it may take until the host answers (default 20s).
    connectTimeout: 45s

  # Any other command with a standard input and output, which runs an agent that is
  # there. A command may also be a list of words.
  other:
    cmd: "nsenter -t 4242 -a norouter"
    ports: ["8080:127.0.0.1:80"]
`;
