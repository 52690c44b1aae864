/* The table of connections: numbered slots, a hash over addresses and ports, and the queue of
 * connections with events.
 *
 * A connection is in the queue once at the most, so the table bounds the queue. */
#pragma once
#include <string.h>
#include "abi.h"
#include "conn.h"
#include "report.c"

#define MAX_CONNS 16384
#define HASH_SIZE 16384

static struct conn conns[MAX_CONNS];
static struct conn *hash_table[HASH_SIZE];
static struct conn *free_conns, *event_head, *event_tail;
static uint32_t conns_touched, open_conns;

static uint32_t hash(uint32_t lip, uint32_t rip, uint16_t lport, uint16_t rport) {
  uint32_t h = (rip ^ ((uint32_t)rport << 16 | lport)) * 0x9e3779b1u;
  h = (h ^ h >> 15 ^ lip) * 0x85ebca6bu;
  return (h ^ h >> 13) & (HASH_SIZE - 1);
}

static struct conn *find(uint32_t lip, uint32_t rip, uint16_t lport, uint16_t rport) {
  struct conn *c = hash_table[hash(lip, rip, lport, rport)];
  while (c != NULL && (c->local_port != lport || c->remote_port != rport
      || c->remote_ip != rip || c->local_ip != lip)) {
    c = c->hash_next;
  }
  return c;
}

/* The connection of a packet that we sent; NULL if there is none. */
static struct conn *conn_of_output(const uint8_t *packet) {
  uint32_t lip, rip;
  memcpy(&lip, packet + 12, 4);
  memcpy(&rip, packet + 16, 4);
  const uint8_t *tcp = packet + (packet[0] & 15) * 4;
  return find(lip, rip, (uint16_t)(tcp[0] << 8 | tcp[1]), (uint16_t)(tcp[2] << 8 | tcp[3]));
}

/* A slot, hashed and otherwise zero; NULL if the table is full. */
static struct conn *new_conn(uint32_t lip, uint32_t rip, uint16_t lport, uint16_t rport) {
  struct conn *c = free_conns;
  if (c != NULL) free_conns = c->list_next;
  else if (conns_touched < MAX_CONNS) c = &conns[conns_touched++];
  else return NULL;
  memset(c, 0, sizeof *c);
  c->local_ip = lip;
  c->remote_ip = rip;
  c->local_port = lport;
  c->remote_port = rport;
  uint32_t h = hash(lip, rip, lport, rport);
  c->hash_next = hash_table[h];
  hash_table[h] = c;
  c->hashed = true;
  open_conns++;
  return c;
}

/* Takes a connection out of the hash, so that its addresses and ports may name a new
 * connection. */
static void forget(struct conn *c) {
  if (!c->hashed) return;
  struct conn **link =
    &hash_table[hash(c->local_ip, c->remote_ip, c->local_port, c->remote_port)];
  while (*link != c) link = &(*link)->hash_next;
  *link = c->hash_next;
  c->hashed = false;
}

static int32_t index_of(const struct conn *c) { return (int32_t)(c - conns); }

/* Adds events of a connection, unless released by the host. */
static void emit(struct conn *c, uint8_t events) {
  if (c->released) return;
  c->events |= events;
  if (c->queued) return;
  c->queued = true;
  c->event_next = NULL;
  if (event_tail != NULL) event_tail->event_next = c;
  else event_head = c;
  event_tail = c;
}

void conn_addresses(uint32_t i) {
  struct conn *c = &conns[i];
  reply.a = lwip_ntohl(c->local_ip);
  reply.b = c->local_port;
  reply.c = lwip_ntohl(c->remote_ip);
  reply.d = c->remote_port;
}
