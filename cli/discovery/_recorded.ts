/**
 * Output of the real programs, fit to publish: ids are shortened to their form and labels
 * left out.
 *
 * @module
 */

/** Docker 20.10.24: `ps --all --no-trunc`, then `inspect`. */
export const DOCKER_20 = {
  ps:
    `{"Command":"\\"/bin/busybox true\\"","CreatedAt":"2026-11-21 07:45:00 +0000 UTC","ID":"45780c3aca188237042b1267b3a62362ded4f9326bc60c7a7987a56c731d6003","Image":"web:1.27","Labels":"","LocalVolumes":"0","Mounts":"","Names":"stopped_one","Networks":"bridge","Ports":"","RunningFor":"17 minutes ago","Size":"0B (virtual 1.98MB)","State":"created","Status":"Created"}
{"Command":"\\"/bin/busybox sleep 1000\\"","CreatedAt":"2026-11-21 07:45:00 +0000 UTC","ID":"3b72e76ef141594afd5bcb3ff0730e4a58fe9203f3e0f02403fc969dfb07cdcd","Image":"web:1.27","Labels":"","LocalVolumes":"0","Mounts":"","Names":"hosty","Networks":"host","Ports":"","RunningFor":"Less than a second ago","Size":"0B (virtual 1.98MB)","State":"running","Status":"Up Less than a second"}
{"Command":"\\"/bin/busybox sleep 1000\\"","CreatedAt":"2026-11-21 07:45:00 +0000 UTC","ID":"214a92d87f7e9c0bb385018c27180e75c83dc7548996ebaf205968d307fdeee2","Image":"web:1.27","Labels":"","LocalVolumes":"0","Mounts":"","Names":"web","Networks":"none","Ports":"","RunningFor":"Less than a second ago","Size":"0B (virtual 1.98MB)","State":"running","Status":"Up Less than a second"}
`,
  inspect:
    `{"id":"45780c3aca188237042b1267b3a62362ded4f9326bc60c7a7987a56c731d6003","ports":{"53/udp":{},"80/tcp":{},"8000/tcp":{}},"network":"default"}
{"id":"3b72e76ef141594afd5bcb3ff0730e4a58fe9203f3e0f02403fc969dfb07cdcd","ports":null,"network":"host"}
{"id":"214a92d87f7e9c0bb385018c27180e75c83dc7548996ebaf205968d307fdeee2","ports":{"53/udp":{},"80/tcp":{},"8000/tcp":{}},"network":"none"}
`,
};

/** Docker 28's client adds "Platform"; published ports of the form since Docker 27. */
export const DOCKER_28 = {
  ps:
    `{"Command":"\\"/docker-entrypoint.…\\"","CreatedAt":"2026-11-21 07:45:00 +0000 UTC","ID":"45780c3aca188237042b1267b3a62362ded4f9326bc60c7a7987a56c731d6003","Image":"nginx:1.27","Labels":"","LocalVolumes":"0","Mounts":"","Names":"front,db/front","Networks":"bridge","Platform":null,"Ports":"0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp","RunningFor":"17 minutes ago","Size":"0B","State":"running","Status":"Up 17 minutes (healthy)"}
`,
  inspect:
    `{"id":"45780c3aca188237042b1267b3a62362ded4f9326bc60c7a7987a56c731d6003","ports":{"443/tcp":{},"80/tcp":{}},"network":"bridge"}
`,
};

/** Podman 4.3.1: `ps --format json`, then the part of `inspect` that is looked at. */
export const PODMAN_4 = {
  ps:
    `[{"AutoRemove":false,"Command":["/bin/busybox","sleep","100"],"CreatedAt":"17 minutes ago","Exited":false,"ExitedAt":-62135596800,"ExitCode":0,"Id":"7f0cd1abe00329c86031e8f2298cdaeaa30fe4a69b11b7cd4469a672eb5cf46b","Image":"localhost/web:1.27","ImageID":"77965c99ff8778bd62b97755b3fdc39898896931b1916ccf4436448a0140d0e3","IsInfra":false,"Labels":null,"Mounts":[],"Names":["api"],"Namespaces":{},"Networks":[],"Pid":0,"Pod":"","PodName":"","Ports":null,"Size":null,"StartedAt":-62135596800,"State":"running","Status":"Up","Created":1795247100},
{"AutoRemove":false,"Command":["/bin/busybox","sleep","100"],"CreatedAt":"17 minutes ago","Exited":false,"ExitedAt":-62135596800,"ExitCode":0,"Id":"9ecc138780f0a130c7d7f37533356cca32fbfef57cf730e952c582818c873d12","Image":"localhost/web:1.27","ImageID":"77965c99ff8778bd62b97755b3fdc39898896931b1916ccf4436448a0140d0e3","IsInfra":false,"Labels":null,"Mounts":[],"Names":["api2"],"Namespaces":{},"Networks":["podman"],"Pid":0,"Pod":"","PodName":"","Ports":[{"host_ip":"","container_port":80,"host_port":8080,"range":3,"protocol":"tcp"},{"host_ip":"","container_port":53,"host_port":53,"range":1,"protocol":"udp"}],"Size":null,"StartedAt":-62135596800,"State":"created","Status":"Created","Created":1795247100},
{"AutoRemove":false,"Command":null,"CreatedAt":"17 minutes ago","Exited":false,"ExitedAt":-62135596800,"ExitCode":0,"Id":"1111111111111111111111111111111111111111111111111111111111111111","Image":"localhost/podman-pause:4.3.1-0","ImageID":"","IsInfra":true,"Labels":null,"Mounts":[],"Names":["p1-infra"],"Namespaces":{},"Networks":[],"Pid":0,"Pod":"x","PodName":"p1","Ports":null,"Size":null,"StartedAt":-62135596800,"State":"running","Status":"Up","Created":1795247100}]
`,
  inspect:
    `[{"Id":"7f0cd1abe00329c86031e8f2298cdaeaa30fe4a69b11b7cd4469a672eb5cf46b","Name":"api","ImageName":"localhost/web:1.27","Config":{"Image":"localhost/web:1.27","ExposedPorts":null,"Hostname":"vm"},"HostConfig":{"NetworkMode":"host","PortBindings":{}},"NetworkSettings":{"Ports":{}},"IsInfra":false},
{"Id":"9ecc138780f0a130c7d7f37533356cca32fbfef57cf730e952c582818c873d12","Name":"api2","ImageName":"localhost/web:1.27","Config":{"Image":"localhost/web:1.27","ExposedPorts":null,"Hostname":"9ecc138780f0"},"HostConfig":{"NetworkMode":"bridge","PortBindings":{}},"NetworkSettings":{"Ports":{"53/udp":[{"HostIp":"","HostPort":"53"}],"80/tcp":[{"HostIp":"","HostPort":"8080"}]}},"IsInfra":false}]
`,
};

/** The form of Podman 5, with ports of an image. */
export const PODMAN_5 = {
  ps:
    `[{"AutoRemove":false,"Command":["nginx"],"CreatedAt":"2 hours ago","CIDFile":"","Exited":false,"ExitedAt":-62135596800,"ExitCode":0,"ExposedPorts":{"80":["tcp"],"5353":["udp"]},"Id":"7f0cd1abe00329c86031e8f2298cdaeaa30fe4a69b11b7cd4469a672eb5cf46b","Image":"docker.io/library/nginx:latest","ImageID":"77965c99ff8778bd62b97755b3fdc39898896931b1916ccf4436448a0140d0e3","IsInfra":false,"Labels":{"maintainer":"me"},"Mounts":[],"Names":["front"],"Namespaces":{},"Networks":["podman"],"Pid":4242,"Pod":"","PodName":"","Ports":null,"Restarts":0,"Size":null,"StartedAt":1795247100,"State":"running","Status":"Up 2 hours","Created":1795247100}]
`,
};

/** kubectl 1.32: `config view --output=json`. */
export const KUBECTL_CONFIG = `{
    "kind": "Config",
    "apiVersion": "v1",
    "preferences": {},
    "clusters": [
        {"name": "east", "cluster": {"server": "https://10.0.0.1:6443", "certificate-authority-data": "DATA+OMITTED"}}
    ],
    "users": [{"name": "me", "user": {"client-key-data": "DATA+OMITTED"}}],
    "contexts": [
        {"name": "arn:aws:eks:eu-west-1:1234:cluster/shop", "context": {"cluster": "east", "user": "me", "namespace": "shop"}},
        {"name": "gke", "context": {"cluster": "east", "user": "me"}}
    ],
    "current-context": "gke"
}
`;

/** kubectl 1.32 without a configuration. */
export const KUBECTL_NO_CONFIG = `{
    "kind": "Config",
    "apiVersion": "v1",
    "preferences": {},
    "clusters": null,
    "users": null,
    "contexts": null,
    "current-context": ""
}
`;

/** The form of `kubectl get pods --output=json`: of a deployment, a set, and by hand. */
export const KUBECTL_PODS = `{
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "creationTimestamp": "2026-11-21T07:45:00Z",
                "generateName": "web-6d4b75cb6d-",
                "labels": {"app": "web", "pod-template-hash": "6d4b75cb6d"},
                "annotations": {"kubectl.kubernetes.io/default-container": "app"},
                "name": "web-6d4b75cb6d-hsf2x",
                "namespace": "default",
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "blockOwnerDeletion": true, "controller": true, "kind": "ReplicaSet", "name": "web-6d4b75cb6d", "uid": "1"}
                ]
            },
            "spec": {
                "containers": [
                    {"name": "proxy", "image": "envoy:1", "ports": [{"containerPort": 15000, "protocol": "TCP"}]},
                    {"name": "app", "image": "nginx:1.27", "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]}
                ],
                "nodeName": "n1"
            },
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.1.0.4"}
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "db-0", "namespace": "default", "ownerReferences": [{"kind": "StatefulSet", "name": "db"}]},
            "spec": {"containers": [{"name": "db", "image": "postgres:17"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "job-x", "namespace": "default"},
            "spec": {"containers": [{"name": "job", "image": "busybox"}]},
            "status": {"phase": "Succeeded"}
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "going", "namespace": "default", "deletionTimestamp": "2026-11-21T08:00:00Z"},
            "spec": {"containers": [{"name": "x", "image": "busybox"}]},
            "status": {"phase": "Running"}
        }
    ],
    "kind": "List",
    "metadata": {"resourceVersion": ""}
}
`;

/** The form of `lxc list --format json` of LXD 5, and of Incus. */
export const LXC_LIST =
  `[{"architecture":"x86_64","config":{"image.description":"Debian bookworm amd64 (20261120)","image.os":"Debian"},"devices":{},"ephemeral":false,"profiles":["default"],"stateful":false,"description":"","created_at":"2026-11-21T07:45:00Z","expanded_config":{},"expanded_devices":{"eth0":{"name":"eth0","network":"lxdbr0","type":"nic"},"www":{"connect":"tcp:127.0.0.1:80","listen":"tcp:0.0.0.0:8080","type":"proxy"},"out":{"bind":"instance","connect":"tcp:127.0.0.1:22","listen":"tcp:127.0.0.1:2222","type":"proxy"}},"name":"box","status":"Running","status_code":103,"last_used_at":"2026-11-21T07:45:00Z","location":"none","type":"container","project":"default","backups":null,"state":{"status":"Running"},"snapshots":null},
{"architecture":"x86_64","config":{},"devices":{},"expanded_devices":{"eth0":{"type":"nic"}},"name":"vm","status":"Stopped","status_code":102,"type":"virtual-machine","project":"lab","state":null}]
`;
