/* The TCP/IP stack of an agent: lwIP behind a table of connections.
 *
 * Theory of operation
 *
 * The host calls in, nothing is ever called out: the module has no imports. Time comes with
 * poll(), packets with input(), and events are collected per connection as bits, fetched with
 * next_event(). abi.h has all functions that the host calls.
 *
 * The glue is a single translation unit, so that the compiler sees the whole, in parts of one
 * idea each. A part includes the parts it uses, and only such as stand before it in the list
 * below; the theory of each is at its head. */
#include "abi.h"
#include "hooks.h"
#include "pool.h"
#include "lwip/init.h"

/* The basics of all parts. */
#include "glue/conn.h"
#include "glue/packet.c"
#include "glue/report.c"
#include "glue/random.c"
#include "glue/table.c"
#include "glue/sources.c"

/* Packets out, and the end of a connection's life. */
#include "glue/frames.c"
#include "glue/connections.c"
#include "glue/output.c"
#include "glue/hold.c"

/* Memory, and packets on their way through lwIP. */
#include "glue/shares.c"
#include "glue/buffers.c"
#include "glue/interface.c"

/* The two streams of a connection, its beginning and its end. */
#include "glue/receive.c"
#include "glue/send.c"
#include "glue/icmp.c"
#include "glue/echo.c"
#include "glue/handshake.c"
#include "glue/ending.c"

/* Packets in, time, and numbers. */
#include "glue/input.c"
#include "glue/clock.c"
#include "glue/statistics.c"

void init(uint32_t memory, uint32_t address, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  seed_random(a, b, c, d);
  pool_init(memory);
  lwip_init();
  bring_interface_up(address);
  begin_to_listen();
}
