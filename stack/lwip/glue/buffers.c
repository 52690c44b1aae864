/* The buffers that frames are read into, and the pbufs that lwIP gets of their packets.
 *
 * A large packet stays in its input buffer while its reader keeps up; others are copied to the
 * pool, so that a reader that stalls never holds up the reading of the link. */
#pragma once
#include <stdbool.h>
#include "lwip/pbuf.h"
#include "abi.h"
#include "hooks.h"
#include "pool.h"
#include "packet.c"
#include "report.c"

#define IN_BUFFERS 8
#define IN_SIZE (256 * 1024)
/* For the unfinished frame of the last read, in front of the next. */
#define IN_HEADROOM 65552

struct inbuf {
  uint32_t packets; /* that still lie in the buffer */
  bool busy; /* with the host: being read into, or being processed */
};

struct rxbuf {
  struct pbuf_custom custom;
  /* Where the bytes lie: in a block of their own, in an input buffer, or, if both are NULL,
   * behind this header. */
  uint8_t *data;
  struct inbuf *origin;
};

static uint8_t in_bytes[IN_BUFFERS][IN_HEADROOM + IN_SIZE] __attribute__((aligned(16)));
static struct inbuf in_buffers[IN_BUFFERS], *in_current;
static uint32_t in_pinned; /* input buffers in which packets lie */

static void free_rxbuf(struct pbuf *p) {
  struct rxbuf *buffer = (struct rxbuf *)p;
  if (buffer->data != NULL) pool_free(buffer->data);
  if (buffer->origin != NULL && --buffer->origin->packets == 0) in_pinned--;
  pool_free(buffer);
}

/* A pbuf for `length` bytes, to be filled at its payload; NULL if there is no memory. The
 * bytes of a large packet have a block of their own, so that a packet of 64 KiB takes one page
 * and not two. */
static struct pbuf *new_rxbuf(uint32_t length) {
  bool apart = length + sizeof(struct rxbuf) > 2048;
  struct rxbuf *buffer = pool_alloc(sizeof *buffer + (apart ? 0 : length));
  if (buffer == NULL) return NULL;
  buffer->data = NULL;
  buffer->origin = NULL;
  uint8_t *bytes = (uint8_t *)(buffer + 1);
  if (apart) {
    bytes = buffer->data = pool_alloc(length);
    if (bytes == NULL) {
      pool_free(buffer);
      return NULL;
    }
  }
  buffer->custom.custom_free_function = free_rxbuf;
  return pbuf_alloced_custom(
    PBUF_RAW, (u16_t)length, PBUF_REF, &buffer->custom, bytes, (u16_t)length);
}

/* A pbuf for a packet that stays in its input buffer; NULL if that is impossible. Two buffers
 * must stay free for the host to read into by turns. */
static struct pbuf *in_place(const uint8_t *packet, uint32_t length) {
  struct inbuf *origin = in_current;
  if (origin->packets == 0 && in_pinned >= IN_BUFFERS - 2) return NULL;
  struct rxbuf *buffer = pool_alloc(sizeof *buffer);
  if (buffer == NULL) return NULL;
  buffer->data = NULL;
  buffer->origin = origin;
  if (origin->packets++ == 0) in_pinned++;
  buffer->custom.custom_free_function = free_rxbuf;
  return pbuf_alloced_custom(
    PBUF_RAW, (u16_t)length, PBUF_REF, &buffer->custom, (void *)packet, (u16_t)length);
}

/* Memory that a pbuf holds, however few of its bytes are still wanted. */
static uint32_t held_by(const struct pbuf *p) {
  const struct rxbuf *buffer = (const struct rxbuf *)p;
  uint32_t held = (uint32_t)pool_block_size(p);
  if (buffer->data != NULL) held += (uint32_t)pool_block_size(buffer->data);
  if (buffer->origin != NULL) held += MTU;
  return held;
}

uint32_t glue_held_by(const struct pbuf *p) { return held_by(p); }

int32_t in_take(void) {
  for (int32_t i = 0; i < IN_BUFFERS; i++) {
    struct inbuf *buffer = &in_buffers[i];
    if (buffer->busy || buffer->packets > 0) continue;
    buffer->busy = true;
    reply.a = (uint32_t)(in_bytes[i] + IN_HEADROOM);
    reply.b = IN_SIZE;
    reply.c = IN_HEADROOM;
    return i;
  }
  return -1;
}

void in_release(uint32_t which) { in_buffers[which].busy = false; }
