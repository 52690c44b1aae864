/**
 * User name and password of a proxy, compared in a time that tells nothing of them.
 *
 * @module
 */

/** User name and password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Whether a client's credentials are right. The time of the answer depends only on the
 * lengths.
 */
export async function isRight(said: Credentials, wanted: Credentials): Promise<boolean> {
  const [a, b] = await Promise.all([digestOf(said), digestOf(wanted)]);
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a[at]! ^ b[at]!;
  return difference === 0;
}

/** Reads `Basic` credentials (RFC 7617), in UTF-8; undefined where they are none. */
export function parseBasic(header: string | undefined): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      Uint8Array.fromBase64(encoded),
    );
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

async function digestOf({ username, password }: Credentials): Promise<Uint8Array> {
  const bytes = new TextEncoder().encode(JSON.stringify([username, password]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
