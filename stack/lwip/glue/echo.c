/* ICMP echo (RFC 792): a request to the stack's own address is answered with its data.
 *
 * A flood of requests must not take the output from connections. So of each buffer that the host
 * takes, answers may have a share: a small answer of the small buffer, where it does not wait
 * behind bulk, and any other of the large one. A request beyond the share gets no answer, like
 * one that was lost on its way. */
#pragma once
#include <stdbool.h>
#include <string.h>
#include "abi.h"
#include "conn.h"
#include "frames.c"
#include "interface.c"
#include "packet.c"
#include "report.c"

#define ECHO_REQUEST 8
#define ECHO_HEADER 8
/* Packets up to this size are small, and the share of the small buffer. */
#define SMALL_ECHO 1500
#define FIRST_SHARE (4 * 1024)
/* The share of the large buffer: the largest packet fits. */
#define BULK_SHARE (64 * 1024)

struct echo_share {
  uint32_t turn, bytes;
};
static struct echo_share first_share, bulk_share;

/* Takes bytes off the share of the buffer that is filled in this turn; false if it is used up. */
static bool take_share(struct echo_share *share, uint32_t turn, uint32_t most, uint32_t bytes) {
  if (share->turn != turn) *share = (struct echo_share){ .turn = turn };
  if (share->bytes + bytes > most) return false;
  share->bytes += bytes;
  return true;
}

/* Room for an answer, or NULL. */
static uint8_t *begin_echo(uint32_t length) {
  if (length <= SMALL_ECHO && has_room_first(length)
      && take_share(&first_share, first_turn, FIRST_SHARE, length)) {
    return begin_frame(length, FIRST);
  }
  if (!take_share(&bulk_share, out_turn, BULK_SHARE, length)) return NULL;
  return begin_frame(length, BULK_OR_RESERVE);
}

/* A packet of ICMP to the stack's address; true if it is a request, answered or not. */
static bool input_echo(const uint8_t *packet, uint32_t header, uint32_t length) {
  const uint8_t *icmp = packet + header;
  uint32_t size = length - header;
  if (size < ECHO_HEADER || icmp[0] != ECHO_REQUEST) return false;
  if (icmp[1] != 0 || simd_chksum(icmp, (int)size) != 0xffff
      || simd_chksum(packet, (int)header) != 0xffff) {
    statistic[STATISTIC_PACKETS_DROPPED]++;
    return true;
  }
  uint8_t *at = begin_echo(20 + size);
  if (at == NULL) {
    statistic[STATISTIC_ECHOES_DROPPED]++;
    return true;
  }
  statistic[STATISTIC_ECHOES]++;
  memset(at, 0, 20);
  at[0] = 0x45;
  at[2] = (uint8_t)((20 + size) >> 8);
  at[3] = (uint8_t)(20 + size);
  at[6] = 0x40; /* do not fragment, so no identification is needed (RFC 6864) */
  at[8] = 64;
  at[9] = IP_PROTO_ICMP;
  memcpy(at + 12, packet + 16, 4);
  memcpy(at + 16, packet + 12, 4);
  uint16_t sum = (uint16_t)~simd_chksum(at, 20);
  memcpy(at + 10, &sum, 2);
  memcpy(at + 20, icmp, size);
  at[20] = at[22] = at[23] = 0; /* the type of an answer; then the sum */
  sum = (uint16_t)~simd_chksum(at + 20, (int)size);
  memcpy(at + 22, &sum, 2);
  return true;
}
