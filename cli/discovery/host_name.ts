/**
 * Host names for candidates, whose own names may have any form.
 *
 *   web_1                  web_1
 *   db.example.com         db-example-com    a name that exists would lead into the mesh
 *   10.0.0.5               10-0-0-5          an address is no name
 *   My Büro!               my-b-ro
 *   -, …                   host
 *   local, web (again)     local-2, web-2
 *
 * host_name_test.ts has the same table.
 *
 * @module
 */

/** The longest label (RFC 1123, section 2.1). */
const MOST = 63;
/** Names that mean something else wherever they are looked up. */
const RESERVED = ["localhost", "localhost4", "localhost6", "broadcasthost"];

/** Makes and takes a valid name that is free. */
export function takeHostName(base: string, taken: Set<string>): string {
  const plain = base.toLowerCase().replace(/[^a-z0-9_]+/g, "-");
  const name = trimmed(plain.slice(0, MOST)) || "host";
  let free = name;
  for (let count = 2; taken.has(free) || RESERVED.includes(free); count++) {
    const suffix = `-${count}`;
    free = trimmed(name.slice(0, MOST - suffix.length)) + suffix;
  }
  taken.add(free);
  return free;
}

function trimmed(name: string): string {
  return name.replace(/^-+|-+$/g, "");
}
