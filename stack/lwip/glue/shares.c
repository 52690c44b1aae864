/* How much of the pool a connection may hold.
 *
 * While less than a quarter of the pool is used, each connection may hold a full window in both
 * directions. Beyond that, each direction is bounded by a quarter of the pool divided by the
 * number of connections, so that all that stall together leave room for those that move:
 * windows are not reopened beyond the share, reads for sending stop, and at the worst an
 * arriving segment is dropped, which TCP repairs. */
#pragma once
#include "lwip/priv/tcp_priv.h"
#include "hooks.h"
#include "pool.h"
#include "conn.h"
#include "table.c"

/* Whether there are connections whose window is held back, or that were refused memory: the next
 * tick looks at all of them. */
static bool anyone_pinched;

/* Bytes of the pool that a connection may hold in each direction. */
static uint32_t share(void) {
  uint32_t pages = pool_pages(), used = pool_used_pages();
  if (used < pages / 4) return TCP_WND;
  uint32_t part = (pages / 4 * POOL_PAGE) / (open_conns + 1);
  return part > TCP_WND ? TCP_WND : part;
}

/* Whether a segment that arrived may be kept. Peers do not take back windows they were offered
 * before memory got short, so a few segments are taken while that does no harm; then a single
 * segment from each connection, as one that moves holds none for long; then small segments. */
static bool admits(const struct conn *c, uint32_t length) {
  uint32_t pages = pool_pages(), used = pool_used_pages(), held = c->rx_held + length;
  if (used < pages / 4) return held <= 2 * TCP_WND;
  if (held <= share()) return true;
  if (used < pages / 4 * 3) return held <= 3 * POOL_PAGE;
  if (used < pages / 16 * 15) return c->rx_held == 0;
  return c->rx_held == 0 && length <= 2048;
}

/* Memory for segments out of order: as much as the bytes not yet consumed leave. */
uint32_t glue_ahead_limit(const struct tcp_pcb *pcb) {
  const struct conn *c = pcb->callback_arg;
  if (c == NULL) return 0;
  uint32_t limit = pool_used_pages() < pool_pages() / 4 ? 2 * TCP_WND : share();
  return limit > c->rx_held ? limit - c->rx_held : 0;
}
