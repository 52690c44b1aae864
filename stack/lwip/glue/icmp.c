/* ICMP destination unreachable (RFC 792), which tells why a dial failed. */
#pragma once
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "conn.h"
#include "connections.c"
#include "frames.c"
#include "interface.c"
#include "packet.c"
#include "table.c"

/* Only an answer to a SYN of ours, known by its sequence number, ends a connection. */
static void input_icmp(const uint8_t *icmp, uint32_t length) {
  if (length < 8 + 20 + 8 || icmp[0] != 3 || simd_chksum(icmp, (int)length) != 0xffff) return;
  const uint8_t *inner = icmp + 8;
  uint32_t header = (inner[0] & 15) * 4u;
  if (inner[0] >> 4 != 4 || header < 20 || inner[9] != IP_PROTO_TCP
      || length < 8 + header + 8) {
    return;
  }
  struct conn *c = conn_of_output(inner);
  const uint8_t *s = inner + header + 4;
  uint32_t sequence = read_u32(s);
  if (c == NULL || c->pcb == NULL || c->pcb->state != SYN_SENT
      || sequence != c->pcb->snd_nxt - 1) {
    return;
  }
  struct tcp_pcb *pcb = c->pcb;
  uint8_t code = icmp[1];
  detach(c, EVENT_FAILED, code == 3 ? REASON_REFUSED : REASON_UNREACHABLE, code);
  tcp_abandon(pcb, 0);
}

/* Answers the held SYN of a connection. */
static void send_unreachable(struct conn *c, uint8_t code) {
  uint32_t quoted = (c->syn[0] & 15) * 4u + 8, length = 20 + 8 + quoted;
  uint32_t before = out_fill;
  uint8_t *at = begin_frame(length, FIRST);
  if (at == NULL) return;
  if (out_fill != before) c->bulk_turn = out_turn; /* the reset comes behind */
  memset(at, 0, 28);
  at[0] = 0x45;
  at[2] = (uint8_t)(length >> 8);
  at[3] = (uint8_t)length;
  at[8] = 64;
  at[9] = IP_PROTO_ICMP;
  memcpy(at + 12, &me, 4);
  memcpy(at + 16, &c->remote_ip, 4);
  uint16_t sum = (uint16_t)~simd_chksum(at, 20);
  memcpy(at + 10, &sum, 2);
  at[20] = 3;
  at[21] = code;
  memcpy(at + 28, c->syn, quoted);
  sum = (uint16_t)~simd_chksum(at + 20, (int)(8 + quoted));
  memcpy(at + 22, &sum, 2);
}
