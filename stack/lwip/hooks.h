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
/* Cuts the next segment to be sent to the size that the host wants, and says whether the next may
 * go now; if not, its connection waits for its turn. */
void glue_shorten(struct tcp_pcb *pcb);
int glue_may_send(struct tcp_pcb *pcb);
/* Appends references to the last `length` bytes of a segment's data to a pbuf; false if there is
 * no memory. */
int glue_refer(struct pbuf *to, struct pbuf *from, unsigned int length);
/* The control block of the segment under way where the glue knows it, or NULL. */
extern struct tcp_pcb *glue_known;
#endif
