/* The end of a connection's life.
 *
 * Three hold a connection: lwIP by its control block, the host by the number, and the queue of
 * events. The slot is free again when none of them does. */
#pragma once
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "pool.h"
#include "conn.h"
#include "frames.c"
#include "report.c"
#include "sources.c"
#include "table.c"

static uint32_t pending_syns;

static void free_rx(struct conn *c) {
  while (c->rx_head != NULL) {
    struct pbuf *p = c->rx_head;
    c->rx_head = p->next;
    p->next = NULL;
    p->tot_len = p->len;
    pbuf_free(p);
  }
  c->rx_tail = NULL;
  c->rx_bytes = c->rx_held = 0;
}

static void free_tx(struct conn *c) {
  while (c->tx_head != NULL) {
    struct txblock *block = c->tx_head;
    c->tx_head = block->next;
    pool_free(block);
  }
  c->tx_tail = NULL;
  c->tx_held = c->unwritten = 0;
}

static void free_syn(struct conn *c) {
  if (c->syn == NULL) return;
  pool_free(c->syn);
  c->syn = NULL;
  pending_syns--;
}

static void free_slot_if_unused(struct conn *c) {
  if (!c->released || c->pcb != NULL || c->queued || c->state == FREE) return;
  forget(c);
  unblock(c);
  end_half_open(c);
  free_syn(c);
  free_rx(c);
  free_tx(c);
  if (c->source != NULL) {
    c->source->conns--;
    forget_source(c->source);
  }
  c->state = FREE;
  c->list_next = free_conns;
  free_conns = c;
  open_conns--;
}

/* lwIP has no more to do with the connection, which has ended well (EVENT_CLOSED) or failed. */
static void detach(struct conn *c, uint8_t events, uint8_t reason, uint8_t code) {
  if (c->pcb != NULL) {
    tcp_arg(c->pcb, NULL);
    c->pcb = NULL;
  }
  forget(c);
  unblock(c);
  end_half_open(c);
  free_syn(c);
  free_tx(c);
  c->state = DONE;
  c->reason = reason;
  c->code = code;
  emit(c, events);
  free_slot_if_unused(c);
}

/* Whether a peer that no longer knows a connection has had all of it: only the acknowledgement of
 * our FIN was lost, and the peer's TIME_WAIT is over. That is no failure (RFC 9293, 3.10.7.4). */
static bool was_complete(const struct conn *c) {
  return (c->pcb->state == LAST_ACK || c->pcb->state == CLOSING) && c->tx_head == NULL;
}

/* lwIP's callback: the control block of a connection goes. */
static void on_error(void *arg, err_t err) {
  struct conn *c = arg;
  if (c == NULL) return;
  /* The block is still there at a reset alone. */
  bool ends_well = err == ERR_CLSD || (err == ERR_RST && was_complete(c));
  c->pcb = NULL; /* lwIP frees the block */
  if (ends_well) {
    detach(c, EVENT_CLOSED, REASON_CLOSED, 0);
    return;
  }
  statistic[STATISTIC_FAILURES]++;
  uint8_t reason = err == ERR_RST
    ? (c->state == OPENING && !c->inbound ? REASON_REFUSED : REASON_RESET)
    : REASON_TIMED_OUT;
  detach(c, EVENT_FAILED, reason, 0);
}

/* Ends lwIP's side of a connection without a callback. */
static void abort_conn(struct conn *c, bool with_reset) {
  struct tcp_pcb *pcb = c->pcb;
  if (pcb == NULL) return;
  c->pcb = NULL;
  tcp_arg(pcb, NULL);
  if (pcb->state == CLOSED) pcb->local_port = 0;
  tcp_abandon(pcb, with_reset);
}

static void finish_abort(struct conn *c) {
  c->aborting = false;
  abort_conn(c, true);
  if (c->state != DONE) detach(c, 0, REASON_RESET, 0);
}

int32_t next_event(void) {
  struct conn *c = event_head;
  if (c == NULL) return NO_EVENT;
  event_head = c->event_next;
  if (event_head == NULL) event_tail = NULL;
  c->queued = false;
  reply.a = c->events;
  reply.b = c->reason;
  reply.c = c->code;
  c->events = 0;
  if (c->released) {
    reply.a = 0;
    free_slot_if_unused(c);
  }
  return index_of(c);
}
