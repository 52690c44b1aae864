/**
 * Requests for tests with random input, right and odd, and pieces to put into them.
 *
 * @module
 */

/** Requests that mutations begin with; `A` stands for the origin. */
export const CORPUS: readonly string[] = [
  "GET http://A/ HTTP/1.1\r\nHost: A\r\n\r\n",
  "GET http://A/a?b=c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  "POST http://A/ HTTP/1.1\r\nHost: A\r\nContent-Length: 11\r\n\r\nhello=world",
  "PUT http://A/x HTTP/1.1\r\nHost: A\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
  "POST http://A/ HTTP/1.1\r\nHost: A\r\nContent-Length: 4\r\n" +
  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "POST http://A/ HTTP/1.1\r\nHost: A\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
  "HEAD http://A/ HTTP/1.1\r\nHost: A\r\nTE: trailers\r\nVia: 1.1 x\r\n\r\n",
  "OPTIONS http://A HTTP/1.1\r\nHost: A\r\nConnection: close, X\r\nX: 1\r\n\r\n",
  "DELETE http://A/d HTTP/1.1\r\nHost: other\r\nCookie: a=b\r\n\r\n" +
  "GET http://A/second HTTP/1.1\r\nHost: A\r\n\r\n",
  "POST http://A/ HTTP/1.1\r\nHost: A\r\nContent-Length: 44\r\n\r\n" +
  "GET http://A/hidden HTTP/1.1\r\nHost: evil\r\n\r\n",
  "GET http://A/ HTTP/1.1\r\nHost: A\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly",
  "GET http://A/ HTTP/1.1\r\nHost: A\r\nX: a\r\n folded\r\n\r\n",
];
/** Pieces that mutations put in. */
export const TOKENS: readonly string[] = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\r\n\r\n",
  "0\r\n\r\n",
  "\xff",
  "Content-Length: 0\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: content-length\r\n",
  "chunked",
  "identity, ",
  "Host: evil\r\n",
  "+",
  "-",
  "0x",
  "f",
  "GET http://A/ HTTP/1.1\r\nHost: A\r\n\r\n",
];
