import { assertCommands, assertMistakes, typedConformance } from "./_typed.ts";
import { podman } from "./podman.ts";

typedConformance(podman, { container: "api" });

Deno.test("a Podman container is reached by the command its options ask for", () => {
  assertCommands(podman, [
    ["api", "podman exec -i api norouter"],
    [
      {
        container: "api",
        connection: "vm-root",
        user: 0,
        workdir: "/",
        env: { A: null },
      },
      "podman --connection=vm-root exec -i --user=0 --workdir=/ --env=A api norouter",
    ],
    [
      { container: "api", program: ["sudo", "podman"], agent: "/opt/norouter" },
      "sudo podman exec -i api /opt/norouter",
    ],
  ]);
});

Deno.test("options of a Podman container that are wrong are told, with what to write", () => {
  assertMistakes(podman, [
    [{}, [[], /"container" is missing, like podman: api/]],
    [
      { container: "api", conection: "vm" },
      [["conection"], /did you mean "connection"\?/, "key"],
    ],
    [
      { container: "api", context: "vm" },
      [["context"], /wanted "connection", see "podman system connection list"/, "key"],
    ],
    [
      { container: "api", rootful: true },
      [["rootful"], /or program: "sudo podman"/, "key"],
    ],
    [{ container: "-a" }, [["container"], /begins with "-"/]],
  ]);
});
