/**
 * All suites, in their order.
 *
 * @module
 */
import type { Suite } from "./suite.ts";
import { docker } from "./suites/docker.ts";
import { load } from "./suites/load.ts";
import { local } from "./suites/local.ts";
import { many } from "./suites/many.ts";
import { ready } from "./suites/ready.ts";
import { slow } from "./suites/slow.ts";

export const SUITES: readonly Suite[] = [local, ready, many, load, docker, slow];
