/**
 * Odd ways to write a message, for tests: as an answer of a server each of them comes
 * through where curl takes that, as a request of a client most of them are refused.
 *
 * @module
 */

/** An odd message. Text is latin1. */
export interface Oddity {
  readonly what: string;
  /** The status line, if not `HTTP/1.1 200 OK` with CR and LF. */
  readonly start?: string;
  /** Everything behind the start line. */
  readonly rest: string;
  /** The body that an answer has. */
  readonly body?: string;
  /** Why an answer is refused; the others come through. */
  readonly refused?: RegExp;
  /** The body of an answer that breaks off in the middle has no right end. */
  readonly breaks?: true;
  /** A request with this is no danger, and goes on. */
  readonly passes?: true;
  /** Not for requests. */
  readonly answerOnly?: true;
}

const CHUNKED = "Transfer-Encoding: chunked\r\n";
const HELLO = "5\r\nhello\r\n0\r\n\r\n";
const OK = "Content-Length: 5\r\n\r\nhello";

/** All of them. */
export const ODDITIES: readonly Oddity[] = [
  // ---- where the body ends ----
  { what: "the same length twice", rest: `Content-Length: 5\r\n${OK}` },
  { what: "a list of equal lengths", rest: "Content-Length: 5, 5\r\n\r\nhello" },
  { what: "equal lengths, one with zeros", rest: `Content-Length: 005\r\n${OK}` },
  {
    what: "different lengths",
    rest: `Content-Length: 4\r\n${OK}`,
    refused: /two values of Content-Length, 4 and 5/,
  },
  {
    what: "a list of different lengths",
    rest: "Content-Length: 4, 5\r\n\r\nhello",
    refused: /two values of Content-Length, 4 and 5/,
  },
  { what: "a length before chunks", rest: `Content-Length: 3\r\n${CHUNKED}\r\n${HELLO}` },
  { what: "a length behind chunks", rest: `${CHUNKED}Content-Length: 3\r\n\r\n${HELLO}` },
  { what: "chunked twice", rest: `${CHUNKED}${CHUNKED}\r\n${HELLO}` },
  {
    what: "chunked twice in a list",
    rest: `Transfer-Encoding: chunked, chunked\r\n\r\n${HELLO}`,
  },
  { what: "CHUNKED", rest: `Transfer-Encoding: CHUNKED\r\n\r\n${HELLO}`, passes: true },
  { what: "identity", rest: `Transfer-Encoding: identity\r\n${OK}` },
  {
    what: "gzip under chunks",
    rest: `Transfer-Encoding: gzip, chunked\r\n\r\n${HELLO}`,
    refused: /Transfer-Encoding: gzip is not known/,
  },
  {
    what: "a length of letters",
    rest: "Content-Length: five\r\n\r\nhello",
    refused: /"five" is no Content-Length/,
  },
  {
    what: "a negative length",
    rest: "Content-Length: -5\r\n\r\nhello",
    refused: /"-5" is no Content-Length/,
  },
  {
    what: "a length beyond 2^53",
    rest: "Content-Length: 99999999999999999\r\n\r\nhello",
    refused: /is no Content-Length/,
  },
  {
    what: "a length with zeros",
    rest: "Content-Length: 00005\r\n\r\nhello",
    passes: true,
  },
  {
    what: "blanks around a length",
    rest: "Content-Length:   5  \r\n\r\nhello",
    passes: true,
  },
  // ---- chunks ----
  { what: "a blank behind a size", rest: `${CHUNKED}\r\n5 \r\nhello\r\n0 \r\n\r\n` },
  { what: "blanks behind a size", rest: `${CHUNKED}\r\n5   \t\r\nhello\r\n0\r\n\r\n` },
  {
    what: "sizes with zeros",
    rest: `${CHUNKED}\r\n00005\r\nhello\r\n000\r\n\r\n`,
    passes: true,
  },
  {
    what: "extensions of chunks",
    rest: `${CHUNKED}\r\n5;a=b;c="d;e"\r\nhello\r\n0;x\r\n\r\n`,
    passes: true,
  },
  {
    what: "a blank before an extension",
    rest: `${CHUNKED}\r\n5 ;a=b\r\nhello\r\n0\r\n\r\n`,
  },
  { what: "chunks whose lines end in LF", rest: `${CHUNKED}\r\n5\nhello\n0\n\n` },
  {
    what: "trailer fields",
    rest: `${CHUNKED}\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n`,
    passes: true,
  },
  {
    what: "a trailer field with a blank before its colon",
    rest: `${CHUNKED}\r\n5\r\nhello\r\n0\r\nX-Sum : 1\r\n\r\n`,
  },
  {
    what: "a chunk longer than its size",
    rest: `${CHUNKED}\r\n4\r\nhello\r\n0\r\n\r\n`,
    breaks: true,
  },
  {
    what: "a size that is none",
    rest: `${CHUNKED}\r\nzz\r\nhello\r\n0\r\n\r\n`,
    breaks: true,
  },
  {
    what: "a negative size",
    rest: `${CHUNKED}\r\n-5\r\nhello\r\n0\r\n\r\n`,
    breaks: true,
  },
  {
    what: "a size beyond 64 bits",
    rest: `${CHUNKED}\r\n10000000000000005\r\nhello\r\n0\r\n\r\n`,
    breaks: true,
  },
  // ---- fields ----
  { what: "a blank before a colon", rest: `Expires : 0\r\n${OK}` },
  {
    what: "a blank before the colon of a length",
    rest: "Content-Length : 5\r\n\r\nhello",
  },
  {
    what: "a tab before the colon of a coding",
    rest: `Transfer-Encoding\t: chunked\r\n\r\n${HELLO}`,
  },
  { what: "a folded line", rest: `X-Fold: a\r\n b\r\n\tc\r\n${OK}` },
  { what: "a folded length", rest: "Content-Length:\r\n 5\r\n\r\nhello" },
  { what: "a folded coding", rest: `Transfer-Encoding:\r\n chunked\r\n\r\n${HELLO}` },
  {
    what: "lines that end in LF",
    start: "HTTP/1.1 200 OK\n",
    rest: "X: a\nContent-Length: 5\n\nhello",
  },
  { what: "one line that ends in LF", rest: `X: a\nContent-Length: 5\r\n\r\nhello` },
  { what: "a head that ends in LF", rest: "Content-Length: 5\r\n\nhello" },
  { what: "a bare CR in a value", rest: `X: a\rContent-Length: 3\r\n${OK}` },
  { what: "control characters in a value", rest: `X: a\x01\x02b\r\n${OK}` },
  {
    what: "bytes beyond ASCII in a value",
    rest: `X: caf\xc3\xa9 \xff\r\n${OK}`,
    passes: true,
  },
  { what: "an empty value", rest: `X:\r\n${OK}`, passes: true },
  { what: "parentheses in a name", rest: `X(a): b\r\n${OK}` },
  { what: "a blank in a name", rest: `X a: b\r\n${OK}` },
  { what: "bytes beyond ASCII in a name", rest: `X\xe9: b\r\n${OK}` },
  { what: "a line without a colon", rest: `what is this\r\n${OK}` },
  { what: "a line without a name", rest: `: what is this\r\n${OK}` },
  { what: "3000 fields", rest: `${"a: b\r\n".repeat(3000)}${OK}`, passes: true },
  // ---- the status line ----
  { what: "no reason phrase", start: "HTTP/1.1 200 \r\n", rest: OK },
  { what: "no blank behind the status", start: "HTTP/1.1 200\r\n", rest: OK },
  {
    what: "a reason phrase beyond ASCII",
    start: "HTTP/1.1 200 d\xe9j\xe0 vu\r\n",
    rest: OK,
  },
  {
    what: "control characters in a reason phrase",
    start: "HTTP/1.1 200 a\x01b\r\n",
    rest: OK,
  },
  { what: "HTTP/1.0 with a length", start: "HTTP/1.0 200 OK\r\n", rest: OK },
  {
    what: "HTTP/1.0 with chunks",
    start: "HTTP/1.0 200 OK\r\n",
    rest: `${CHUNKED}\r\n${HELLO}`,
  },
  { what: "a status that nobody knows", start: "HTTP/1.1 299 Odd\r\n", rest: OK },
  { what: "a status above 599", start: "HTTP/1.1 799 Odd\r\n", rest: OK },
  {
    what: "no HTTP",
    start: "SSH-2.0-OpenSSH_9.2\r\n",
    rest: "",
    refused: /no status line/,
  },
  { what: "HTTP/2", start: "HTTP/2 200\r\n", rest: OK, refused: /no status line/ },
  { what: "ICY", start: "ICY 200 OK\r\n", rest: OK, refused: /no status line/ },
  // ---- before and behind ----
  {
    what: "a 100 that nobody asked for",
    start: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    rest: OK,
  },
  {
    what: "early hints",
    start: "HTTP/1.1 103 Early Hints\r\nLink: <<a\r\n\r\nHTTP/1.1 200 OK\r\n",
    rest: OK,
  },
  { what: "more than was announced", rest: `${OK}garbage`, answerOnly: true },
  {
    what: "a body that ends with the connection",
    rest: "X: y\r\n\r\nhello",
    answerOnly: true,
  },
  {
    what: "a 204 with a length",
    start: "HTTP/1.1 204 No\r\n",
    rest: "Content-Length: 5\r\n\r\n",
    body: "",
  },
];
