/* Connections to hosts that are away: their link has dropped, and may come back.
 *
 * From hold() to resume() no timer of such a connection counts, so none is given up, whatever is
 * lost meanwhile. At the resume all that is under way is sent again. Who has nothing under way
 * asks the peer, whose answer tells the window, or is a reset if the peer knows of no such
 * connection: so a lost window update and a lost reset are made good.
 *
 * A flag in its control block holds a connection, in TIME_WAIT too: the peer's FIN, sent again,
 * would else be answered with a reset. The ranges are kept for connections that begin while their
 * host is away, and for those that lie in several ranges. A connection that has sent its SYN has
 * the flag already but fails by its own clock, since somebody waits for it. */
#pragma once
#include <stdbool.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "conn.h"
#include "output.c"
#include "table.c"

/* A range beyond these holds only the connections that there are. */
#define MOST_RANGES 1024
/* A peer that does not answer is asked again after this, and after twice as long each time, until
 * a minute has passed. Questions wait for room in the small buffer: all at once, their answers
 * would find none on the other side. */
#define ASK_AGAIN_MS 1000
#define MOST_ASK_MS 32000
/* A flag that lwIP has no use for. */
#define TF_HELD 0x8000U

static struct range { uint32_t network, mask; } ranges[MOST_RANGES]; /* host order */
static uint32_t range_count;
static bool anyone_held, anyone_asked;
/* When those without an answer were last asked, and the time until they are asked again. */
static uint32_t asked_ticks, ask_again_ticks;

static bool lies_in(struct range range, uint32_t ip) {
  return (lwip_ntohl(ip) & range.mask) == range.network;
}

/* Whether a host, in network order, is away. */
static bool is_away(uint32_t ip) {
  for (uint32_t i = 0; i < range_count; i++) {
    if (lies_in(ranges[i], ip)) return true;
  }
  return false;
}

static bool is_held(const struct tcp_pcb *pcb) { return (pcb->flags & TF_HELD) != 0; }

/* Before each tick: stops the timers of those that are held. */
static void stop_timers(void) {
  if (!anyone_held) return;
  anyone_held = range_count > 0;
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
    if (!is_held(pcb)) continue;
    anyone_held = true;
    if (pcb->state == SYN_SENT) continue;
    if (pcb->rtime > 0) pcb->rtime = 0; /* no RTO is a single tick */
    pcb->persist_cnt = 0;
    pcb->nrtx = pcb->persist_probe = 0;
    pcb->tmr = tcp_ticks;
  }
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
    if (!is_held(pcb)) continue;
    anyone_held = true;
    pcb->tmr = tcp_ticks;
  }
}

static void hold_listed(struct tcp_pcb *pcb, struct range range) {
  for (; pcb != NULL; pcb = pcb->next) {
    if (lies_in(range, pcb->remote_ip.addr)) tcp_set_flags(pcb, TF_HELD);
  }
}

void hold(uint32_t network, uint32_t mask) {
  struct range range = { network & mask, mask };
  uint32_t i = 0;
  while (i < range_count && (ranges[i].network != range.network || ranges[i].mask != mask)) i++;
  if (i == range_count && range_count < MOST_RANGES) ranges[range_count++] = range;
  hold_listed(tcp_active_pcbs, range);
  hold_listed(tcp_tw_pcbs, range);
  anyone_held = true;
}

/* Forgets a range, and those within it if `inner`. */
static void forget_range(struct range range, bool inner) {
  for (uint32_t i = range_count; i-- > 0;) {
    bool within = (ranges[i].network & range.mask) == range.network
      && (ranges[i].mask & range.mask) == range.mask;
    if (within && (inner || ranges[i].mask == range.mask)) ranges[i] = ranges[--range_count];
  }
}

static void end_held_time_waits(struct range range) {
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
    if (!is_held(pcb) || !lies_in(range, pcb->remote_ip.addr) || is_away(pcb->remote_ip.addr)) {
      continue;
    }
    tcp_clear_flags(pcb, TF_HELD);
    pcb->tmr = tcp_ticks;
  }
}

/* All that is under way was lost: it is sent again from the beginning. Neither that nor what was
 * lost before hold() says anything of the path, so the threshold is that of a new connection. */
static void send_again(struct tcp_pcb *pcb) {
  if (pcb->state >= ESTABLISHED) {
    pcb->ssthresh = TCP_SND_BUF;
    pcb->cwnd = pcb->mss;
  }
  pcb->bytes_acked = 0;
  pcb->dupacks = 0;
  tcp_clear_flags(pcb, TF_INFR);
  tcp_rexmit_rto_prepare(pcb);
  pcb->rtime = 0;
}

/* The host of a connection is back. */
static void go_on(struct conn *c) {
  struct tcp_pcb *pcb = c->pcb;
  tcp_clear_flags(pcb, TF_HELD);
  c->quick_acks = 0; /* the peer's window is a single segment */
  pcb->nrtx = pcb->persist_probe = 0;
  pcb->rttest = 0; /* no sample of the gap */
  pcb->rto = (s16_t)LWIP_MAX(2, (pcb->sa >> 3) + pcb->sv);
  if (pcb->rtime > 0) pcb->rtime = 0;
  if (pcb->unacked != NULL) {
    send_again(pcb);
  } else if (pcb->state >= ESTABLISHED) {
    if (pcb->persist_backoff > 0) pcb->persist_cnt = 0xff; /* a probe at the next tick */
    c->must_ask = c->asked = anyone_asked = true;
  }
  output(c);
}

uint32_t resume(uint32_t network, uint32_t mask) {
  struct range range = { network & mask, mask };
  forget_range(range, false);
  end_held_time_waits(range);
  uint32_t count = 0;
  for (uint32_t i = 0; i < conns_touched; i++) {
    struct conn *c = &conns[i];
    if (c->pcb == NULL || !is_held(c->pcb)) continue;
    if (!lies_in(range, c->remote_ip) || is_away(c->remote_ip)) continue;
    go_on(c);
    count++;
  }
  asked_ticks = tcp_ticks;
  ask_again_ticks = ASK_AGAIN_MS / TCP_SLOW_INTERVAL;
  return count;
}

/* After each tick: a question or its answer may have been lost for want of room or memory. */
static void ask_again(void) {
  if (!anyone_asked || tcp_ticks - asked_ticks < ask_again_ticks) return;
  asked_ticks = tcp_ticks;
  anyone_asked = false;
  bool is_last = ask_again_ticks >= MOST_ASK_MS / TCP_SLOW_INTERVAL;
  ask_again_ticks *= 2;
  for (uint32_t i = 0; i < conns_touched; i++) {
    struct conn *c = &conns[i];
    if (c->pcb == NULL || !c->asked || is_held(c->pcb)) continue;
    c->must_ask = true;
    if (!is_last) anyone_asked = true;
    output(c);
  }
}
