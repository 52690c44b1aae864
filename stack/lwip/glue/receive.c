/* Bytes received: they wait in order until the host consumes them, and only that opens the window
 * again (RFC 9293, 3.8.6). */
#pragma once
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "pool.h"
#include "conn.h"
#include "buffers.c"
#include "output.c"
#include "report.c"
#include "shares.c"
#include "table.c"

/* Smaller segments are put together for the host. */
#define GATHER_BELOW 16384
/* Large segments at the start that are acknowledged one by one. */
#define QUICK_ACKS 16

/* Opens the window by the bytes consumed, as far as the share goes. */
static void open_window(struct conn *c) {
  if (c->pcb == NULL || c->rx_credit == 0) return;
  uint32_t target = share();
  /* A window below two segments is worse than none: the sender would split segments. */
  if (target < 2 * TCP_MSS) target = c->rx_bytes == 0 ? 2 * TCP_MSS : 0;
  uint32_t offered = c->pcb->rcv_wnd + c->rx_bytes;
  uint32_t credit = target > offered ? target - offered : 0;
  if (credit > c->rx_credit) credit = c->rx_credit;
  c->rx_credit -= credit;
  if (c->rx_credit > 0) anyone_pinched = true;
  /* lwIP tells of a window that opened by an eighth of the largest; a sender that sees
   * less than a segment would wait for its timer. */
  struct tcp_pcb *pcb = c->pcb;
  bool was_closed = pcb->rcv_ann_right_edge - pcb->rcv_nxt < pcb->mss;
  while (credit > 0) {
    uint16_t step = credit > 0xffff ? 0xffff : (uint16_t)credit;
    tcp_recved(pcb, step);
    credit -= step;
  }
  if (was_closed && pcb->rcv_ann_wnd >= pcb->mss
      && pcb->rcv_ann_right_edge - pcb->rcv_nxt < pcb->mss) {
    tcp_ack_now(pcb);
    output(c);
  }
}

/* lwIP's callback: the next bytes of the stream, or its end. */
static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  (void)pcb;
  (void)err;
  struct conn *c = arg;
  if (c == NULL || c->released || c->aborting) {
    /* Nobody reads any more: the bytes only have to be taken off the window. */
    if (p != NULL) {
      if (pcb != NULL) tcp_recved(pcb, p->tot_len);
      pbuf_free(p);
    }
    return ERR_OK;
  }
  if (p == NULL) {
    c->got_eof = true;
    emit(c, EVENT_EOF);
    return ERR_OK;
  }
  if (c->shrinking) {
    tcp_free_ooseq(pcb); /* segments out of order may lie beyond the window now */
    c->rx_credit += pcb->rcv_wnd;
    pcb->rcv_wnd = pcb->rcv_ann_wnd = 0;
    pcb->rcv_ann_right_edge = pcb->rcv_nxt;
    tcp_ack_now(pcb);
    anyone_pinched = true;
  }
  /* The first window of a sender holds a single large segment, so the sender must not wait for
   * the acknowledgement that lwIP puts off until the second. */
  if (c->quick_acks < QUICK_ACKS && p->tot_len >= TCP_MSS / 4) {
    c->quick_acks++;
    tcp_ack_now(pcb);
  }
  while (p != NULL) {
    struct pbuf *next = p->next;
    p->next = NULL;
    p->tot_len = p->len;
    if (p->len == 0) {
      pbuf_free(p);
    } else {
      if (c->rx_tail != NULL) c->rx_tail->next = p;
      else c->rx_head = p;
      c->rx_tail = p;
      c->rx_bytes += p->len;
      c->rx_held += held_by(p);
    }
    p = next;
  }
  emit(c, EVENT_READABLE);
  return ERR_OK;
}

uint32_t conn_peek(uint32_t i) {
  struct conn *c = &conns[i];
  struct pbuf *p = c->rx_head;
  if (p != NULL && p->len < GATHER_BELOW && p->next != NULL) {
    uint32_t total = 0;
    struct pbuf *last = p;
    for (; last != NULL && total + last->len <= POOL_PAGE - 1; last = last->next) {
      total += last->len;
    }
    struct pbuf *whole = new_rxbuf(total);
    if (whole != NULL) {
      uint8_t *at = whole->payload;
      while (c->rx_head != last) {
        p = c->rx_head;
        c->rx_head = p->next;
        memcpy(at, p->payload, p->len);
        at += p->len;
        c->rx_held -= held_by(p);
        p->next = NULL;
        p->tot_len = p->len;
        pbuf_free(p);
      }
      whole->next = last;
      c->rx_head = whole;
      if (last == NULL) c->rx_tail = whole;
      c->rx_held += held_by(whole);
      p = whole;
    }
  }
  reply.a = p != NULL ? (uint32_t)p->payload : 0;
  reply.b = p != NULL ? p->len : 0;
  return reply.b;
}

void conn_consume(uint32_t i, uint32_t length) {
  struct conn *c = &conns[i];
  struct pbuf *p = c->rx_head;
  if (p == NULL) return;
  if (length > p->len) length = p->len;
  c->rx_bytes -= length;
  c->rx_credit += length;
  if (length < p->len) {
    p->payload = (uint8_t *)p->payload + length;
    p->len = (u16_t)(p->len - length);
  } else {
    c->rx_head = p->next;
    if (c->rx_head == NULL) c->rx_tail = NULL;
    c->rx_held -= held_by(p);
    p->next = NULL;
    p->tot_len = p->len;
    pbuf_free(p);
  }
  open_window(c);
}
