/**
 * Writes `schema.json`, the manifest's JSON schema, which is published with the package.
 *
 * @module
 */
import { schemaText } from "../cli/schema/manifest_schema.ts";

await Deno.writeTextFile(new URL("../schema.json", import.meta.url), schemaText());
