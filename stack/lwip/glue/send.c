/* Bytes to send: blocks of the pool that the host has filled. lwIP refers to them without a copy,
 * and they are freed when acknowledged. */
#pragma once
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "pool.h"
#include "conn.h"
#include "output.c"
#include "packet.c"
#include "report.c"
#include "shares.c"
#include "table.c"

/* How many bytes the host may send now. */
static uint32_t room(struct conn *c) {
  if (c->pcb == NULL || c->shut || c->unwritten > 0
      || c->pcb->snd_queuelen + 16 > TCP_SND_QUEUELEN) {
    return 0;
  }
  uint32_t limit = share(), pages_left = pool_pages() - pool_used_pages();
  if (pages_left <= pool_pages() / 8 || c->tx_held >= limit) return 0;
  uint32_t free = c->pcb->snd_buf;
  return free < limit - c->tx_held ? free : limit - c->tx_held;
}

/* Tells a waiting host of room, once a good part of a segment fits or all was sent. */
static void tell_room(struct conn *c) {
  if (!c->wants_room) return;
  uint32_t free = room(c);
  if (free >= TCP_MSS || (free > 0 && (c->tx_head == NULL || free >= TCP_MSS / 2))) {
    c->wants_room = false;
    emit(c, EVENT_WRITABLE);
  }
}

/* Whether the last segment of the queue is the last of the stream. A segment to be sent
 * again waits in the same queue, alone and ahead of others that are under way, and lwIP
 * would add new bytes, or FIN, to whatever is last. */
static bool may_append(const struct tcp_pcb *pcb) {
  const struct tcp_seg *last = pcb->unsent;
  if (last == NULL) return true;
  while (last->next != NULL) last = last->next;
  return lwip_ntohl(last->tcphdr->seqno) + last->len == pcb->snd_lbb;
}

/* Hands lwIP the bytes not taken yet, and then the FIN if that is due. */
static void write_rest(struct conn *c) {
  if (!may_append(c->pcb)) {
    anyone_pinched = true;
    return;
  }
  while (c->unwritten > 0) {
    uint32_t length = c->unwritten < MTU - 40 ? c->unwritten : MTU - 40;
    const uint8_t *bytes = (uint8_t *)(c->tx_tail + 1) + c->tx_tail->length - c->unwritten;
    if (tcp_write(c->pcb, bytes, (u16_t)length, 0) != ERR_OK) {
      anyone_pinched = true;
      return;
    }
    c->unwritten -= length;
  }
  if (c->shut && !c->fin_sent) {
    c->fin_sent = true;
    tcp_shutdown(c->pcb, 0, 1);
  }
}

/* lwIP's callback: `length` more bytes are acknowledged. */
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)pcb;
  struct conn *c = arg;
  if (c == NULL) return ERR_OK;
  c->tx_head_acked += length;
  while (c->tx_head != NULL && c->tx_head_acked >= c->tx_head->length) {
    struct txblock *block = c->tx_head;
    c->tx_head_acked -= block->length;
    c->tx_held -= block->size;
    c->tx_head = block->next;
    if (c->tx_head == NULL) c->tx_tail = NULL;
    pool_free(block);
  }
  if (c->unwritten > 0 || (c->shut && !c->fin_sent)) write_rest(c);
  tell_room(c);
  if (c->wants_silence && c->tx_head == NULL) {
    c->wants_silence = false;
    emit(c, EVENT_WRITABLE);
  }
  return ERR_OK;
}

uint32_t tx_alloc(uint32_t size) {
  if (pool_pages() - pool_used_pages() <= pool_pages() / 8) return 0;
  /* A small read is to fit as a whole; a large read is followed by more. */
  if (size <= POOL_PAGE / 2) size += sizeof(struct txblock);
  /* A read may wait for long, so all of them together may hold an eighth of the pool, and
   * less when pages are short. */
  uint32_t most = pool_pages() / 8 * POOL_PAGE / (open_conns + 1);
  if (share() < TCP_WND) most = 2048;
  if (size > most) size = most >= POOL_PAGE ? POOL_PAGE : most >= 16384 ? 16384 : 2048;
  struct txblock *block = NULL;
  if (size > POOL_PAGE) {
    block = pool_alloc_large();
    size = block != NULL ? POOL_LARGE : POOL_PAGE;
  }
  if (block == NULL) block = pool_alloc(size);
  if (block == NULL) return 0;
  block->size = size;
  reply.a = (uint32_t)(block + 1);
  /* Whole segments: a few bytes behind each large segment would cost a packet. */
  uint32_t fits = size - sizeof *block, segment = MTU - 40;
  reply.b = fits < segment ? fits : fits / segment * segment;
  return (uint32_t)block;
}

void tx_free(uint32_t block) { pool_free((void *)block); }

uint32_t conn_room(uint32_t i) {
  struct conn *c = &conns[i];
  uint32_t free = room(c);
  c->wants_room = free == 0;
  /* Without anything under way no acknowledgement will tell of room. */
  if (c->wants_room && (share() < TCP_WND || c->tx_head == NULL)) anyone_pinched = true;
  return free;
}

/* Whether bytes are not acknowledged yet; then EVENT_WRITABLE tells when all are. */
bool conn_unacknowledged(uint32_t i) {
  struct conn *c = &conns[i];
  c->wants_silence = c->pcb != NULL && c->tx_head != NULL;
  return c->wants_silence;
}

int32_t conn_send(uint32_t i, uint32_t address, uint32_t length) {
  struct conn *c = &conns[i];
  if (c->pcb == NULL || c->shut) return SEND_CLOSED;
  if (length == 0) return SEND_COPIED;
  struct txblock *block = (struct txblock *)address, *kept = block;
  int32_t result = SEND_TAKEN;
  if (length + sizeof *block <= block->size / 4) {
    struct txblock *small = pool_alloc(length + sizeof *block);
    if (small != NULL) {
      memcpy(small + 1, block + 1, length);
      small->size = (uint32_t)pool_block_size(small);
      kept = small;
      result = SEND_COPIED;
    }
  }
  kept->length = c->unwritten = length;
  kept->next = NULL;
  if (c->tx_tail != NULL) c->tx_tail->next = kept;
  else c->tx_head = kept;
  c->tx_tail = kept;
  c->tx_held += kept->size;
  write_rest(c);
  output(c);
  return result;
}

void conn_shutdown(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->shut) return;
  c->shut = true;
  if (c->pcb == NULL) return;
  write_rest(c);
  output(c);
}
