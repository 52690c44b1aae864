/**
 * What no client can be told is in the log: of the manager's own proxy, and of an
 * agent's.
 *
 * @module
 */
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";
import { curlOutcome, PROXIES, WAYS } from "../harness/web/ways.ts";

/** A server whose answer breaks off in the middle. */
const BROKEN = `
import socket
listener = socket.create_server(("127.0.0.1", 80))
print("listening", flush=True)
while True:
    peer, _ = listener.accept()
    peer.recv(65536)
    peer.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nhello\\r\\nzz\\r\\n")
    peer.close()
`;

e2e(
  "the log tells of an answer that broke off, and of a client of HTTP at the SOCKS port",
  async (scene) => {
    const mesh = await scene.mesh({
      laptop: { ...PROXIES },
      web: { ...PROXIES, ports: ["8080:127.0.0.1:80"] },
    });
    const { laptop, web } = mesh.hosts;
    const server = scene.start("server", ["python3", "-c", BROKEN], {
      namespace: web.namespace,
    });
    await server.line(/listening/);
    for (const { name, namespace } of [laptop, web]) {
      const { exit } = await curlOutcome(
        namespace,
        ...WAYS["HTTP proxy"],
        "http://web:8080/",
      );
      assert.equal(exit, 56, `${name}: a failure to receive`);
      await mesh.manager.line(
        new RegExp(`${name}.*had to break off an answer of web:8080: "zz" is no size`),
      );
      const there = `http://${PROXIES.socks.listen}/`;
      const { status, body } = await curlOutcome(namespace, "--http1.1", there);
      assert.equal(status, 400);
      assert.match(body, /^This is a SOCKS proxy/);
      await mesh.manager.line(
        new RegExp(`${name}.*A client of the SOCKS proxy speaks HTTP`),
      );
    }
  },
  { needs: ["curl", "python3"] },
);
