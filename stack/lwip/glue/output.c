/* When a connection sends: at once if the output buffer has room, else when the host has taken
 * the buffer. */
#pragma once
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "conn.h"
#include "connections.c"
#include "frames.c"
#include "report.c"

static void output(struct conn *c) {
  if (c->pcb == NULL) return;
  if (!has_room()) {
    block(c);
  } else if (c->aborting) {
    finish_abort(c);
  } else {
    /* lwIP's timer forgets an acknowledgement that could not be sent. */
    if (c->owes_ack) tcp_ack_now(c->pcb);
    c->owes_ack = false;
    tcp_output(c->pcb);
  }
}

uint32_t out_take(void) {
  if (out_busy || out_fill == 0) return 0;
  uint32_t length = out_fill;
  reply.a = (uint32_t)out_buffers[out_current];
  out_current ^= 1;
  out_fill = 0;
  out_busy = true;
  /* In turn: those for which there is no room now come before those that blocked again. */
  struct conn *c = blocked_head, *last = blocked_tail;
  blocked_head = blocked_tail = NULL;
  while (c != NULL && has_room()) {
    struct conn *next = c->list_next;
    c->blocked = false;
    output(c);
    c = next;
  }
  if (c != NULL) {
    last->list_next = blocked_head;
    if (blocked_tail == NULL) blocked_tail = last;
    blocked_head = c;
  }
  return length;
}
