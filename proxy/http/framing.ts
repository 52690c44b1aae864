/**
 * Where a body ends (RFC 9112, 6.3).
 *
 * @module
 */

/** How the end of a body is told. */
export type Framing =
  | { readonly kind: "none" }
  /** After so many bytes. */
  | { readonly kind: "sized"; readonly length: number }
  /** After the chunk of length 0 and the trailer fields. */
  | { readonly kind: "chunked" }
  /** With its connection; only an answer's. */
  | { readonly kind: "closing" };
