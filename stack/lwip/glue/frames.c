/* Packets to send, as finished frames in buffers of two kinds, each of which there are two: the
 * host sends one while the other is filled.
 *
 * Most data go into the one buffer. What a keystroke or an acknowledgement makes of frames goes
 * into the other, which is small and leaves first, so that it does not wait behind what others
 * send in bulk. Within a connection order holds: while data of it lie in the large buffer, no
 * data of it, and no reset, go into the small one.
 *
 * A full buffer is no error. The segment stays in lwIP's queue, and its connection waits in a
 * list until the host has taken the buffer. Who waits in that list never waits for nothing: the
 * large buffer is not empty then, or the small one if it waits for that. */
#pragma once
#include <string.h>
#include "abi.h"
#include "conn.h"
#include "packet.c"
#include "report.c"

#define OUT_SIZE (320 * 1024)
/* The last part of a large buffer is kept for packets without data (acknowledgements, resets)
 * that find no place in the small one, so that a sender of bulk cannot silence the other
 * direction. */
#define OUT_RESERVE (64 * 1024)
#define OUT_MOST (OUT_SIZE - OUT_RESERVE)
#define FIRST_SIZE (16 * 1024)
/* A small buffer begins with the place of a CREDIT frame, which thus always finds room. */
#define CREDIT_BYTES (FRAME_HEADER_BYTES + 12)
#define HEADERS 40 /* of IP and TCP, without options */
#define LEAST_SEGMENT 512

/* Where a packet may lie. */
enum place { BULK, BULK_OR_RESERVE, FIRST };

/* The head of a large buffer is free until the frames of a small one are put there. */
static uint8_t out_buffers[2][FIRST_SIZE + OUT_SIZE] __attribute__((aligned(16)));
static uint8_t first_buffers[2][FIRST_SIZE] __attribute__((aligned(16)));
static uint32_t out_fill, out_current, first_fill = CREDIT_BYTES, first_current;
static bool out_busy, credit_waits;
/* How often a buffer of each kind was taken, so that a connection knows what it has in it. */
static uint32_t out_turn = 1, first_turn = 1;
/* How much the host lets wait of bulk, and the most data in a segment. */
static uint32_t out_limit = OUT_MOST, out_segment = MTU - HEADERS;
static struct conn *blocked_head, *blocked_tail;

static void write_frame_header(uint8_t *at, uint8_t type, uint32_t payload) {
  uint32_t length = payload + 4;
  at[0] = FRAME_MAGIC;
  at[1] = (uint8_t)(length >> 16);
  at[2] = (uint8_t)(length >> 8);
  at[3] = (uint8_t)length;
  at[4] = 0;
  at[5] = type;
  at[6] = at[7] = 0;
}

/* Room for a packet behind a frame's header; NULL if there is none. */
static uint8_t *begin_frame(uint32_t packet_length, enum place place) {
  uint32_t length = FRAME_HEADER_BYTES + packet_length;
  uint8_t *at;
  if (place == FIRST && first_fill + length <= FIRST_SIZE) {
    at = first_buffers[first_current] + first_fill;
    first_fill += length;
  } else {
    uint32_t room = place != BULK ? OUT_SIZE : out_fill == 0 ? OUT_MOST : out_limit;
    if (out_fill + length > room) {
      statistic[STATISTIC_PACKETS_PUT_OFF]++;
      return NULL;
    }
    at = out_buffers[out_current] + FIRST_SIZE + out_fill;
    out_fill += length;
  }
  write_frame_header(at, FRAME_L3, packet_length);
  statistic[STATISTIC_PACKETS_OUT]++;
  return at + FRAME_HEADER_BYTES;
}

/* Whether a segment of any size fits; trying in vain would cost a checksum. */
static bool has_room(void) {
  return out_fill == 0 || out_fill + FRAME_HEADER_BYTES + HEADERS + out_segment <= out_limit;
}

static bool has_room_first(uint32_t packet_length) {
  return first_fill + FRAME_HEADER_BYTES + packet_length <= FIRST_SIZE;
}

/* Whether a packet of a connection may overtake what lies in the large buffer. */
static bool may_go_first(const struct conn *c, uint32_t packet_length) {
  return c->bulk_turn != out_turn && has_room_first(packet_length);
}

static bool may_reset(const struct conn *c) { return has_room() || may_go_first(c, HEADERS); }

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

static void put_u32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24);
  at[1] = (uint8_t)(value >> 16);
  at[2] = (uint8_t)(value >> 8);
  at[3] = (uint8_t)value;
}

void out_credit(uint32_t high, uint32_t low, uint32_t every) {
  uint8_t *at = first_buffers[first_current];
  write_frame_header(at, FRAME_CREDIT, CREDIT_BYTES - FRAME_HEADER_BYTES);
  put_u32(at + FRAME_HEADER_BYTES, high);
  put_u32(at + FRAME_HEADER_BYTES + 4, low);
  put_u32(at + FRAME_HEADER_BYTES + 8, every);
  credit_waits = true;
}

uint32_t out_waiting(void) {
  reply.a = credit_waits ? CREDIT_BYTES : 0;
  reply.b = first_fill - CREDIT_BYTES + reply.a;
  return out_fill + reply.b;
}

void out_done(void) { out_busy = false; }
