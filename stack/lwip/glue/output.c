/* When a connection sends: at once if a buffer has room, else when the host has taken it. Those
 * that wait take turns by bytes. */
#pragma once
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "hooks.h"
#include "conn.h"
#include "connections.c"
#include "frames.c"
#include "report.c"

/* Data of a connection that may lie in a small buffer: no more than keystrokes and short
 * questions make. */
#define FIRST_DATA 1460
/* Options of a SYN. */
#define MOST_OPTIONS 40

/* The connection whose data segment goes out next, and where to. */
static struct conn *sending;
static enum place sending_to;
/* The connection whose turn it is. */
static struct conn *in_turn;

static uint32_t acked_of_next(const struct tcp_pcb *pcb) {
  uint32_t begin = lwip_ntohl(pcb->unsent->tcphdr->seqno);
  return TCP_SEQ_LT(begin, pcb->lastack) ? pcb->lastack - begin : 0;
}

void glue_shorten(struct tcp_pcb *pcb) {
  if (pcb->unsent == NULL) return;
  /* A piece that is acknowledged as a whole would lie in front of the window, and lwIP would wait
   * for ever for room there. */
  uint32_t most = out_segment + acked_of_next(pcb);
  if (pcb->unsent->len <= most) return;
  /* Without memory for that, the segment goes whole as soon as the buffer is empty. */
  tcp_split_unsent_seg(pcb, (u16_t)LWIP_MIN(most, pcb->mss));
}

int glue_refer(struct pbuf *to, struct pbuf *from, unsigned int length) {
  uint32_t skip = from->tot_len - length;
  for (; from != NULL; from = from->next) {
    if (skip >= from->len) {
      skip -= from->len;
      continue;
    }
    struct pbuf *part = pbuf_alloc(PBUF_RAW, (u16_t)(from->len - skip), PBUF_ROM);
    if (part == NULL) return false;
    part->payload = (uint8_t *)from->payload + skip;
    skip = 0;
    pbuf_cat(to, part);
  }
  return true;
}

/* Whether a segment is all that its connection has to say for now, and may go first. */
static bool is_sparse(const struct conn *c, const struct tcp_seg *seg) {
  uint32_t before = c->first_turn == first_turn ? c->first_bytes : 0;
  return seg->next == NULL && before + seg->len <= FIRST_DATA
    && may_go_first(c, HEADERS + MOST_OPTIONS + seg->len);
}

int glue_may_send(struct tcp_pcb *pcb) {
  struct conn *c = pcb->callback_arg;
  const struct tcp_seg *seg = pcb->unsent;
  sending = NULL;
  if (c == NULL) return seg->len == 0 || has_room();
  if (is_sparse(c, seg)) {
    sending_to = FIRST;
  } else if (has_room() && (c != in_turn || c->turn > 0)) {
    sending_to = BULK;
  } else {
    statistic[STATISTIC_PACKETS_PUT_OFF]++;
    block(c);
    return false;
  }
  sending = c;
  return true;
}

/* Room for a data segment that glue_may_send has let through. */
static uint8_t *begin_data(struct conn *c, uint32_t packet_length) {
  uint8_t *at = begin_frame(packet_length, sending_to);
  if (at == NULL) {
    block(c);
  } else if (sending_to == FIRST) {
    if (c->first_turn != first_turn) c->first_bytes = 0;
    c->first_turn = first_turn;
    c->first_bytes = (uint16_t)(c->first_bytes + packet_length - HEADERS);
  } else {
    c->bulk_turn = out_turn;
    c->turn -= (int32_t)(FRAME_HEADER_BYTES + packet_length);
  }
  return at;
}

static void output(struct conn *c) {
  if (c->pcb == NULL) return;
  if (c->aborting) {
    if (may_reset(c)) finish_abort(c);
    else block(c);
    return;
  }
  if (c->must_ask && has_room_first(HEADERS)) {
    c->must_ask = tcp_keepalive(c->pcb) != ERR_OK;
    if (!c->must_ask) c->owes_ack = false; /* a question acknowledges too */
  } else if (c->must_ask) {
    block(c);
  }
  /* lwIP's timer forgets an acknowledgement that it could not send. */
  if (c->owes_ack) tcp_ack_now(c->pcb);
  c->owes_ack = false;
  tcp_output(c->pcb);
}

/* Gives each connection that waits a turn, once; those that still wait do so again in order.
 * A turn sends at least a segment. What was sent beyond it is taken off the next. */
static void give_turns(void) {
  struct conn *c = blocked_head, *last = blocked_tail;
  blocked_head = blocked_tail = NULL;
  bool alone = c == last;
  while (c != NULL && has_room()) {
    struct conn *next = c->list_next;
    c->blocked = false;
    int32_t quantum = (int32_t)(FRAME_HEADER_BYTES + HEADERS + out_segment);
    c->turn = alone ? INT32_MAX : LWIP_MAX(1, LWIP_MIN(c->turn, quantum) + quantum);
    in_turn = c;
    output(c);
    if (alone || !c->blocked) c->turn = 0;
    c = next;
  }
  in_turn = NULL;
  if (c != NULL) {
    last->list_next = blocked_head;
    if (blocked_tail == NULL) blocked_tail = last;
    blocked_head = c;
  }
}

static void refill(void) {
  while (blocked_head != NULL && has_room()) {
    uint32_t before = out_fill + first_fill;
    give_turns();
    if (out_fill + first_fill == before) return;
  }
}

uint32_t out_take(bool only_first) {
  if (out_busy) return 0;
  uint32_t unused = credit_waits ? 0 : CREDIT_BYTES, length = first_fill - unused;
  uint8_t *at = first_buffers[first_current] + unused;
  if (only_first || out_fill == 0) {
    if (length == 0) return 0;
    first_current ^= 1;
  } else {
    at = memcpy(out_buffers[out_current] + FIRST_SIZE - length, at, length);
    length += out_fill;
    out_current ^= 1;
    out_fill = 0;
    out_turn++;
  }
  first_fill = CREDIT_BYTES;
  credit_waits = false;
  first_turn++;
  out_busy = true;
  refill();
  reply.a = (uint32_t)at;
  reply.b = CREDIT_BYTES - unused;
  return length;
}

void out_settings(uint32_t limit, uint32_t segment) {
  out_segment = LWIP_MAX(LEAST_SEGMENT, LWIP_MIN(segment, MTU - HEADERS));
  out_limit = LWIP_MAX(FRAME_HEADER_BYTES + HEADERS + out_segment, LWIP_MIN(limit, OUT_MOST));
  refill();
}
