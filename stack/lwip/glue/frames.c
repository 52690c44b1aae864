/* Packets to send, as finished frames in one of two buffers: the host sends one while the
 * other is filled.
 *
 * A full buffer is no error. The segment stays in lwIP's queue, and its connection waits in a
 * list until the host has taken the buffer. */
#pragma once
#include "abi.h"
#include "conn.h"
#include "packet.c"
#include "report.c"

#define OUT_SIZE (320 * 1024)
/* The last part of a buffer is kept for packets without data (acknowledgements, resets), so
 * that a sender of bulk cannot silence the other direction. */
#define OUT_RESERVE (64 * 1024)

static uint8_t out_buffers[2][OUT_SIZE] __attribute__((aligned(16)));
static uint32_t out_fill, out_current;
static bool out_busy;
static struct conn *blocked_head, *blocked_tail;

/* Room for a packet behind a frame's header; NULL if there is none. */
static uint8_t *begin_frame(uint32_t packet_length, bool small) {
  uint32_t room = OUT_SIZE - (small ? 0 : OUT_RESERVE);
  if (out_fill + FRAME_HEADER_BYTES + packet_length > room) {
    statistic[STATISTIC_PACKETS_PUT_OFF]++;
    return NULL;
  }
  uint8_t *at = out_buffers[out_current] + out_fill;
  uint32_t length = packet_length + 4;
  at[0] = FRAME_MAGIC;
  at[1] = (uint8_t)(length >> 16);
  at[2] = (uint8_t)(length >> 8);
  at[3] = (uint8_t)length;
  at[4] = 0;
  at[5] = FRAME_L3;
  at[6] = at[7] = 0;
  out_fill += FRAME_HEADER_BYTES + packet_length;
  statistic[STATISTIC_PACKETS_OUT]++;
  return at + FRAME_HEADER_BYTES;
}

/* Whether a segment of any size fits; trying in vain would cost a checksum. */
static bool has_room(void) {
  return out_fill + FRAME_HEADER_BYTES + MTU <= OUT_SIZE - OUT_RESERVE;
}

static void block(struct conn *c) {
  if (c == NULL || c->blocked || c->pcb == NULL) return;
  c->blocked = true;
  c->list_next = NULL;
  if (blocked_tail != NULL) blocked_tail->list_next = c;
  else blocked_head = c;
  blocked_tail = c;
}

static void unblock(struct conn *c) {
  if (!c->blocked) return;
  struct conn **link = &blocked_head, *before = NULL;
  while (*link != c) {
    before = *link;
    link = &before->list_next;
  }
  *link = c->list_next;
  if (blocked_tail == c) blocked_tail = before;
  c->blocked = false;
}

void out_done(void) { out_busy = false; }
