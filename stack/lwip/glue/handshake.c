/* How a connection begins: by a SYN of ours, or by a SYN of a peer, which is held until the host
 * has dialled the target.
 *
 * A single listening control block serves every address and port: its port is written just
 * before lwIP gets the held SYN and cleared after that, so no other packet can match. */
#pragma once
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "pool.h"
#include "conn.h"
#include "connections.c"
#include "hold.c"
#include "icmp.c"
#include "interface.c"
#include "packet.c"
#include "random.c"
#include "receive.c"
#include "report.c"
#include "send.c"
#include "shares.c"
#include "sources.c"
#include "table.c"

#define FIRST_EPHEMERAL 32768
#define LEAST_MSS 88 /* as in Linux */

static struct tcp_pcb_listen *listener;
static uint16_t next_port;

/* Binds a control block of lwIP to a connection. */
static void adopt(struct conn *c, struct tcp_pcb *pcb) {
  c->pcb = pcb;
  tcp_arg(pcb, c);
  tcp_recv(pcb, on_received);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_error);
  tcp_nagle_disable(pcb);
  if (is_away(c->remote_ip)) tcp_set_flags(pcb, TF_HELD);
}

static void opened(struct conn *c) {
  c->state = OPEN;
  end_half_open(c);
  /* The MSS that a strange peer announces must not cut a block to more segments than the queue
   * takes. */
  if (c->pcb->mss < LEAST_MSS) {
    c->pcb->mss = LEAST_MSS;
    c->pcb->cwnd = 4 * LEAST_MSS; /* with the smaller MSS, less than a segment */
  }
  if (c->pcb->snd_wnd_max < 2 * LEAST_MSS) c->pcb->snd_wnd_max = 2 * LEAST_MSS;
  /* A short pool offers less from the start. */
  uint32_t window = share();
  if (window < 2 * TCP_MSS) window = 2 * TCP_MSS;
  if (c->pcb->rcv_wnd > window) {
    c->rx_credit = c->pcb->rcv_wnd - window;
    c->pcb->rcv_wnd = c->pcb->rcv_ann_wnd = window;
    anyone_pinched = true;
  }
  emit(c, EVENT_OPEN);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)err;
  /* lwIP cuts segments at half the largest window seen, and a SYN cannot show a window of more
   * than 64 KiB. */
  if ((pcb->flags & TF_WND_SCALE) && pcb->snd_wnd_max < 2u * pcb->mss) {
    pcb->snd_wnd_max = 2u * pcb->mss;
  }
  if (arg != NULL) opened(arg);
  return ERR_OK;
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)pcb;
  if (arg != NULL && err == ERR_OK) opened(arg);
  return ERR_OK;
}

static void begin_to_listen(void) {
  struct tcp_pcb *pcb = tcp_new();
  pcb = tcp_listen(pcb);
  tcp_accept(pcb, on_accepted);
  listener = (struct tcp_pcb_listen *)pcb;
  next_port = (uint16_t)(FIRST_EPHEMERAL + random_u32() % (65536 - FIRST_EPHEMERAL));
}

/* Keeps a SYN for a new connection, and tells the host. */
static void hold_syn(uint32_t lip, uint32_t rip, uint16_t lport, uint16_t rport,
    const uint8_t *packet, uint32_t header, uint32_t length) {
  struct source **place = place_of_source(rip);
  if (!has_share(*place)) {
    turned_away.count++;
    turned_away.address = lwip_ntohl(rip);
    return;
  }
  if (!tcp_checksum_right(packet, header, length)) {
    statistic[STATISTIC_PACKETS_DROPPED]++;
    return;
  }
  struct source *source = length <= 1024 ? source_at(place, rip) : NULL;
  uint8_t *copy = source != NULL ? pool_alloc(length) : NULL;
  struct conn *c = copy != NULL ? new_conn(lip, rip, lport, rport) : NULL;
  if (c == NULL) {
    /* The other side sends the SYN again. */
    pool_free(copy);
    forget_source(source);
    statistic[STATISTIC_PACKETS_WITHOUT_MEMORY]++;
    return;
  }
  memcpy(copy, packet, length);
  pending_syns++;
  c->source = source;
  source->conns++;
  source->half_open++;
  half_open_conns++;
  c->half_open = true;
  c->syn = copy;
  c->syn_length = length;
  c->inbound = true;
  c->state = PENDING;
  emit(c, EVENT_SYN);
}

int32_t conn_connect(uint32_t address, uint32_t port) {
  uint32_t rip = lwip_htonl(address);
  uint16_t lport = 0;
  for (int tries = 0; tries < 65536 - FIRST_EPHEMERAL; tries++) {
    lport = next_port;
    next_port = next_port == 65535 ? FIRST_EPHEMERAL : (uint16_t)(next_port + 1);
    if (find(me, rip, lport, (uint16_t)port) == NULL) break;
    lport = 0;
  }
  if (lport == 0) return CONNECT_TABLE_FULL;
  struct conn *c = new_conn(me, rip, lport, (uint16_t)port);
  if (c == NULL) return CONNECT_TABLE_FULL;
  c->state = OPENING;
  struct tcp_pcb *pcb = tcp_new();
  if (pcb != NULL) {
    adopt(c, pcb);
    /* Set here, not by tcp_bind, which walks every list to find the port free. */
    pcb->local_ip.addr = me;
    pcb->local_port = lport;
    ip_addr_t to = { .addr = rip };
    if (tcp_connect(pcb, &to, (u16_t)port, on_connected) == ERR_OK) return index_of(c);
    c->pcb = NULL;
    tcp_arg(pcb, NULL);
    pcb->local_port = 0;
    tcp_abort(pcb);
  }
  c->released = true;
  free_slot_if_unused(c);
  return CONNECT_NO_MEMORY;
}

static void end_time_wait_of(const struct conn *c) {
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
    if (pcb->local_port == c->local_port && pcb->remote_port == c->remote_port
        && pcb->remote_ip.addr == c->remote_ip && pcb->local_ip.addr == c->local_ip) {
      tcp_abort(pcb);
      return;
    }
  }
}

int32_t conn_accept(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->state != PENDING) return -1;
  end_time_wait_of(c);
  listener->local_port = c->local_port;
  feed_lwip(c->syn, c->syn_length, false);
  listener->local_port = 0;
  free_syn(c);
  struct tcp_pcb *pcb = tcp_active_pcbs; /* the newest is the first */
  if (pcb == NULL || pcb->state != SYN_RCVD || pcb->remote_port != c->remote_port
      || pcb->local_port != c->local_port || pcb->remote_ip.addr != c->remote_ip
      || pcb->local_ip.addr != c->local_ip) {
    detach(c, EVENT_FAILED, REASON_NO_MEMORY, 0);
    return -1;
  }
  c->state = OPENING;
  adopt(c, pcb);
  return 0;
}

void conn_refuse(uint32_t i, uint32_t code) {
  struct conn *c = &conns[i];
  if (c->state == PENDING) {
    end_time_wait_of(c);
    if (code != REFUSE_WITHOUT_ICMP) send_unreachable(c, (uint8_t)code);
    feed_lwip(c->syn, c->syn_length, false);
  }
  c->released = true;
  if (c->state == PENDING) c->state = DONE;
  free_slot_if_unused(c);
}
