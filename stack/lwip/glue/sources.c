/* The hosts whose SYNs opened connections, and the share of the table that each may have: a host
 * that floods leaves room for the others. */
#pragma once
#include "abi.h"
#include "conn.h"
#include "pool.h"
#include "table.c"

/* Held SYNs, and handshakes whose third segment has not come. */
#define MAX_HALF_OPEN 4096
#define SOURCE_HASH_SIZE 256

struct source {
  struct source *next;
  uint32_t ip, conns;
  uint32_t half_open; /* connections among them whose handshake is under way */
};

static struct source *sources[SOURCE_HASH_SIZE];
static uint32_t half_open_conns;
/* SYNs dropped since their host had its share, and the last such host; read by the host. */
static struct { uint32_t count, address; } turned_away;

static struct source **place_of_source(uint32_t ip) {
  struct source **place = &sources[(ip * 0x9e3779b1u) >> 24];
  while (*place != NULL && (*place)->ip != ip) place = &(*place)->next;
  return place;
}

/* A host may hold three quarters of the connections, and half of the unfinished handshakes,
 * that the others leave. So there is always room for one more host, and for
 * connections of our own. */
static bool has_share(const struct source *source) {
  uint32_t conns = source != NULL ? source->conns : 0;
  uint32_t half_open = source != NULL ? source->half_open : 0;
  return half_open < MAX_HALF_OPEN - half_open_conns && conns < 3 * (MAX_CONNS - open_conns);
}

/* The entry of a host, made for a new host; NULL if there is no memory. */
static struct source *source_at(struct source **place, uint32_t ip) {
  if (*place != NULL) return *place;
  struct source *source = pool_calloc(1, sizeof *source);
  if (source != NULL) source->ip = ip;
  return *place = source;
}

/* Frees the entry of a host without connections. */
static void forget_source(struct source *source) {
  if (source == NULL || source->conns > 0) return;
  *place_of_source(source->ip) = source->next;
  pool_free(source);
}

/* The handshake of a connection that a peer asked for is over, or will not be. */
static void end_half_open(struct conn *c) {
  if (!c->half_open) return;
  c->half_open = false;
  half_open_conns--;
  c->source->half_open--;
}

uint32_t turned_away_address(void) { return (uint32_t)&turned_away; }
