/* What lwIP asks of the glue. */
#ifndef NOROUTER_HOOKS_H
#define NOROUTER_HOOKS_H
unsigned int random_u32(void);
struct netif;
struct netif *glue_route(void);
#endif
