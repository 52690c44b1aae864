/* Functions and variables of the glue that lwIP uses. */
#ifndef NOROUTER_HOOKS_H
#define NOROUTER_HOOKS_H
unsigned int random_u32(void);
struct netif;
struct netif *glue_route(void);
/* Memory that a pbuf of the glue holds, and how much may be held ahead of its turn. */
struct pbuf;
unsigned int glue_held_by(const struct pbuf *p);
struct tcp_pcb;
unsigned int glue_ahead_limit(const struct tcp_pcb *pcb);
/* The control block of the segment under way, or NULL where the glue does not know. */
extern struct tcp_pcb *glue_known;
#endif
