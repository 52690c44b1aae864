/* lwIP's only network interface.
 *
 * Packets for any address are accepted: the interface takes a packet's destination as its own
 * address while lwIP looks at that packet. */
#pragma once
#include <string.h>
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "abi.h"
#include "hooks.h"
#include "conn.h"
#include "buffers.c"
#include "frames.c"
#include "output.c"
#include "packet.c"
#include "report.c"
#include "table.c"

/* A packet up to this size holds no data worth the name, and may use the reserve. */
#define SMALL_PACKET 100

struct tcp_pcb *glue_known;
static struct netif netif;
static uint32_t me; /* network order */

struct netif *glue_route(void) { return &netif; }

/* Whether a packet is a reset behind data, or an ICMP message, that it must not overtake. */
static bool is_reset_behind(const uint8_t *packet) {
  if (!(packet[(packet[0] & 15) * 4 + 13] & TCP_RST)) return false;
  const struct conn *c = conn_of_output(packet);
  return c != NULL && c->bulk_turn == out_turn;
}

/* Room for a packet that lwIP made without glue_may_send: it has no data, or is a probe. */
static uint8_t *begin_control(const uint8_t *packet, uint32_t length) {
  enum place place = length > SMALL_PACKET ? BULK
    : is_reset_behind(packet) ? BULK_OR_RESERVE : FIRST;
  uint8_t *at = begin_frame(length, place);
  if (at == NULL) {
    struct conn *c = conn_of_output(packet);
    if (c != NULL && length <= SMALL_PACKET) c->owes_ack = true;
    block(c);
  }
  return at;
}

/* lwIP's callback: a packet goes out. */
static err_t on_output(struct netif *unused, struct pbuf *p, const ip4_addr_t *to) {
  (void)unused;
  (void)to;
  struct conn *c = sending;
  sending = NULL;
  uint8_t *at = c != NULL ? begin_data(c, p->tot_len) : begin_control(p->payload, p->tot_len);
  if (at == NULL) return ERR_MEM;
  for (; p != NULL; p = p->next) {
    memcpy(at, p->payload, p->len);
    at += p->len;
  }
  return ERR_OK;
}

static err_t netif_init_glue(struct netif *n) {
  n->name[0] = 'n';
  n->name[1] = 'r';
  n->output = on_output;
  n->mtu = MTU;
  n->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static void bring_interface_up(uint32_t address) {
  me = lwip_htonl(address);
  ip4_addr_t ip = { .addr = me }, mask = { .addr = 0xffffffff }, none = { .addr = 0 };
  netif_add(&netif, &ip, &mask, &none, NULL, netif_init_glue, ip4_input);
  netif_set_default(&netif);
  netif_set_up(&netif);
}

/* Gives lwIP a packet. A packet whose bytes will be read at once `may_stay` in its input
 * buffer. */
static void feed_lwip(const uint8_t *packet, uint32_t length, bool may_stay) {
  struct pbuf *p = may_stay ? in_place(packet, length) : NULL;
  if (p == NULL) {
    p = new_rxbuf(length);
    if (p == NULL) {
      statistic[STATISTIC_PACKETS_WITHOUT_MEMORY]++;
      return;
    }
    memcpy(p->payload, packet, length);
  }
  memcpy(&netif.ip_addr, packet + 16, 4);
  ip4_input(p, &netif);
  memcpy(&netif.ip_addr, &me, 4);
}
