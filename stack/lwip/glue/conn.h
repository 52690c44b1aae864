/* A connection, as seen by all parts of the glue.
 *
 * States: FREE, then PENDING (a SYN is held until the host has dialled the target and says
 * accept or refuse) or OPENING (our SYN, or our answer to a SYN, is out), then OPEN until lwIP
 * is finished (DONE). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "lwip/priv/tcp_priv.h"

enum { FREE, PENDING, OPENING, OPEN, DONE };

/* The head of a block of bytes to send, which follow it. */
struct txblock {
  struct txblock *next;
  uint32_t length;
  uint32_t size; /* of the whole block, head and all */
  uint32_t spare; /* keeps the bytes aligned to 16 */
};

struct conn {
  struct tcp_pcb *pcb;
  struct conn *hash_next, *event_next, *list_next;
  struct source *source; /* the host whose SYN opened this; NULL for our SYN */
  uint32_t local_ip, remote_ip; /* network order */
  uint16_t local_port, remote_port; /* host order */
  uint8_t state, events, reason, code, quick_acks;
  bool queued, inbound, half_open, shut, fin_sent, got_eof, released, wants_room, hashed;
  bool wants_silence; /* the host waits until all bytes are acknowledged */
  bool aborting, owes_ack; /* as soon as there is room in the output buffer */
  bool shrinking; /* the segment under way is to close the window */
  bool must_ask, asked; /* whether the peer knows the connection; it has not answered: hold.c */
  bool blocked; /* in the list of those that wait for room in the output buffer */
  uint16_t first_bytes; /* of data in the small output buffer of first_turn */
  uint32_t first_turn, bulk_turn; /* output buffers that it put something into last */
  int32_t turn; /* bytes left of its turn */
  struct pbuf *rx_head, *rx_tail; /* received, in order, not yet consumed */
  uint32_t rx_bytes, rx_held; /* bytes in them, and the memory that they hold */
  uint32_t rx_credit; /* consumed, but the window is not open again by them */
  struct txblock *tx_head, *tx_tail; /* not yet acknowledged */
  uint32_t tx_held, tx_head_acked; /* memory in them; bytes of the first that are */
  uint32_t unwritten; /* bytes at the end of tx_tail that lwIP had no memory for yet */
  uint8_t *syn; /* the held SYN: a whole IP packet */
  uint32_t syn_length;
};
