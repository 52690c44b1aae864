/* How the host ends connections: a single connection, those of a host that is down, and those
 * of an earlier instance of the stack. */
#pragma once
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "conn.h"
#include "connections.c"
#include "frames.c"
#include "hold.c"
#include "interface.c"
#include "packet.c"
#include "random.c"
#include "table.c"

void conn_abort(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->state == PENDING) feed_lwip(c->syn, c->syn_length, false); /* answered with a reset */
  if (c->pcb != NULL && !may_reset(c)) {
    c->aborting = true;
    block(c);
  } else {
    finish_abort(c);
  }
}

void conn_release(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->state == FREE || c->released) return;
  if (c->pcb != NULL && !c->aborting && !(c->shut && c->got_eof)) conn_abort(i);
  if (c->state == PENDING) conn_abort(i);
  c->released = true;
  free_rx(c);
  free_slot_if_unused(c);
}

uint32_t abort_range(uint32_t network, uint32_t mask) {
  struct range range = { network & mask, mask };
  forget_range(range, true);
  end_held_time_waits(range);
  uint32_t count = 0;
  for (uint32_t i = 0; i < conns_touched; i++) {
    struct conn *c = &conns[i];
    if (c->state == FREE || c->state == DONE) continue;
    if (!lies_in(range, c->remote_ip)) continue;
    abort_conn(c, false);
    detach(c, EVENT_FAILED, REASON_HOST_DOWN, 0);
    count++;
  }
  return count;
}

bool knock(uint32_t local, uint32_t local_port, uint32_t remote, uint32_t remote_port) {
  uint8_t *at = begin_frame(41, FIRST);
  if (at == NULL) return false;
  memset(at, 0, 41);
  at[0] = 0x45;
  at[3] = 41;
  at[8] = 64;
  at[9] = IP_PROTO_TCP;
  uint32_t from = lwip_htonl(local), to = lwip_htonl(remote);
  memcpy(at + 12, &from, 4);
  memcpy(at + 16, &to, 4);
  uint8_t *tcp = at + 20;
  tcp[0] = (uint8_t)(local_port >> 8);
  tcp[1] = (uint8_t)local_port;
  tcp[2] = (uint8_t)(remote_port >> 8);
  tcp[3] = (uint8_t)remote_port;
  uint32_t numbers[] = { random_u32(), random_u32() };
  memcpy(tcp + 4, numbers, 8);
  tcp[12] = 5 << 4;
  tcp[13] = TCP_ACK;
  make_checksums(at, 20, 41);
  return true;
}
