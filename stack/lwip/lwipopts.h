/* How lwIP is configured for an agent: TCP over IPv4, no threads, no sockets, and segments as
 * large as a frame carries. */
#ifndef NOROUTER_LWIPOPTS_H
#define NOROUTER_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0

#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ICMP 0
#define LWIP_RAW 0
#define LWIP_UDP 0
#define LWIP_DHCP 0
#define LWIP_DNS 0
#define IP_FORWARD 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define IP_OPTIONS_ALLOWED 1

/* All memory comes from pool.c, so that there is a single pool and a single shortage. */
#define MEM_ALIGNMENT 16
#define MEM_CUSTOM_ALLOCATOR 1
#define MEMP_MEM_MALLOC 1
void *pool_alloc(__SIZE_TYPE__ size);
void *pool_calloc(__SIZE_TYPE__ count, __SIZE_TYPE__ size);
void pool_free(void *block);
#define MEM_CUSTOM_MALLOC pool_alloc
#define MEM_CUSTOM_CALLOC pool_calloc
#define MEM_CUSTOM_FREE pool_free
#define PBUF_LINK_HLEN 0
#define PBUF_LINK_ENCAPSULATION_HLEN 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
/* Packets come in buffers of the glue; lwIP's own pool of them stays empty. */
#define PBUF_POOL_SIZE 0
#define PBUF_POOL_BUFSIZE 1536

#define LWIP_TCP 1
/* The checks assume segments below 16 KiB and a threshold of 16 bits, which only the
 * sequential APIs use. */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
/* 65528 (a frame of exactly 64 KiB) less two headers of 20; the interface's MTU brings our
 * announced MSS down to that; NoRouter's agents announce 65495. */
#define TCP_MSS 65495
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 6
#define TCP_WND (2 * 1024 * 1024)
#define TCP_SND_BUF (2 * 1024 * 1024)
#define TCP_SND_QUEUELEN 4096
#define TCP_SNDLOWAT 0xffff
#define TCP_SNDQUEUELOWAT (TCP_SND_QUEUELEN / 2)
#define TCP_OVERSIZE 0
#define TCP_QUEUE_OOSEQ 1
/* Segments ahead of their turn; the farthest is dropped first. The glue keeps no more than 64
 * small pieces. */
#define TCP_OOSEQ_BYTES_LIMIT(pcb) glue_ahead_limit(pcb)
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) 512
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 0
#define LWIP_TCP_KEEPALIVE 0
#define SO_REUSE 0
/* The tick is 50 ms, not 250: a lost segment is sent again five times sooner. */
#define TCP_TMR_INTERVAL 50
#define TCP_SLOW_INTERVAL (2 * TCP_TMR_INTERVAL)
#define TCP_FAST_INTERVAL TCP_TMR_INTERVAL
/* lwIP also ends a silent LAST_ACK after twice this, so this must be long; the glue ends
 * TIME_WAIT itself after TIME_WAIT_MS. */
#define TCP_MSL 60000UL
#define LWIP_TCP_RTO_TIME 1000

#define CHECKSUM_GEN_IP 1
#define CHECKSUM_GEN_TCP 1
#define CHECKSUM_CHECK_IP 1
#define CHECKSUM_CHECK_TCP 1
#define LWIP_CHECKSUM_ON_COPY 0
unsigned short simd_chksum(const void *data, int length);
#define LWIP_CHKSUM simd_chksum

#define LWIP_HOOK_FILENAME "hooks.h"
/* lwIP would not send to 127.0.0.0/8, where the virtual addresses lie. */
#define LWIP_HOOK_IP4_ROUTE(dest) glue_route()
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) random_u32()

#endif
