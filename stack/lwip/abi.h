/* The interface of the stack and its host: numbers, and the functions that the host calls.
 *
 * The host's side is stack/abi.ts; stack/abi_test.ts compares that file, and the built module,
 * with this header.
 *
 * Only the host calls; the module imports nothing. A connection is named by its number, a
 * block or a buffer by its address. Further results of a call lie in the four words of the
 * reply, until the next call. Addresses of the network are in host order. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* Events of a connection; bits. */
enum {
  EVENT_SYN = 1, /* a peer wants to connect: the host accepts or refuses */
  EVENT_OPEN = 2, /* the handshake is done */
  EVENT_READABLE = 4, /* there are bytes to read */
  EVENT_EOF = 8, /* the peer has ended its stream */
  EVENT_WRITABLE = 16, /* there is room to send again */
  EVENT_CLOSED = 32, /* both streams have ended and all was acknowledged */
  EVENT_FAILED = 64, /* the connection is over, for the reason told */
};

/* Why a connection ended. */
enum {
  REASON_CLOSED = 0,
  REASON_RESET = 1,
  REASON_REFUSED = 2, /* a reset, or ICMP code 3, in answer to our SYN */
  REASON_TIMED_OUT = 3,
  REASON_UNREACHABLE = 4, /* ICMP destination unreachable; its code is told too */
  REASON_HOST_DOWN = 5, /* abort_range */
  REASON_NO_MEMORY = 6,
};

/* Words of statistics(): present holdings, and counts since the start. */
enum {
  STATISTIC_PAGES, /* of the pool, 64 KiB each */
  STATISTIC_USED_PAGES,
  STATISTIC_USED_BLOCKS, /* of any size */
  STATISTIC_CONNECTIONS, /* slots of the table in use */
  STATISTIC_PENDING_SYNS, /* held until their target is dialled */
  STATISTIC_ACTIVE, /* lwIP's control blocks, without those in TIME_WAIT */
  STATISTIC_TIME_WAIT,
  STATISTIC_PACKETS_IN,
  STATISTIC_PACKETS_DROPPED, /* malformed, or of no use */
  STATISTIC_PACKETS_WITHOUT_MEMORY, /* dropped for want of memory */
  STATISTIC_PACKETS_OUT,
  STATISTIC_PACKETS_PUT_OFF, /* for the output buffer was full */
  STATISTIC_FAILURES, /* connections that failed */
  STATISTIC_TURNED_AWAY, /* SYNs dropped, for their host had its share of the table */
  STATISTIC_ECHOES, /* ICMP echo requests that were answered */
  STATISTIC_ECHOES_DROPPED, /* and those that were not, for answers had their share of the output */
  STATISTIC_COUNT,
};

/* Values with a meaning of their own; each is told at its function. */
enum {
  POLL_NEVER = -1,
  NO_EVENT = -1,
  CONNECT_TABLE_FULL = -1,
  CONNECT_NO_MEMORY = -2,
  SEND_CLOSED = -1,
  SEND_TAKEN = 1,
  SEND_COPIED = 2,
  REFUSE_WITHOUT_ICMP = 255,
};

/* Frames of the NoRouter protocol, handed in whole by the host: wire/frame.ts. */
enum {
  FRAME_MAGIC = 0x42,
  FRAME_HEADER_BYTES = 8,
  FRAME_L3 = 1,
  FRAME_CREDIT = 3,
};

/* ---- the stack as a whole ---- */

/* Brings the stack up, once: the size of its memory, its address, and four numbers that others
 * cannot guess. */
EXPORT(init) void init(uint32_t memory, uint32_t address, uint32_t a, uint32_t b, uint32_t c,
  uint32_t d);
/* Runs the timers that are due at `now` (milliseconds of any origin, wrapping) and returns the
 * milliseconds until the next timer, or POLL_NEVER if nothing waits for time. */
EXPORT(poll) int32_t poll(uint32_t now);
/* The next connection that something happened to, or NO_EVENT.
 * Reply: events, reason, code of an ICMP message. */
EXPORT(next_event) int32_t next_event(void);
/* Ends, without a word to the other side, every connection whose remote address lies in a
 * range: the host behind that range is down. Returns how many. */
EXPORT(abort_range) uint32_t abort_range(uint32_t network, uint32_t mask);
/* The hosts of a range are away, and may be back: until resume() no timer of connections to them
 * counts, in TIME_WAIT too, also of connections that begin meanwhile once their handshake goes
 * on. Only a SYN of ours fails by its own clock. Ranges may be several, and lie in each other. */
EXPORT(hold) void hold(uint32_t network, uint32_t mask);
/* Ends hold() of the same range: those that lie in no other held range send again, as soon as
 * there is room, what was under way, or ask their peer. Returns how many. abort_range ends the
 * hold of a range and of all within, too. */
EXPORT(resume) uint32_t resume(uint32_t network, uint32_t mask);
/* Tells the other end that a connection, of an earlier instance, is gone, by a byte far from
 * any window: the peer answers with an acknowledgement, and that gets a reset, since nothing
 * is known here of the connection. Returns whether there was room for the byte. */
EXPORT(knock) bool knock(uint32_t local, uint32_t local_port, uint32_t remote,
  uint32_t remote_port);
/* Where the reply lies: four words. */
EXPORT(reply_address) uint32_t reply_address(void);
/* Where two words lie: how many SYNs were dropped since their host had its share, and the
 * address of the last such host. */
EXPORT(turned_away_address) uint32_t turned_away_address(void);
/* Where the message of a broken invariant lies, zero-terminated, or 0. */
EXPORT(panic_text) uint32_t panic_text(void);
/* Where STATISTIC_COUNT words lie. */
EXPORT(statistics) uint32_t statistics(void);
/* The next free memory, from page `page` of the pool on, that was not told since it is free:
 * until the next call its content may be lost. Returns the bytes, 0 if there are none. Reply:
 * address, page to go on with. */
EXPORT(free_run) uint32_t free_run(uint32_t page);

/* ---- frames in and out ---- */

/* A buffer to read frames into, the host's until in_release. There is always a free buffer
 * while the host has at most one other. Returns its number, or -1. Reply: address of its body,
 * size of the body, size of the room in front for an unfinished frame. */
EXPORT(in_take) int32_t in_take(void);
/* The host does not look at the buffer any more; packets may still lie there. */
EXPORT(in_release) void in_release(uint32_t which);
/* Takes whole frames from `at`, which lies in input buffer `which`, and returns how many bytes
 * were used. Stops before a frame that is unfinished, is no packet, or does not begin with the
 * magic: the host looks. */
EXPORT(input) uint32_t input(uint32_t which, const uint8_t *at, uint32_t length);
/* Hands the filled output to the host, until out_done: acknowledgements and what sparse
 * connections send, and behind that, unless `only_first`, what others send. Returns its length;
 * 0 if it is empty or the last is not done. Reply: address, bytes of a CREDIT frame in it. */
EXPORT(out_take) uint32_t out_take(bool only_first);
EXPORT(out_done) void out_done(void);
/* Bytes that out_take would hand out. Reply: those of a CREDIT frame among them, and of all that
 * goes first, such a frame included. */
EXPORT(out_waiting) uint32_t out_waiting(void);
/* From now on about `limit` bytes of bulk wait in the output at most, and a segment has at most
 * `segment` bytes of data, at least 512; larger ones are cut when their turn comes. A segment
 * always fits. Larger numbers than those of the beginning mean those. */
EXPORT(out_settings) void out_settings(uint32_t limit, uint32_t segment);
/* Puts a CREDIT frame ahead of the output, in the place of one that waits: the bytes taken of the
 * link (64 bits) and the `every` of wire/credit.ts. There is always room for it. */
EXPORT(out_credit) void out_credit(uint32_t high, uint32_t low, uint32_t every);

/* ---- connections ---- */

/* Starts to connect. Returns the connection, CONNECT_TABLE_FULL or CONNECT_NO_MEMORY. */
EXPORT(conn_connect) int32_t conn_connect(uint32_t address, uint32_t port);
/* Reply: local address, local port, remote address, remote port. */
EXPORT(conn_addresses) void conn_addresses(uint32_t conn);
/* The target of a held SYN was dialled: the handshake goes on. Returns 0, or -1 if that is
 * impossible. */
EXPORT(conn_accept) int32_t conn_accept(uint32_t conn);
/* The target of a held SYN could not be dialled: answers with a reset and gives the connection
 * back. With a `code` other than REFUSE_WITHOUT_ICMP, an ICMP destination unreachable of that
 * code goes ahead and says why; a stack that acts on none of that code, as NoRouter's, would go
 * on asking. */
EXPORT(conn_refuse) void conn_refuse(uint32_t conn, uint32_t code);
/* The next bytes to read, where they lie. Small segments are put together, so that a single
 * write takes many. Returns their length, 0 if there are none. Reply: address, length. */
EXPORT(conn_peek) uint32_t conn_peek(uint32_t conn);
/* `length` bytes from conn_peek were written: they go, and the window opens. */
EXPORT(conn_consume) void conn_consume(uint32_t conn, uint32_t length);
/* A block that the host may read a socket into, of about `size` bytes; the largest are of
 * POOL_LARGE. Returns the block, or 0 if memory is short. Reply: address and size of its
 * bytes. */
EXPORT(tx_alloc) uint32_t tx_alloc(uint32_t size);
/* Gives back a block that is still the host's. */
EXPORT(tx_free) void tx_free(uint32_t block);
/* How many bytes may be sent now; if none, EVENT_WRITABLE comes when some may. */
EXPORT(conn_room) uint32_t conn_room(uint32_t conn);
/* Whether bytes that were sent are not acknowledged yet. If so, EVENT_WRITABLE tells when all
 * are. */
EXPORT(conn_unacknowledged) bool conn_unacknowledged(uint32_t conn);
/* Sends the first `length` bytes of a block. Returns SEND_TAKEN if the block is the stack's
 * now, SEND_COPIED if still the host's, SEND_CLOSED if the connection is not open. */
EXPORT(conn_send) int32_t conn_send(uint32_t conn, uint32_t block, uint32_t length);
/* No more bytes will be sent: FIN after those that were. */
EXPORT(conn_shutdown) void conn_shutdown(uint32_t conn);
/* Ends the connection with a reset, which waits for room, since nobody would send a lost reset
 * again. The host still has to release the connection. */
EXPORT(conn_abort) void conn_abort(uint32_t conn);
/* The host is finished with the connection. If both sides have ended their streams, lwIP still
 * delivers what is under way; otherwise the connection is reset. */
EXPORT(conn_release) void conn_release(uint32_t conn);
