// The manifest to begin with, which `norouter check` accepts.

/** What `norouter show-example` prints. */
export const EXAMPLE =
  `# A mesh of this machine and the hosts you can reach with a command.
#
#   norouter mesh.yaml         start it
#   norouter check mesh.yaml   look for mistakes
#
# On every host but this machine, "norouter" has to be installed.
hosts:
  # This machine: the one host without a command. All hosts publish ports on an
  # address of their own in 127.0.0.0/8, which is the same on every host of the mesh.
  local:
    vip: "127.0.42.100"
    # ports: what a host publishes, LISTEN:HOST:PORT. Here: whoever connects to
    # 127.0.42.100:3000, on any host, reaches port 3000 of this machine.
    ports: ["3000:127.0.0.1:3000"]

  # A Docker container. "-i" keeps its standard input open; do not add "-t".
  docker:
    cmd: "docker exec -i some-container norouter"
    vip: "127.0.42.101"
    ports: ["8080:127.0.0.1:80"]

  # A Podman container. A command may also be a list of words.
  podman:
    cmd: ["podman", "exec", "-i", "some-container", "norouter"]
    vip: "127.0.42.102"
    # HOST may be anything that the container can reach.
    ports: ["8080:127.0.0.1:80", "5432:database.example.com:5432"]

  # A Kubernetes pod.
  kubernetes:
    cmd: "kubectl --context=some-context exec -i some-pod -- norouter"
    vip: "127.0.42.103"
    ports: ["8080:127.0.0.1:80"]

  # A machine instance of LXD or Incus.
  lxd:
    cmd: "lxc exec some-container -- norouter"
    # Without a vip, a host gets a free one; "norouter" prints it when it starts.
    ports: ["8080:127.0.0.1:80"]

  # A machine behind SSH. A key with a passphrase needs an ssh-agent.
  ssh:
    cmd: "ssh some-user@some-host.example.com -- norouter"
    vip: "127.0.42.105"
    ports: ["8080:127.0.0.1:80"]
    # How long it may take until the host answers (default 20s).
    connectTimeout: 45s
`;
