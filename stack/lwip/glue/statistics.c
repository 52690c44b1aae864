/* Numbers for tests and people: memory and connections in use now, beside the counters. */
#pragma once
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "pool.h"
#include "connections.c"
#include "report.c"
#include "sources.c"
#include "table.c"

uint32_t free_run(uint32_t page) {
  uint32_t next;
  uint32_t bytes = pool_free_run(page, &next);
  reply.a = (uint32_t)pool_page(next) - bytes;
  reply.b = next;
  return bytes;
}

uint32_t statistics(void) {
  uint32_t time_wait = 0, active = 0;
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) time_wait++;
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) active++;
  statistic[STATISTIC_PAGES] = pool_pages();
  statistic[STATISTIC_USED_PAGES] = pool_used_pages();
  statistic[STATISTIC_USED_BLOCKS] = pool_used_blocks();
  statistic[STATISTIC_CONNECTIONS] = open_conns;
  statistic[STATISTIC_PENDING_SYNS] = pending_syns;
  statistic[STATISTIC_ACTIVE] = active;
  statistic[STATISTIC_TIME_WAIT] = time_wait;
  statistic[STATISTIC_TURNED_AWAY] = turned_away.count;
  return (uint32_t)statistic;
}
