/**
 * An agent that takes nothing from its link does not hold up the others.
 *
 * @module
 */
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e("an agent that stalls does not stall its peers", async (scene) => {
  const ports = ["9000:127.0.0.1:9000", "9001:127.0.0.1:9001"];
  const mesh = await scene.mesh({ local: {}, web: { ports }, db: { ports } });
  const { local, web, db } = mesh.hosts;
  await scene.server(web.namespace, "sink", 9000);
  await scene.server(db.namespace, "echo", 9001);
  const pushing = [
    scene.client(local.namespace, "push", web.vip, 9000),
    scene.client(db.namespace, "push", web.vip, 9000),
  ];
  for (const client of pushing) {
    await client.report("pushed", ({ bytes }) => Number(bytes) > 2 ** 24);
  }
  const heart = scene.client(local.namespace, "beat", db.vip, 9001);
  await heart.report("beat");

  const stalled = mesh.agent("web");
  kill(stalled, "SIGSTOP");
  const before = heart.reports.length;
  // Less than the 15 s after which the stalled one is taken for dead.
  await heart.report("beat", ({ beats }) => Number(beats) >= before + 100, {
    limitMs: 12_000,
  });
  kill(stalled, "SIGCONT");
  const { mark } = pushing[0]!;
  await pushing[0]!.line(/pushed/, { after: mark });
});
