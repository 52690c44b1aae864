/* lwIP's timers, which run only when the host calls poll(). */
#pragma once
#include <stdbool.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "conn.h"
#include "hold.c"
#include "output.c"
#include "receive.c"
#include "send.c"
#include "shares.c"
#include "table.c"

#define TIME_WAIT_MS 2000
/* A SYN may wait for a host to come up (20 s) and then for a dial (10 s). */
#define SYN_LIMIT_MS 35000

static uint32_t last_tick_ms;

/* lwIP calls this at each control block that is listed; the host asks poll() after every call. */
void tcp_timer_needed(void) {}

/* Whether a control block waits for time to pass. */
static bool needs_timer(const struct tcp_pcb *pcb) {
  if (is_held(pcb) && pcb->state != SYN_SENT) {
    return (pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND)) != 0;
  }
  return pcb->unacked != NULL || pcb->unsent != NULL || pcb->ooseq != NULL
    || pcb->refused_data != NULL || pcb->persist_backoff > 0 || pcb->state == SYN_RCVD
    || pcb->state == LAST_ACK || pcb->state == CLOSING
    || (pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND)) != 0;
}

/* lwIP allows a SYN six repetitions, one a second; the clock decides instead. */
static void keep_asking(void) {
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
    if (pcb->state != SYN_SENT || pcb->nrtx < 2) continue;
    bool late = tcp_ticks - pcb->tmr >= SYN_LIMIT_MS / TCP_SLOW_INTERVAL;
    pcb->nrtx = late ? TCP_SYNMAXRTX : 1;
  }
}

static void end_old_time_waits(void) {
  struct tcp_pcb *pcb = tcp_tw_pcbs;
  while (pcb != NULL) {
    struct tcp_pcb *next = pcb->next;
    if (tcp_ticks - pcb->tmr >= TIME_WAIT_MS / TCP_SLOW_INTERVAL) tcp_abort(pcb);
    pcb = next;
  }
}

/* Memory may have come free: windows open, and waiting bytes are written. */
static void look_after_the_pinched(void) {
  if (!anyone_pinched) return;
  anyone_pinched = false;
  for (uint32_t i = 0; i < conns_touched; i++) {
    struct conn *c = &conns[i];
    if (c->state != OPEN || c->pcb == NULL) continue;
    open_window(c);
    if (c->unwritten > 0 || (c->shut && !c->fin_sent)) {
      write_rest(c);
      output(c);
    }
    tell_room(c);
    if (c->wants_room) anyone_pinched = true;
  }
}

int32_t poll(uint32_t now) {
  uint32_t behind = now - last_tick_ms;
  if (behind >= 2 * TCP_SLOW_INTERVAL) {
    /* After an idle time, or a sleep of the machine, timers run once. lwIP's clock stood still
     * meanwhile, so connections that begin now do not look as old as the gap. */
    last_tick_ms = now - TCP_TMR_INTERVAL;
    behind = TCP_TMR_INTERVAL;
  }
  if (behind >= TCP_TMR_INTERVAL) {
    last_tick_ms += TCP_TMR_INTERVAL;
    stop_timers();
    tcp_tmr();
    keep_asking();
    end_old_time_waits();
    look_after_the_pinched();
    ask_again();
  }
  bool pending = anyone_pinched || anyone_asked;
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL && !pending; pcb = pcb->next) {
    pending = !is_held(pcb);
  }
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && !pending; pcb = pcb->next) {
    pending = needs_timer(pcb);
  }
  if (!pending) return POLL_NEVER;
  behind = now - last_tick_ms;
  return behind >= TCP_TMR_INTERVAL ? 0 : (int32_t)(TCP_TMR_INTERVAL - behind);
}
