/**
 * What makes a mesh of the program a live one: its manifest is watched, and commands find
 * its control socket.
 *
 * Both begin when the mesh is under way, and are loaded then, so that no start waits.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Control } from "../control/control.ts";
import type { Controlled } from "../control/controlled.ts";
import type { Mesh } from "../manager/contract.ts";
import type { Live, LiveMesh } from "../manager/reload/live.ts";
import type { Watch } from "../manager/reload/watch.ts";
import { messageOf } from "../wire/text.ts";
import type { Log } from "./console/log.ts";
import type { Loaded } from "./manifest.ts";
import type { GlobalOptions } from "./options.ts";

/** A mesh, and whom to tell. */
export interface LiveParts {
  readonly mesh: Mesh;
  /** The manifest's file. */
  readonly file: string;
  /** What was loaded from there. */
  readonly loaded: Loaded;
  readonly log: Log;
  readonly options: GlobalOptions;
  /** Asks the mesh to end. */
  readonly down: () => void;
}

/** The live part of a mesh. */
export class LiveParty {
  readonly #parts: LiveParts;
  readonly #live: Promise<Live>;
  #watch: Watch | undefined;
  #control: Control | undefined;
  #isOver = false;

  /** Begins at once; what it needs is loaded meanwhile. */
  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#live = this.#begin();
    this.#live.catch((error) => this.#warn("live", messageOf(error)));
  }

  /** Reads the manifest again; what comes of it the mesh tells. */
  async reload(): Promise<void> {
    const live = await this.#live;
    await live.reload().catch(() => {});
  }

  /** Begins nothing more, and looks at the manifest no more: the mesh is about to end. */
  rest(): void {
    this.#isOver = true;
    this.#watch?.[Symbol.dispose]();
  }

  /** Ends all of it, behind the mesh, whose last events are told. */
  async close(): Promise<void> {
    this.rest();
    await this.#control?.close();
  }

  async #begin(): Promise<Live> {
    const { mesh, file, loaded, options } = this.#parts;
    const { bytes, isRegular, files, origin } = loaded;
    const { Live } = await import("../manager/reload/live.ts");
    const { allowPlugin } = options;
    const live = new Live(mesh as Mesh & LiveMesh, {
      path: file,
      bytes,
      files,
      origin,
      ...(allowPlugin && { allowPlugins: allowPlugin }),
    });
    if (options.control !== "off") await this.#open(live);
    if (options.watch === "off") return live;
    // Not what is there by now: an editor may just be writing.
    if (isRegular && !isDescriptor(file)) await this.#follow(live);
    else if (file !== "-") this.#tellUnwatched();
    return live;
  }

  async #open(live: Live): Promise<void> {
    const { mesh, down, options, log } = this.#parts;
    const { HAS_CONTROL, openControl } = await import("../control/control.ts");
    if (!HAS_CONTROL) return;
    const { VERSION } = await import("./version.ts");
    if (this.#isOver) return;
    try {
      const running = mesh as Mesh & Controlled["mesh"];
      const controlled = { mesh: running, live, version: VERSION, down };
      const { name } = this.#control = openControl(controlled, options.name);
      const { controlName } = await import("../control/mesh_name.ts");
      const wanted = controlName(live.path, options.name);
      const why = name !== wanted ? `, since another mesh is "${wanted}"` : "";
      log.event({
        level: "debug",
        type: "control",
        message: `Commands find this mesh by --mesh ${name}${why}`,
      }, { name, socket: this.#control.socket });
    } catch (error) {
      const message = `There is no control socket, so that no command finds this mesh: `;
      this.#warn("control", message + messageOf(error));
    }
  }

  async #follow(live: Live): Promise<void> {
    const { Watch } = await import("../manager/reload/watch.ts");
    if (this.#isOver) return;
    this.#watch = new Watch({
      files: () => [live.path, ...live.files.map((url) => fileURLToPath(url))],
      look: () => live.look(),
    });
  }

  #tellUnwatched(): void {
    const { file, log } = this.#parts;
    // Who writes `<(…)` in a shell expects nothing else.
    const level = isDescriptor(file) ? "debug" : "info";
    const message = `The manifest is not watched: ${file} was no regular file when it ` +
      'was read; once it is one, SIGHUP or "norouter reload" has it read';
    log.event({ level, type: "watch", message });
  }

  #warn(type: string, message: string): void {
    this.#parts.log.event({ level: "warn", type, message });
  }
}

/** Whether the path is another name of a descriptor, such as `/dev/stdin`. */
function isDescriptor(file: string): boolean {
  return /^\/(dev\/(stdin$|fd\/)|proc\/)/.test(file);
}
