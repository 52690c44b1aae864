/**
 * The line by which editors find the schema of a manifest.
 *
 * It names a file beside the manifest: that is there without a network, and of the version
 * that wrote it.
 *
 * @module
 */

/** The first lines of manifests that are written for the user. */
export const MODELINE = `# yaml-language-server: $schema=norouter.schema.json
# (For editors; "norouter schema > norouter.schema.json" writes that file.)
#
`;
