/* One TCP/IP stack of one agent: lwIP behind a table of connections.
 *
 * Theory of operation
 *
 * The host calls in, nothing is ever called out: the module has no imports. Time comes
 * with poll(), packets with input(), and what happened is collected per connection as
 * event bits, fetched with next_event(). A connection is queued for fetching at most
 * once, so the events are bounded by the table.
 *
 * A connection (struct conn) is FREE, then PENDING (a SYN is held back until the host has
 * dialled the target and says accept() or refuse()) or OPENING (our SYN is out), then
 * OPEN until lwIP has no more to do with it (DONE). It is given back with release().
 *
 * One listening control block serves every address and port: its port is written just
 * before the held SYN is handed to lwIP and cleared after, so nothing else can match it.
 * Packets for foreign addresses are accepted by writing the packet's destination into the
 * interface's address just before ip4_input.
 *
 * Bytes to send lie in blocks of the pool which the host has filled (tx_alloc, send) and
 * which lwIP refers to without copying; they are freed when acknowledged. Bytes received
 * stay where their packets were read, or are copied to a block of the pool if they are few
 * or their reader lags behind, until the host consumes them; only then the window opens
 * again.
 *
 * Packets to send are written as finished frames into one of two output buffers; the host
 * takes one while lwIP fills the other. A full buffer is not an error: the segment stays
 * in lwIP's queue, its connection is noted as blocked, and goes on when there is room.
 *
 * When the pool runs short (more than a quarter used) each connection is held to a share of
 * it: windows are not reopened beyond it, reads for sending stop, and at the worst an
 * arriving segment is dropped, which TCP repairs. */
#include <stdbool.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "pool.h"

#define EXPORT(name) __attribute__((export_name(#name)))

#define FRAME_HEADER 8
#define FRAME_MAGIC 0x42
#define FRAME_L3 1
#define MTU 65528
#define MAX_PACKET 65535
#define MAX_CONNS 16384
/* SYNs that are held, and those that were answered and wait for the third segment. */
#define MAX_HALF_OPEN 4096
#define HASH_SIZE 16384
#define SOURCE_HASH_SIZE 256
#define OUT_SIZE (320 * 1024)
/* The last part of an output buffer is kept for packets without data (acknowledgements,
 * resets), so that a sender of bulk cannot silence the other direction. */
#define OUT_RESERVE (64 * 1024)
#define SMALL_PACKET 100
#define IN_HEADROOM 65552
#define IN_SIZE (256 * 1024)
#define IN_BUFFERS 8
/* A packet of this size stays in the buffer it was read into, if its reader keeps up. */
#define IN_PLACE_FROM 8192
#define IN_PLACE_BACKLOG (512 * 1024)
#define GATHER_BELOW 16384
#define TIME_WAIT_MS 2000
#define LEAST_MSS 88 /* Linux's, too */
#define TRIMMED_DATA 256
#define CRUMB 1024
#define MOST_CRUMBS 64
#define QUICK_ACKS 16
/* A SYN may wait for a host to come up (20 s) and then for a dial (10 s). */
#define SYN_LIMIT_MS 35000
#define FIRST_EPHEMERAL 32768

enum { FREE, PENDING, OPENING, OPEN, DONE };
enum {
  EV_SYN = 1, EV_OPEN = 2, EV_READABLE = 4, EV_EOF = 8, EV_WRITABLE = 16, EV_CLOSED = 32,
  EV_FAILED = 64,
};
enum {
  REASON_NONE, REASON_RESET, REASON_REFUSED, REASON_TIMED_OUT, REASON_UNREACHABLE,
  REASON_HOST_DOWN, REASON_NO_MEMORY,
};

struct txblock {
  struct txblock *next;
  uint32_t length;
  uint32_t size; /* of the whole block, header and all */
  uint32_t spare;
};

struct rxbuf {
  struct pbuf_custom custom;
  uint8_t *data; /* a block of its own, or NULL if the bytes lie elsewhere */
  struct inbuf *origin; /* the input buffer they lie in, or NULL if they follow this header */
};

struct inbuf {
  uint32_t packets; /* that still lie in it */
  bool busy; /* with the host: being read into, or being processed */
};

/* A host that has connections here which it asked for. */
struct source {
  struct source *next;
  uint32_t ip, conns, half_open; /* of its conns, those whose handshake is under way */
};

struct conn {
  struct tcp_pcb *pcb;
  struct conn *hash_next, *event_next, *list_next;
  struct source *source; /* who asked for it, or NULL if we did */
  uint32_t local_ip, remote_ip; /* network order */
  uint16_t local_port, remote_port; /* host order */
  uint8_t state, events, reason, code, quick_acks;
  bool queued, inbound, half_open, shut, fin_sent, got_eof, released, wants_room, hashed;
  bool aborting, owes_ack; /* as soon as there is room in the output buffer */
  bool shrinking; /* the segment under way is to close the window */
  bool blocked; /* in the list of those that wait for room in the output buffer */
  struct pbuf *rx_head, *rx_tail;
  uint32_t rx_bytes, rx_held, rx_credit;
  struct txblock *tx_head, *tx_tail;
  uint32_t tx_held, tx_head_acked;
  uint32_t unwritten; /* bytes at the end of tx_tail that lwIP had no memory for yet */
  uint8_t *syn; /* the held SYN: a whole IP packet */
  uint32_t syn_length;
};

static struct conn conns[MAX_CONNS];
static struct conn *hash_table[HASH_SIZE];
static struct source *sources[SOURCE_HASH_SIZE];
static struct conn *free_conns, *event_head, *event_tail, *blocked_head, *blocked_tail;
static uint32_t conns_touched, open_conns, pending_syns, half_open_conns;
/* Connections whose window is held back, or that were refused memory: looked at again by
 * the next tick. */
static bool anyone_pinched;

struct tcp_pcb *glue_known;
static struct netif netif;
static struct tcp_pcb_listen *listener;
static uint32_t me; /* network order */
static uint32_t random_state[4];
static uint32_t last_tick_ms;
static uint16_t next_port;

static uint8_t out_buffers[2][OUT_SIZE] __attribute__((aligned(16)));
static uint32_t out_fill, out_current;
static bool out_busy;
static uint8_t in_bytes[IN_BUFFERS][IN_HEADROOM + IN_SIZE] __attribute__((aligned(16)));
static struct inbuf in_buffers[IN_BUFFERS], *in_current;
static uint32_t in_pinned; /* input buffers in which packets lie */

/* What the last call wants to tell besides its result; read by the host. */
static struct { uint32_t a, b, c, d; } reply;
static struct {
  uint32_t in_packets, in_dropped, in_no_memory, out_packets, out_refused, resets;
} counters;
/* SYNs dropped because their host had its share, and the last such host; read by the host. */
static struct { uint32_t count, address; } turned_away;
static const char *panic_message;

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length);
static void on_error(void *arg, err_t err);
static void output(struct conn *c);
static void finish_abort(struct conn *c);

void glue_panic(const char *message) {
  panic_message = message;
  __builtin_trap();
}

/* lwIP says so whenever it lists a control block; the host asks poll() after every call. */
void tcp_timer_needed(void) {}

struct netif *glue_route(void) { return &netif; }

/* xoshiro128**, seeded by the host: initial sequence numbers and ports (RFC 6528 asks
 * for numbers that others cannot guess). */
uint32_t random_u32(void) {
  uint32_t *s = random_state, m = s[1] * 5, result = (m << 7 | m >> 25) * 9, t = s[1] << 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = s[3] << 11 | s[3] >> 21;
  return result;
}

/* ---- the table of connections ---- */

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

/* Out of the hash, so that the same four numbers may name a new connection. */
static void forget(struct conn *c) {
  if (!c->hashed) return;
  struct conn **link =
    &hash_table[hash(c->local_ip, c->remote_ip, c->local_port, c->remote_port)];
  while (*link != c) link = &(*link)->hash_next;
  *link = c->hash_next;
  c->hashed = false;
}

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

static void free_rx(struct conn *c) {
  while (c->rx_head != NULL) {
    struct pbuf *p = c->rx_head;
    c->rx_head = p->next;
    p->next = NULL;
    p->tot_len = p->len;
    pbuf_free(p);
  }
  c->rx_tail = NULL;
  c->rx_bytes = c->rx_held = 0;
}

static void free_tx(struct conn *c) {
  while (c->tx_head != NULL) {
    struct txblock *block = c->tx_head;
    c->tx_head = block->next;
    pool_free(block);
  }
  c->tx_tail = NULL;
  c->tx_held = c->unwritten = 0;
}

static void free_syn(struct conn *c) {
  if (c->syn == NULL) return;
  pool_free(c->syn);
  c->syn = NULL;
  pending_syns--;
}

/* The handshake of a connection that a peer asked for is over, or will not be. */
static void end_half_open(struct conn *c) {
  if (!c->half_open) return;
  c->half_open = false;
  half_open_conns--;
  c->source->half_open--;
}

static struct source **place_of_source(uint32_t ip) {
  struct source **place = &sources[(ip * 0x9e3779b1u) >> 24];
  while (*place != NULL && (*place)->ip != ip) place = &(*place)->next;
  return place;
}

/* A host may hold three quarters of the connections, and half of those whose handshake is
 * under way, that the others leave. So there is always room for one more host, and for
 * connections of our own. */
static bool has_share(const struct source *source) {
  uint32_t conns = source != NULL ? source->conns : 0;
  uint32_t half_open = source != NULL ? source->half_open : 0;
  return half_open < MAX_HALF_OPEN - half_open_conns && conns < 3 * (MAX_CONNS - open_conns);
}

/* The host of a new SYN; NULL if there is no memory. */
static struct source *source_at(struct source **place, uint32_t ip) {
  if (*place != NULL) return *place;
  struct source *source = pool_calloc(1, sizeof *source);
  if (source != NULL) source->ip = ip;
  return *place = source;
}

static void forget_source(struct source *source) {
  if (source == NULL || source->conns > 0) return;
  *place_of_source(source->ip) = source->next;
  pool_free(source);
}

static void unblock(struct conn *c) {
  if (!c->blocked) return;
  struct conn **link = &blocked_head, *before = NULL;
  while (*link != c) {
    before = *link;
    link = &before->list_next;
  }
  *link = c->list_next;
  if (blocked_tail == c) blocked_tail = before;
  c->blocked = false;
}

/* The slot itself goes back once neither lwIP nor the host nor the event queue hold it. */
static void free_slot_if_unused(struct conn *c) {
  if (!c->released || c->pcb != NULL || c->queued || c->state == FREE) return;
  forget(c);
  unblock(c);
  end_half_open(c);
  free_syn(c);
  free_rx(c);
  free_tx(c);
  if (c->source != NULL) {
    c->source->conns--;
    forget_source(c->source);
  }
  c->state = FREE;
  c->list_next = free_conns;
  free_conns = c;
  open_conns--;
}

/* lwIP is done with the connection: for good (`events` EV_CLOSED) or by a failure. */
static void detach(struct conn *c, uint8_t events, uint8_t reason, uint8_t code) {
  if (c->pcb != NULL) {
    tcp_arg(c->pcb, NULL);
    c->pcb = NULL;
  }
  forget(c);
  unblock(c);
  end_half_open(c);
  free_syn(c);
  free_tx(c);
  c->state = DONE;
  c->reason = reason;
  c->code = code;
  emit(c, events);
  free_slot_if_unused(c);
}

/* ---- memory: who may have how much ---- */

/* While less than a quarter of the pool is used everybody has all they ask for. Beyond
 * that, what is held for one connection and direction is bounded by a quarter of the pool
 * divided by the number of connections, so that all who stall together leave room for
 * those who move. */
static uint32_t share(void) {
  uint32_t pages = pool_pages(), used = pool_used_pages();
  if (used < pages / 4) return TCP_WND;
  uint32_t part = (pages / 4 * POOL_PAGE) / (open_conns + 1);
  return part > TCP_WND ? TCP_WND : part;
}

/* Whether a segment that arrived may be kept. Peers do not take back windows they were
 * offered before memory got short, so a few segments are taken while that does no harm;
 * then one from each, as a connection that moves holds none for long; then small ones. */
static bool admits(const struct conn *c, uint32_t length) {
  uint32_t pages = pool_pages(), used = pool_used_pages(), held = c->rx_held + length;
  if (used < pages / 4) return held <= 2 * TCP_WND;
  if (held <= share()) return true;
  if (used < pages / 4 * 3) return held <= 3 * POOL_PAGE;
  if (used < pages / 16 * 15) return c->rx_held == 0;
  return c->rx_held == 0 && length <= 2048;
}

/* What a pbuf holds of the pool, whatever of it is still wanted. */
static uint32_t held_by(const struct pbuf *p) {
  const struct rxbuf *buffer = (const struct rxbuf *)p;
  uint32_t held = (uint32_t)pool_block_size(p);
  if (buffer->data != NULL) held += (uint32_t)pool_block_size(buffer->data);
  if (buffer->origin != NULL) held += MTU;
  return held;
}

uint32_t glue_held_by(const struct pbuf *p) { return held_by(p); }

/* What came ahead of its turn may hold what the bytes that nobody has read yet leave. */
uint32_t glue_ahead_limit(const struct tcp_pcb *pcb) {
  const struct conn *c = pcb->callback_arg;
  if (c == NULL) return 0;
  uint32_t limit = pool_used_pages() < pool_pages() / 4 ? 2 * TCP_WND : share();
  return limit > c->rx_held ? limit - c->rx_held : 0;
}

static void open_window(struct conn *c) {
  if (c->pcb == NULL || c->rx_credit == 0) return;
  uint32_t target = share();
  /* A window below two segments is worse than none: the sender would split segments. */
  if (target < 2 * TCP_MSS) target = c->rx_bytes == 0 ? 2 * TCP_MSS : 0;
  uint32_t offered = c->pcb->rcv_wnd + c->rx_bytes;
  uint32_t credit = target > offered ? target - offered : 0;
  if (credit > c->rx_credit) credit = c->rx_credit;
  c->rx_credit -= credit;
  if (c->rx_credit > 0) anyone_pinched = true;
  /* lwIP tells of a window that opened by an eighth of the largest; a sender that sees
   * less than a segment would wait for its timer. */
  struct tcp_pcb *pcb = c->pcb;
  bool was_closed = pcb->rcv_ann_right_edge - pcb->rcv_nxt < pcb->mss;
  while (credit > 0) {
    uint16_t step = credit > 0xffff ? 0xffff : (uint16_t)credit;
    tcp_recved(pcb, step);
    credit -= step;
  }
  if (was_closed && pcb->rcv_ann_wnd >= pcb->mss
      && pcb->rcv_ann_right_edge - pcb->rcv_nxt < pcb->mss) {
    tcp_ack_now(pcb);
    output(c);
  }
}

/* ---- packets out ---- */

static struct conn *conn_of_output(const uint8_t *packet) {
  uint32_t lip, rip;
  memcpy(&lip, packet + 12, 4);
  memcpy(&rip, packet + 16, 4);
  const uint8_t *tcp = packet + (packet[0] & 15) * 4;
  return find(lip, rip, (uint16_t)(tcp[0] << 8 | tcp[1]), (uint16_t)(tcp[2] << 8 | tcp[3]));
}

static void block(struct conn *c) {
  if (c == NULL || c->blocked || c->pcb == NULL) return;
  c->blocked = true;
  c->list_next = NULL;
  if (blocked_tail != NULL) blocked_tail->list_next = c;
  else blocked_head = c;
  blocked_tail = c;
}

static uint8_t *begin_frame(uint32_t packet_length, bool small) {
  uint32_t room = OUT_SIZE - (small ? 0 : OUT_RESERVE);
  if (out_fill + FRAME_HEADER + packet_length > room) {
    counters.out_refused++;
    return NULL;
  }
  uint8_t *at = out_buffers[out_current] + out_fill;
  uint32_t length = packet_length + 4;
  at[0] = FRAME_MAGIC;
  at[1] = (uint8_t)(length >> 16);
  at[2] = (uint8_t)(length >> 8);
  at[3] = (uint8_t)length;
  at[4] = 0;
  at[5] = FRAME_L3;
  at[6] = at[7] = 0;
  out_fill += FRAME_HEADER + packet_length;
  counters.out_packets++;
  return at + FRAME_HEADER;
}

static err_t on_output(struct netif *unused, struct pbuf *p, const ip4_addr_t *to) {
  (void)unused;
  (void)to;
  uint8_t *at = begin_frame(p->tot_len, p->tot_len <= SMALL_PACKET);
  if (at == NULL) {
    struct conn *c = conn_of_output(p->payload);
    if (c != NULL && p->tot_len <= SMALL_PACKET) c->owes_ack = true;
    block(c);
    return ERR_MEM;
  }
  for (; p != NULL; p = p->next) {
    memcpy(at, p->payload, p->len);
    at += p->len;
  }
  return ERR_OK;
}

/* Whether a segment of any size fits; trying in vain would cost the checksum of one. */
static bool has_room(void) { return out_fill + MTU + FRAME_HEADER <= OUT_SIZE - OUT_RESERVE; }

static void output(struct conn *c) {
  if (c->pcb == NULL) return;
  if (!has_room()) {
    block(c);
  } else if (c->aborting) {
    finish_abort(c);
  } else {
    /* lwIP's timer forgets an acknowledgement that it could not send. */
    if (c->owes_ack) tcp_ack_now(c->pcb);
    c->owes_ack = false;
    tcp_output(c->pcb);
  }
}

static err_t netif_init_glue(struct netif *n) {
  n->name[0] = 'n';
  n->name[1] = 'r';
  n->output = on_output;
  n->mtu = MTU;
  n->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

/* ---- lwIP's callbacks ---- */

static void adopt(struct conn *c, struct tcp_pcb *pcb) {
  c->pcb = pcb;
  tcp_arg(pcb, c);
  tcp_recv(pcb, on_received);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_error);
  tcp_nagle_disable(pcb);
}

static void opened(struct conn *c) {
  c->state = OPEN;
  end_half_open(c);
  /* What a strange peer announces must not cut the segments of a block to more than the
   * queue takes. */
  if (c->pcb->mss < LEAST_MSS) {
    c->pcb->mss = LEAST_MSS;
    c->pcb->cwnd = 4 * LEAST_MSS; /* of the smaller one it would hold less than a segment */
  }
  if (c->pcb->snd_wnd_max < 2 * LEAST_MSS) c->pcb->snd_wnd_max = 2 * LEAST_MSS;
  /* A short pool offers less from the start. */
  uint32_t window = share();
  if (window < 2 * TCP_MSS) window = 2 * TCP_MSS;
  if (c->pcb->rcv_wnd > window) {
    c->rx_credit = c->pcb->rcv_wnd - window;
    c->pcb->rcv_wnd = c->pcb->rcv_ann_wnd = window;
    anyone_pinched = true;
  }
  emit(c, EV_OPEN);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)err;
  /* lwIP cuts segments at half the largest window seen, and a SYN cannot show more than
   * 64 KiB of one. */
  if ((pcb->flags & TF_WND_SCALE) && pcb->snd_wnd_max < 2u * pcb->mss) {
    pcb->snd_wnd_max = 2u * pcb->mss;
  }
  if (arg != NULL) opened(arg);
  return ERR_OK;
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)pcb;
  if (arg != NULL && err == ERR_OK) opened(arg);
  return ERR_OK;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  (void)pcb;
  (void)err;
  struct conn *c = arg;
  if (c == NULL || c->released || c->aborting) {
    /* Nobody reads any more: the bytes only have to be taken off the window. */
    if (p != NULL) {
      if (pcb != NULL) tcp_recved(pcb, p->tot_len);
      pbuf_free(p);
    }
    return ERR_OK;
  }
  if (p == NULL) {
    c->got_eof = true;
    emit(c, EV_EOF);
    return ERR_OK;
  }
  if (c->shrinking) {
    tcp_free_ooseq(pcb); /* what came ahead of its turn may lie beyond the window now */
    c->rx_credit += pcb->rcv_wnd;
    pcb->rcv_wnd = pcb->rcv_ann_wnd = 0;
    pcb->rcv_ann_right_edge = pcb->rcv_nxt;
    tcp_ack_now(pcb);
    anyone_pinched = true;
  }
  /* The first window of a sender holds one large segment, so it must not wait for the
   * acknowledgement that lwIP puts off until the second. */
  if (c->quick_acks < QUICK_ACKS && p->tot_len >= TCP_MSS / 4) {
    c->quick_acks++;
    tcp_ack_now(pcb);
  }
  while (p != NULL) {
    struct pbuf *next = p->next;
    p->next = NULL;
    p->tot_len = p->len;
    if (p->len == 0) {
      pbuf_free(p);
    } else {
      if (c->rx_tail != NULL) c->rx_tail->next = p;
      else c->rx_head = p;
      c->rx_tail = p;
      c->rx_bytes += p->len;
      c->rx_held += held_by(p);
    }
    p = next;
  }
  emit(c, EV_READABLE);
  return ERR_OK;
}

static uint32_t room(struct conn *c) {
  if (c->pcb == NULL || c->shut || c->unwritten > 0
      || c->pcb->snd_queuelen + 16 > TCP_SND_QUEUELEN) {
    return 0;
  }
  uint32_t limit = share(), pages_left = pool_pages() - pool_used_pages();
  if (pages_left <= pool_pages() / 8 || c->tx_held >= limit) return 0;
  uint32_t free = c->pcb->snd_buf;
  return free < limit - c->tx_held ? free : limit - c->tx_held;
}

/* Room is worth a word when a good part of a segment fits, or when all was sent. */
static void tell_room(struct conn *c) {
  if (!c->wants_room) return;
  uint32_t free = room(c);
  if (free >= TCP_MSS || (free > 0 && (c->tx_head == NULL || free >= TCP_MSS / 2))) {
    c->wants_room = false;
    emit(c, EV_WRITABLE);
  }
}

/* Whether the last segment of the queue is the last of the stream. A segment to be sent
 * again waits in the same queue, alone and ahead of others that are under way, and lwIP
 * would add new bytes, or FIN, to whatever is last. */
static bool may_append(const struct tcp_pcb *pcb) {
  const struct tcp_seg *last = pcb->unsent;
  if (last == NULL) return true;
  while (last->next != NULL) last = last->next;
  return lwip_ntohl(last->tcphdr->seqno) + last->len == pcb->snd_lbb;
}

/* Hands lwIP what it has not taken yet, and then the FIN if that is due. */
static void write_rest(struct conn *c) {
  if (!may_append(c->pcb)) {
    anyone_pinched = true;
    return;
  }
  while (c->unwritten > 0) {
    uint32_t length = c->unwritten < MTU - 40 ? c->unwritten : MTU - 40;
    const uint8_t *bytes = (uint8_t *)(c->tx_tail + 1) + c->tx_tail->length - c->unwritten;
    if (tcp_write(c->pcb, bytes, (u16_t)length, 0) != ERR_OK) {
      anyone_pinched = true;
      return;
    }
    c->unwritten -= length;
  }
  if (c->shut && !c->fin_sent) {
    c->fin_sent = true;
    tcp_shutdown(c->pcb, 0, 1);
  }
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length) {
  (void)pcb;
  struct conn *c = arg;
  if (c == NULL) return ERR_OK;
  c->tx_head_acked += length;
  while (c->tx_head != NULL && c->tx_head_acked >= c->tx_head->length) {
    struct txblock *block = c->tx_head;
    c->tx_head_acked -= block->length;
    c->tx_held -= block->size;
    c->tx_head = block->next;
    if (c->tx_head == NULL) c->tx_tail = NULL;
    pool_free(block);
  }
  if (c->unwritten > 0 || (c->shut && !c->fin_sent)) write_rest(c);
  tell_room(c);
  return ERR_OK;
}

static void on_error(void *arg, err_t err) {
  struct conn *c = arg;
  if (c == NULL) return;
  c->pcb = NULL; /* lwIP frees it */
  if (err == ERR_CLSD) {
    detach(c, EV_CLOSED, REASON_NONE, 0);
    return;
  }
  counters.resets++;
  uint8_t reason = err == ERR_RST
    ? (c->state == OPENING && !c->inbound ? REASON_REFUSED : REASON_RESET)
    : REASON_TIMED_OUT;
  detach(c, EV_FAILED, reason, 0);
}

/* ---- packets in ---- */

static void free_rxbuf(struct pbuf *p) {
  struct rxbuf *buffer = (struct rxbuf *)p;
  if (buffer->data != NULL) pool_free(buffer->data);
  if (buffer->origin != NULL && --buffer->origin->packets == 0) in_pinned--;
  pool_free(buffer);
}

/* A pbuf of our own making for `length` bytes, to be filled at the returned pbuf's
 * payload. Large ones have the bytes in a block of their own, so that a packet of 64 KiB
 * takes one page and not two. */
static struct pbuf *new_rxbuf(uint32_t length) {
  bool apart = length + sizeof(struct rxbuf) > 2048;
  struct rxbuf *buffer = pool_alloc(sizeof *buffer + (apart ? 0 : length));
  if (buffer == NULL) return NULL;
  buffer->data = NULL;
  buffer->origin = NULL;
  uint8_t *bytes = (uint8_t *)(buffer + 1);
  if (apart) {
    bytes = buffer->data = pool_alloc(length);
    if (bytes == NULL) {
      pool_free(buffer);
      return NULL;
    }
  }
  buffer->custom.custom_free_function = free_rxbuf;
  return pbuf_alloced_custom(
    PBUF_RAW, (u16_t)length, PBUF_REF, &buffer->custom, bytes, (u16_t)length);
}

/* A pbuf for a packet that stays where it was read. Two buffers must stay free for the
 * host to read into by turns. */
static struct pbuf *in_place(const uint8_t *packet, uint32_t length) {
  struct inbuf *origin = in_current;
  if (origin->packets == 0 && in_pinned >= IN_BUFFERS - 2) return NULL;
  struct rxbuf *buffer = pool_alloc(sizeof *buffer);
  if (buffer == NULL) return NULL;
  buffer->data = NULL;
  buffer->origin = origin;
  if (origin->packets++ == 0) in_pinned++;
  buffer->custom.custom_free_function = free_rxbuf;
  return pbuf_alloced_custom(
    PBUF_RAW, (u16_t)length, PBUF_REF, &buffer->custom, (void *)packet, (u16_t)length);
}

/* A packet whose bytes go on at once `may_stay` where it was read. */
static void feed_lwip(const uint8_t *packet, uint32_t length, bool may_stay) {
  struct pbuf *p = may_stay ? in_place(packet, length) : NULL;
  if (p == NULL) {
    p = new_rxbuf(length);
    if (p == NULL) {
      counters.in_no_memory++;
      return;
    }
    memcpy(p->payload, packet, length);
  }
  memcpy(&netif.ip_addr, packet + 16, 4);
  ip4_input(p, &netif);
  memcpy(&netif.ip_addr, &me, 4);
}

static bool tcp_checksum_right(const uint8_t *packet, uint32_t header, uint32_t length) {
  uint32_t sum = simd_chksum(packet + header, (int)(length - header));
  sum += simd_chksum(packet + 12, 8);
  sum += lwip_htons(IP_PROTO_TCP) + lwip_htons((u16_t)(length - header));
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff && simd_chksum(packet, (int)header) == 0xffff;
}

/* Fills in both checksums of a TCP packet whose headers and data are there. */
static void make_checksums(uint8_t *packet, uint32_t header, uint32_t length) {
  uint8_t *tcp = packet + header;
  packet[10] = packet[11] = tcp[16] = tcp[17] = 0;
  uint16_t sum = (uint16_t)~simd_chksum(packet, (int)header);
  memcpy(packet + 10, &sum, 2);
  uint32_t pseudo = simd_chksum(tcp, (int)(length - header)) + simd_chksum(packet + 12, 8)
    + lwip_htons(IP_PROTO_TCP) + lwip_htons((u16_t)(length - header));
  while (pseudo >> 16) pseudo = (pseudo & 0xffff) + (pseudo >> 16);
  sum = (uint16_t)~pseudo;
  memcpy(tcp + 16, &sum, 2);
}

static void hold_syn(uint32_t lip, uint32_t rip, uint16_t lport, uint16_t rport,
    const uint8_t *packet, uint32_t header, uint32_t length) {
  struct source **place = place_of_source(rip);
  if (!has_share(*place)) {
    turned_away.count++;
    turned_away.address = lwip_ntohl(rip);
    return;
  }
  if (!tcp_checksum_right(packet, header, length)) {
    counters.in_dropped++;
    return;
  }
  struct source *source = length <= 1024 ? source_at(place, rip) : NULL;
  uint8_t *copy = source != NULL ? pool_alloc(length) : NULL;
  struct conn *c = copy != NULL ? new_conn(lip, rip, lport, rport) : NULL;
  if (c == NULL) {
    /* The other side sends it again. */
    pool_free(copy);
    forget_source(source);
    counters.in_no_memory++;
    return;
  }
  memcpy(copy, packet, length);
  pending_syns++;
  c->source = source;
  source->conns++;
  source->half_open++;
  half_open_conns++;
  c->half_open = true;
  c->syn = copy;
  c->syn_length = length;
  c->inbound = true;
  c->state = PENDING;
  emit(c, EV_SYN);
}

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* ICMP destination unreachable (RFC 792): only the answer to a SYN of ours, by its
 * sequence number, ends a connection. */
static void input_icmp(const uint8_t *icmp, uint32_t length) {
  if (length < 8 + 20 + 8 || icmp[0] != 3 || simd_chksum(icmp, (int)length) != 0xffff) return;
  const uint8_t *inner = icmp + 8;
  uint32_t header = (inner[0] & 15) * 4u;
  if (inner[0] >> 4 != 4 || header < 20 || inner[9] != IP_PROTO_TCP
      || length < 8 + header + 8) {
    return;
  }
  struct conn *c = conn_of_output(inner);
  const uint8_t *s = inner + header + 4;
  uint32_t sequence = read_u32(s);
  if (c == NULL || c->pcb == NULL || c->pcb->state != SYN_SENT
      || sequence != c->pcb->snd_nxt - 1) {
    return;
  }
  struct tcp_pcb *pcb = c->pcb;
  uint8_t code = icmp[1];
  detach(c, EV_FAILED, code == 3 ? REASON_REFUSED : REASON_UNREACHABLE, code);
  tcp_abandon(pcb, 0);
}

/* Lets lwIP have only the next bytes of a segment, and closes the window with their
 * acknowledgement: its sender then asks from time to time instead of giving up. `known`
 * bytes of the segment's data came before. */
static void input_trimmed(struct conn *c, const uint8_t *packet, uint32_t header,
    uint32_t length, uint32_t known) {
  uint8_t trimmed[120 + TRIMMED_DATA];
  uint32_t headers = header + (uint32_t)(packet[header + 12] >> 4) * 4;
  uint32_t data = length - headers - known;
  if (data > TRIMMED_DATA) data = TRIMMED_DATA;
  memcpy(trimmed, packet, headers);
  memcpy(trimmed + headers, packet + headers + known, data);
  length = headers + data;
  uint8_t *tcp = trimmed + header;
  uint32_t sequence = lwip_htonl(c->pcb->rcv_nxt);
  memcpy(tcp + 4, &sequence, 4);
  trimmed[2] = (uint8_t)(length >> 8);
  trimmed[3] = (uint8_t)length;
  tcp[13] &= (uint8_t)~TCP_FIN;
  make_checksums(trimmed, header, length);
  c->shrinking = true;
  feed_lwip(trimmed, length, false);
  c->shrinking = false;
}

/* Whether a segment can be of this connection: it begins no farther off than the largest
 * window, and acknowledges nothing that was never sent (RFC 9293, 3.10.7.4). lwIP would
 * believe its window all the same. */
static bool belongs(const struct tcp_pcb *pcb, const uint8_t *tcp, uint32_t sequence) {
  if (sequence - pcb->rcv_nxt + TCP_WND > 2 * TCP_WND) return false;
  /* A wrong acknowledgement of our SYN is answered with a reset, by lwIP. */
  if (!(tcp[13] & TCP_ACK) || (tcp[13] & TCP_RST) || pcb->state == SYN_RCVD) return true;
  return pcb->snd_nxt - read_u32(tcp + 8) <= 2 * TCP_SND_BUF;
}

/* Whether a segment ahead of its turn is small, and enough pieces wait already. lwIP walks the
 * list of them for each that comes: what is cheap to send must not be dear to keep. */
static bool is_crumb(const struct tcp_pcb *pcb, uint32_t sequence, uint32_t end) {
  if (end - sequence >= CRUMB || end == sequence || TCP_SEQ_LEQ(sequence, pcb->rcv_nxt)) {
    return false;
  }
  uint32_t pieces = 0;
  for (const struct tcp_seg *seg = pcb->ooseq; seg != NULL; seg = seg->next) {
    if (++pieces == MOST_CRUMBS) return true;
  }
  return false;
}

/* A segment of a connection past its SYN. lwIP cuts it to the window (PATCHES in build.ts);
 * whether there is memory for it is decided here. */
static void input_segment(struct conn *c, const uint8_t *packet, uint32_t header,
    uint32_t length) {
  const uint8_t *tcp = packet + header;
  uint32_t tcp_header = (uint32_t)(tcp[12] >> 4) * 4, sequence = read_u32(tcp + 4);
  uint32_t data = length - header - tcp_header, end = sequence + data + (tcp[13] & TCP_FIN);
  struct tcp_pcb *pcb = c->pcb;
  if (!belongs(pcb, tcp, sequence)) {
    counters.in_dropped++;
    /* A bare acknowledgement gets no answer, or two would go on about it for ever. */
    if ((end != sequence || (tcp[13] & TCP_SYN)) && !(tcp[13] & TCP_RST)) {
      tcp_ack_now(pcb);
      output(c);
    }
    return;
  }
  if (is_crumb(pcb, sequence, end)) {
    counters.in_dropped++;
    return;
  }
  if (data == 0 || TCP_SEQ_LEQ(end, pcb->rcv_nxt) || admits(c, length)) {
    /* What is ahead of its turn waits for others, perhaps for ever. */
    bool goes_on = TCP_SEQ_LEQ(sequence, pcb->rcv_nxt) && c->rx_bytes < IN_PLACE_BACKLOG;
    feed_lwip(packet, length, goes_on && length >= IN_PLACE_FROM);
  } else {
    counters.in_no_memory++;
    uint32_t known = pcb->rcv_nxt - sequence; /* large if it came ahead of its turn */
    if (known >= data || c->rx_bytes == 0 || !tcp_checksum_right(packet, header, length)) {
      return;
    }
    input_trimmed(c, packet, header, length, known);
  }
  /* lwIP goes on with its persist timer though the probe took the last byte. */
  if (c->pcb != NULL && c->pcb->unsent == NULL) c->pcb->persist_backoff = 0;
}

static void input_packet(const uint8_t *packet, uint32_t frame_payload) {
  counters.in_packets++;
  uint32_t header = frame_payload >= 20 ? (packet[0] & 15) * 4u : 0;
  uint32_t length = frame_payload >= 20 ? (uint32_t)(packet[2] << 8 | packet[3]) : 0;
  if (frame_payload < 20 || packet[0] >> 4 != 4 || header < 20 || length < header
      || length > frame_payload || length > MAX_PACKET
      || ((packet[6] & 0x3f) | packet[7]) != 0) { /* a fragment: frames hold whole packets */
    counters.in_dropped++;
    return;
  }
  uint32_t lip, rip;
  memcpy(&rip, packet + 12, 4);
  memcpy(&lip, packet + 16, 4);
  if (packet[9] == IP_PROTO_ICMP) {
    if (lip == me) input_icmp(packet + header, length - header);
    return;
  }
  if (packet[9] != IP_PROTO_TCP || length < header + 20) {
    counters.in_dropped++;
    return;
  }
  const uint8_t *tcp = packet + header;
  uint16_t rport = (uint16_t)(tcp[0] << 8 | tcp[1]), lport = (uint16_t)(tcp[2] << 8 | tcp[3]);
  uint8_t flags = tcp[13];
  uint32_t tcp_header = (uint32_t)(tcp[12] >> 4) * 4;
  /* Port 0 is the listener's own while it listens to nothing. */
  if (lport == 0 || tcp_header < 20 || header + tcp_header > length) {
    counters.in_dropped++;
    return;
  }
  struct conn *c = find(lip, rip, lport, rport);
  if (c == NULL) {
    if ((flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
      hold_syn(lip, rip, lport, rport, packet, header, length);
      return;
    }
  } else if (c->state == PENDING) {
    /* Repeated SYNs wait with the first; a reset means that the other side gave up. */
    if ((flags & TCP_RST) && tcp_checksum_right(packet, header, length)) {
      detach(c, EV_FAILED, REASON_RESET, 0);
    }
    return;
  }
  struct tcp_pcb *pcb = c != NULL ? c->pcb : NULL;
  glue_known = pcb != NULL && pcb->state != CLOSED && pcb->state != TIME_WAIT ? pcb : NULL;
  if (pcb != NULL && pcb->state != SYN_SENT) {
    input_segment(c, packet, header, length);
  } else {
    feed_lwip(packet, length, false);
  }
  glue_known = NULL;
  /* TIME_WAIT is lwIP's own affair: for us the connection has ended in both directions. */
  if (c != NULL && c->pcb != NULL && c->pcb->state == TIME_WAIT) {
    detach(c, EV_CLOSED, REASON_NONE, 0);
  }
}

/* Takes whole frames from `at`, which lies in input buffer `which`, and returns how many
 * bytes were used. Stops before a frame that is unfinished, is no packet, or does not begin
 * with the magic: the host looks. */
EXPORT(input) uint32_t input(uint32_t which, const uint8_t *at, uint32_t length) {
  const uint8_t *start = at, *end = at + length;
  in_current = &in_buffers[which];
  while ((uint32_t)(end - at) >= FRAME_HEADER) {
    uint32_t size = (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (at[0] != FRAME_MAGIC || at[4] != 0 || at[5] != FRAME_L3 || size < 4
        || (uint32_t)(end - at) - 4 < size) {
      break;
    }
    input_packet(at + FRAME_HEADER, size - 4);
    at += 4 + size;
  }
  return (uint32_t)(at - start);
}

/* ---- what the host calls ---- */

EXPORT(init) void init(uint32_t memory_bytes, uint32_t address, uint32_t s0, uint32_t s1,
    uint32_t s2, uint32_t s3) {
  random_state[0] = s0;
  random_state[1] = s1;
  random_state[2] = s2;
  random_state[3] = s3 | 1;
  pool_init(memory_bytes);
  lwip_init();
  me = lwip_htonl(address);
  ip4_addr_t ip = { .addr = me }, mask = { .addr = 0xffffffff }, none = { .addr = 0 };
  netif_add(&netif, &ip, &mask, &none, NULL, netif_init_glue, ip4_input);
  netif_set_default(&netif);
  netif_set_up(&netif);
  struct tcp_pcb *pcb = tcp_new();
  pcb = tcp_listen(pcb);
  tcp_accept(pcb, on_accepted);
  listener = (struct tcp_pcb_listen *)pcb;
  next_port = (uint16_t)(FIRST_EPHEMERAL + random_u32() % (65536 - FIRST_EPHEMERAL));
}

static bool needs_timer(const struct tcp_pcb *pcb) {
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

/* Runs the timers that are due at `now` (milliseconds, any origin, wrapping) and returns
 * the milliseconds until the next one, or 0xffffffff if nothing waits for time. */
EXPORT(poll) uint32_t poll(uint32_t now) {
  uint32_t behind = now - last_tick_ms;
  if (behind >= 2 * TCP_SLOW_INTERVAL) {
    /* After an idle time, or the machine slept: timers run once. lwIP's clock stood still
     * meanwhile, so that what began after it does not look as old as the gap. */
    last_tick_ms = now - TCP_TMR_INTERVAL;
    behind = TCP_TMR_INTERVAL;
  }
  if (behind >= TCP_TMR_INTERVAL) {
    last_tick_ms += TCP_TMR_INTERVAL;
    tcp_tmr();
    keep_asking();
    end_old_time_waits();
    look_after_the_pinched();
  }
  bool pending = tcp_tw_pcbs != NULL || anyone_pinched;
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && !pending; pcb = pcb->next) {
    pending = needs_timer(pcb);
  }
  if (!pending) return 0xffffffff;
  behind = now - last_tick_ms;
  return behind >= TCP_TMR_INTERVAL ? 0 : TCP_TMR_INTERVAL - behind;
}

static int32_t index_of(const struct conn *c) { return (int32_t)(c - conns); }

/* The next connection something happened to, or -1. reply: events, reason, ICMP code. */
EXPORT(next_event) int32_t next_event(void) {
  struct conn *c = event_head;
  if (c == NULL) return -1;
  event_head = c->event_next;
  if (event_head == NULL) event_tail = NULL;
  c->queued = false;
  reply.a = c->events;
  reply.b = c->reason;
  reply.c = c->code;
  c->events = 0;
  if (c->released) {
    reply.a = 0;
    free_slot_if_unused(c);
  }
  return index_of(c);
}

/* reply: local address, local port, remote address, remote port. */
EXPORT(conn_addresses) void conn_addresses(uint32_t i) {
  struct conn *c = &conns[i];
  reply.a = lwip_ntohl(c->local_ip);
  reply.b = c->local_port;
  reply.c = lwip_ntohl(c->remote_ip);
  reply.d = c->remote_port;
}

/* Starts to connect. Returns the connection, or -1 (table full) or -2 (no memory). */
EXPORT(conn_connect) int32_t conn_connect(uint32_t address, uint32_t port) {
  uint32_t rip = lwip_htonl(address);
  uint16_t lport = 0;
  for (int tries = 0; tries < 65536 - FIRST_EPHEMERAL; tries++) {
    lport = next_port;
    next_port = next_port == 65535 ? FIRST_EPHEMERAL : (uint16_t)(next_port + 1);
    if (find(me, rip, lport, (uint16_t)port) == NULL) break;
    lport = 0;
  }
  if (lport == 0) return -1;
  struct conn *c = new_conn(me, rip, lport, (uint16_t)port);
  if (c == NULL) return -1;
  c->state = OPENING;
  struct tcp_pcb *pcb = tcp_new();
  if (pcb != NULL) {
    adopt(c, pcb);
    /* Set here, not by tcp_bind, which walks every list to find the port free. */
    pcb->local_ip.addr = me;
    pcb->local_port = lport;
    ip_addr_t to = { .addr = rip };
    if (tcp_connect(pcb, &to, (u16_t)port, on_connected) == ERR_OK) return index_of(c);
    c->pcb = NULL;
    tcp_arg(pcb, NULL);
    pcb->local_port = 0;
    tcp_abort(pcb);
  }
  c->released = true;
  free_slot_if_unused(c);
  return -2;
}

static void end_time_wait_of(const struct conn *c) {
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
    if (pcb->local_port == c->local_port && pcb->remote_port == c->remote_port
        && pcb->remote_ip.addr == c->remote_ip && pcb->local_ip.addr == c->local_ip) {
      tcp_abort(pcb);
      return;
    }
  }
}

/* The target was dialled: let lwIP see the SYN. Returns 0, or -1 if it cannot. */
EXPORT(conn_accept) int32_t conn_accept(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->state != PENDING) return -1;
  end_time_wait_of(c);
  listener->local_port = c->local_port;
  feed_lwip(c->syn, c->syn_length, false);
  listener->local_port = 0;
  free_syn(c);
  struct tcp_pcb *pcb = tcp_active_pcbs; /* the newest is the first */
  if (pcb == NULL || pcb->state != SYN_RCVD || pcb->remote_port != c->remote_port
      || pcb->local_port != c->local_port || pcb->remote_ip.addr != c->remote_ip
      || pcb->local_ip.addr != c->local_ip) {
    detach(c, EV_FAILED, REASON_NO_MEMORY, 0);
    return -1;
  }
  c->state = OPENING;
  adopt(c, pcb);
  return 0;
}

static void send_unreachable(const struct conn *c, uint8_t code) {
  uint32_t quoted = (c->syn[0] & 15) * 4u + 8, length = 20 + 8 + quoted;
  uint8_t *at = begin_frame(length, true);
  if (at == NULL) return;
  memset(at, 0, 28);
  at[0] = 0x45;
  at[2] = (uint8_t)(length >> 8);
  at[3] = (uint8_t)length;
  at[8] = 64;
  at[9] = IP_PROTO_ICMP;
  memcpy(at + 12, &me, 4);
  memcpy(at + 16, &c->remote_ip, 4);
  uint16_t sum = (uint16_t)~simd_chksum(at, 20);
  memcpy(at + 10, &sum, 2);
  at[20] = 3;
  at[21] = code;
  memcpy(at + 28, c->syn, quoted);
  sum = (uint16_t)~simd_chksum(at + 20, (int)(8 + quoted));
  memcpy(at + 22, &sum, 2);
}

/* The target could not be dialled: answer the SYN with a reset and give the connection back.
 * With a `code` other than 255, an ICMP destination unreachable of that code goes ahead and
 * says why; a stack that acts on none of that code, as NoRouter's, would go on asking. */
EXPORT(conn_refuse) void conn_refuse(uint32_t i, uint32_t code) {
  struct conn *c = &conns[i];
  if (c->state == PENDING) {
    end_time_wait_of(c);
    if (code != 255) send_unreachable(c, (uint8_t)code);
    feed_lwip(c->syn, c->syn_length, false);
  }
  c->released = true;
  if (c->state == PENDING) c->state = DONE;
  free_slot_if_unused(c);
}

/* reply: address and length of the next bytes to read; length 0 if there are none. Small
 * segments are put together, so that one write takes many. */
EXPORT(conn_peek) uint32_t conn_peek(uint32_t i) {
  struct conn *c = &conns[i];
  struct pbuf *p = c->rx_head;
  if (p != NULL && p->len < GATHER_BELOW && p->next != NULL) {
    uint32_t total = 0;
    struct pbuf *last = p;
    for (; last != NULL && total + last->len <= POOL_PAGE - 1; last = last->next) {
      total += last->len;
    }
    struct pbuf *whole = new_rxbuf(total);
    if (whole != NULL) {
      uint8_t *at = whole->payload;
      while (c->rx_head != last) {
        p = c->rx_head;
        c->rx_head = p->next;
        memcpy(at, p->payload, p->len);
        at += p->len;
        c->rx_held -= held_by(p);
        p->next = NULL;
        p->tot_len = p->len;
        pbuf_free(p);
      }
      whole->next = last;
      c->rx_head = whole;
      if (last == NULL) c->rx_tail = whole;
      c->rx_held += held_by(whole);
      p = whole;
    }
  }
  reply.a = p != NULL ? (uint32_t)p->payload : 0;
  reply.b = p != NULL ? p->len : 0;
  return reply.b;
}

/* `length` bytes of what conn_peek showed were written: they go, and the window opens. */
EXPORT(conn_consume) void conn_consume(uint32_t i, uint32_t length) {
  struct conn *c = &conns[i];
  struct pbuf *p = c->rx_head;
  if (p == NULL) return;
  if (length > p->len) length = p->len;
  c->rx_bytes -= length;
  c->rx_credit += length;
  if (length < p->len) {
    p->payload = (uint8_t *)p->payload + length;
    p->len = (u16_t)(p->len - length);
  } else {
    c->rx_head = p->next;
    if (c->rx_head == NULL) c->rx_tail = NULL;
    c->rx_held -= held_by(p);
    p->next = NULL;
    p->tot_len = p->len;
    pbuf_free(p);
  }
  open_window(c);
}

/* A block the host may read a socket into, of about `size` bytes: the stack's largest are
 * POOL_LARGE. Returns its name, or 0; reply: address and how many bytes fit. */
EXPORT(tx_alloc) uint32_t tx_alloc(uint32_t size) {
  if (pool_pages() - pool_used_pages() <= pool_pages() / 8) return 0;
  /* What is small is to fit as a whole; of what is large there will be more. */
  if (size <= POOL_PAGE / 2) size += sizeof(struct txblock);
  /* A read may wait for long, so that all of them together are to hold an eighth of the
   * pool at the most, and less when pages are short. */
  uint32_t most = pool_pages() / 8 * POOL_PAGE / (open_conns + 1);
  if (share() < TCP_WND) most = 2048;
  if (size > most) size = most >= POOL_PAGE ? POOL_PAGE : most >= 16384 ? 16384 : 2048;
  struct txblock *block = NULL;
  if (size > POOL_PAGE) {
    block = pool_alloc_large();
    size = block != NULL ? POOL_LARGE : POOL_PAGE;
  }
  if (block == NULL) block = pool_alloc(size);
  if (block == NULL) return 0;
  block->size = size;
  reply.a = (uint32_t)(block + 1);
  /* Whole segments: one of a few bytes behind each large one would cost a packet. */
  uint32_t fits = size - sizeof *block, segment = MTU - 40;
  reply.b = fits < segment ? fits : fits / segment * segment;
  return (uint32_t)block;
}

EXPORT(tx_free) void tx_free(uint32_t block) { pool_free((void *)block); }

/* How many bytes may be sent now; if none, EV_WRITABLE comes when some may. */
EXPORT(conn_room) uint32_t conn_room(uint32_t i) {
  struct conn *c = &conns[i];
  uint32_t free = room(c);
  c->wants_room = free == 0;
  /* Without anything under way no acknowledgement will tell of room. */
  if (c->wants_room && (share() < TCP_WND || c->tx_head == NULL)) anyone_pinched = true;
  return free;
}

/* Sends the first `length` bytes of a block. Returns 1: the block is the stack's now; 2:
 * the bytes were copied, the block is still the host's; -1: the connection is not open. */
EXPORT(conn_send) int32_t conn_send(uint32_t i, uint32_t address, uint32_t length) {
  struct conn *c = &conns[i];
  if (c->pcb == NULL || c->shut) return -1;
  if (length == 0) return 2;
  struct txblock *block = (struct txblock *)address, *kept = block;
  int32_t result = 1;
  if (length + sizeof *block <= block->size / 4) {
    struct txblock *small = pool_alloc(length + sizeof *block);
    if (small != NULL) {
      memcpy(small + 1, block + 1, length);
      small->size = (uint32_t)pool_block_size(small);
      kept = small;
      result = 2;
    }
  }
  kept->length = c->unwritten = length;
  kept->next = NULL;
  if (c->tx_tail != NULL) c->tx_tail->next = kept;
  else c->tx_head = kept;
  c->tx_tail = kept;
  c->tx_held += kept->size;
  write_rest(c);
  output(c);
  return result;
}

/* No more bytes will be sent: FIN after those that were. */
EXPORT(conn_shutdown) void conn_shutdown(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->shut) return;
  c->shut = true;
  if (c->pcb == NULL) return;
  write_rest(c);
  output(c);
}

static void abort_conn(struct conn *c, bool with_reset) {
  struct tcp_pcb *pcb = c->pcb;
  if (pcb == NULL) return;
  c->pcb = NULL;
  tcp_arg(pcb, NULL);
  if (pcb->state == CLOSED) pcb->local_port = 0;
  tcp_abandon(pcb, with_reset);
}

static void finish_abort(struct conn *c) {
  c->aborting = false;
  abort_conn(c, true);
  if (c->state != DONE) detach(c, 0, REASON_RESET, 0);
}

/* Ends the connection with a reset, which waits if there is no room for it: nobody would
 * send it again. The host still has to release it. */
EXPORT(conn_abort) void conn_abort(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->state == PENDING) feed_lwip(c->syn, c->syn_length, false); /* answered with a reset */
  if (c->pcb != NULL && !has_room()) {
    c->aborting = true;
    block(c);
  } else {
    finish_abort(c);
  }
}

/* The host is finished with the connection. If both sides have ended their streams, lwIP
 * still delivers what is under way; otherwise the connection is reset. */
EXPORT(conn_release) void conn_release(uint32_t i) {
  struct conn *c = &conns[i];
  if (c->state == FREE || c->released) return;
  if (c->pcb != NULL && !c->aborting && !(c->shut && c->got_eof)) conn_abort(i);
  if (c->state == PENDING) conn_abort(i);
  c->released = true;
  free_rx(c);
  free_slot_if_unused(c);
}

/* Ends, without a word to the other side, every connection whose remote address lies in a
 * range: the host behind it is down. Returns how many. */
EXPORT(abort_range) uint32_t abort_range(uint32_t network, uint32_t mask) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < conns_touched; i++) {
    struct conn *c = &conns[i];
    if (c->state == FREE || c->state == DONE) continue;
    if ((lwip_ntohl(c->remote_ip) & mask) != network) continue;
    abort_conn(c, false);
    detach(c, EV_FAILED, REASON_HOST_DOWN, 0);
    count++;
  }
  return count;
}

/* A buffer to read frames into, the host's until in_release. There is always one while the
 * host has one more at the most. Returns its number; reply: address of its body, size of
 * the body, size of the room in front for an unfinished frame. */
EXPORT(in_take) int32_t in_take(void) {
  for (int32_t i = 0; i < IN_BUFFERS; i++) {
    struct inbuf *buffer = &in_buffers[i];
    if (buffer->busy || buffer->packets > 0) continue;
    buffer->busy = true;
    reply.a = (uint32_t)(in_bytes[i] + IN_HEADROOM);
    reply.b = IN_SIZE;
    reply.c = IN_HEADROOM;
    return i;
  }
  return -1;
}

/* The host does not look at the buffer any more; packets may still lie in it. */
EXPORT(in_release) void in_release(uint32_t which) { in_buffers[which].busy = false; }

/* Hands the filled output buffer to the host, until out_done. reply: address. Returns its
 * length; 0 if it is empty or the last one is not done. */
EXPORT(out_take) uint32_t out_take(void) {
  if (out_busy || out_fill == 0) return 0;
  uint32_t length = out_fill;
  reply.a = (uint32_t)out_buffers[out_current];
  out_current ^= 1;
  out_fill = 0;
  out_busy = true;
  /* In turn: who does not get room now comes before those who blocked again. */
  struct conn *c = blocked_head, *last = blocked_tail;
  blocked_head = blocked_tail = NULL;
  while (c != NULL && has_room()) {
    struct conn *next = c->list_next;
    c->blocked = false;
    output(c);
    c = next;
  }
  if (c != NULL) {
    last->list_next = blocked_head;
    if (blocked_tail == NULL) blocked_tail = last;
    blocked_head = c;
  }
  return length;
}

EXPORT(out_done) void out_done(void) { out_busy = false; }

/* Tells the other end of a connection that an earlier instance had, by a byte far from any
 * window: that is answered with an acknowledgement, and the acknowledgement, of which nothing
 * is known here, with a reset. Returns whether there was room for it. */
EXPORT(knock) bool knock(uint32_t local, uint32_t local_port, uint32_t remote,
    uint32_t remote_port) {
  uint8_t *at = begin_frame(41, true);
  if (at == NULL) return false;
  memset(at, 0, 41);
  at[0] = 0x45;
  at[3] = 41;
  at[8] = 64;
  at[9] = IP_PROTO_TCP;
  uint32_t from = lwip_htonl(local), to = lwip_htonl(remote);
  memcpy(at + 12, &from, 4);
  memcpy(at + 16, &to, 4);
  uint8_t *tcp = at + 20;
  tcp[0] = (uint8_t)(local_port >> 8);
  tcp[1] = (uint8_t)local_port;
  tcp[2] = (uint8_t)(remote_port >> 8);
  tcp[3] = (uint8_t)remote_port;
  uint32_t numbers[] = { random_u32(), random_u32() };
  memcpy(tcp + 4, numbers, 8);
  tcp[12] = 5 << 4;
  tcp[13] = TCP_ACK;
  make_checksums(at, 20, 41);
  return true;
}

EXPORT(turned_away_address) uint32_t turned_away_address(void) {
  return (uint32_t)&turned_away;
}

EXPORT(reply_address) uint32_t reply_address(void) { return (uint32_t)&reply; }

/* The message of a broken invariant, zero-terminated, or 0. */
EXPORT(panic_text) uint32_t panic_text(void) { return (uint32_t)panic_message; }

/* What the stack holds, for tests and people; the order is that of stack.ts. */
EXPORT(statistics) uint32_t statistics(void) {
  static uint32_t list[16];
  uint32_t time_wait = 0, active = 0;
  for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) time_wait++;
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) active++;
  uint32_t values[] = {
    pool_pages(), pool_used_pages(), pool_used_blocks(), open_conns, pending_syns, active,
    time_wait, counters.in_packets, counters.in_dropped, counters.in_no_memory,
    counters.out_packets, counters.out_refused, counters.resets, turned_away.count,
  };
  memcpy(list, values, sizeof values);
  return (uint32_t)list;
}
