/* Packets that arrive: the connection of each, whether the packet can belong there, and
 * whether there is memory. lwIP gets the packets that pass. */
#pragma once
#include <stdbool.h>
#include <string.h>
#include "lwip/priv/tcp_priv.h"
#include "abi.h"
#include "hooks.h"
#include "conn.h"
#include "buffers.c"
#include "connections.c"
#include "echo.c"
#include "handshake.c"
#include "icmp.c"
#include "interface.c"
#include "output.c"
#include "packet.c"
#include "report.c"
#include "shares.c"
#include "table.c"

/* A packet of this size stays in its input buffer if its reader keeps up, that is, if less
 * than the backlog waits. */
#define IN_PLACE_FROM 8192
#define IN_PLACE_BACKLOG (512 * 1024)
/* Bytes that are taken of a segment for which there is no memory. */
#define TRIMMED_DATA 256
/* Segments out of order that are smaller than a crumb are kept while fewer pieces wait. */
#define CRUMB 1024
#define MOST_CRUMBS 64

/* Gives lwIP only the next bytes of a segment, and closes the window with their
 * acknowledgement: the sender then probes from time to time instead of giving up. `known` bytes
 * of the segment's data came before. */
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

/* Whether a segment can belong to a connection, that is, begins no farther off than the
 * largest window, and acknowledges nothing that was never sent (RFC 9293, 3.10.7.4). lwIP
 * would believe the window of any other all the same. */
static bool belongs(const struct tcp_pcb *pcb, const uint8_t *tcp, uint32_t sequence) {
  if (sequence - pcb->rcv_nxt + TCP_WND > 2 * TCP_WND) return false;
  /* A wrong acknowledgement of our SYN is answered with a reset, by lwIP. */
  if (!(tcp[13] & TCP_ACK) || (tcp[13] & TCP_RST) || pcb->state == SYN_RCVD) return true;
  return pcb->snd_nxt - read_u32(tcp + 8) <= 2 * TCP_SND_BUF;
}

/* Whether a segment out of order is small, and enough pieces wait already. lwIP walks the list
 * of them for each that comes: segments that are cheap to send must not be dear to keep. */
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

/* A segment of a connection past its SYN. lwIP cuts the segment to the window (patches.ts);
 * the memory is checked here. */
static void input_segment(struct conn *c, const uint8_t *packet, uint32_t header,
    uint32_t length) {
  const uint8_t *tcp = packet + header;
  uint32_t tcp_header = (uint32_t)(tcp[12] >> 4) * 4, sequence = read_u32(tcp + 4);
  uint32_t data = length - header - tcp_header, end = sequence + data + (tcp[13] & TCP_FIN);
  struct tcp_pcb *pcb = c->pcb;
  if (!belongs(pcb, tcp, sequence)) {
    statistic[STATISTIC_PACKETS_DROPPED]++;
    /* A bare acknowledgement gets no answer, or two peers would answer each other for ever. */
    if ((end != sequence || (tcp[13] & TCP_SYN)) && !(tcp[13] & TCP_RST)) {
      tcp_ack_now(pcb);
      output(c);
    }
    return;
  }
  c->asked = false;
  if (is_crumb(pcb, sequence, end)) {
    statistic[STATISTIC_PACKETS_DROPPED]++;
    return;
  }
  if (data == 0 || TCP_SEQ_LEQ(end, pcb->rcv_nxt) || admits(c, length)) {
    /* A segment out of order waits for others, perhaps for ever. */
    bool goes_on = TCP_SEQ_LEQ(sequence, pcb->rcv_nxt) && c->rx_bytes < IN_PLACE_BACKLOG;
    feed_lwip(packet, length, goes_on && length >= IN_PLACE_FROM);
  } else {
    statistic[STATISTIC_PACKETS_WITHOUT_MEMORY]++;
    uint32_t known = pcb->rcv_nxt - sequence; /* large if out of order */
    if (known >= data || c->rx_bytes == 0 || !tcp_checksum_right(packet, header, length)) {
      return;
    }
    input_trimmed(c, packet, header, length, known);
  }
  /* lwIP goes on with its persist timer though the probe took the last byte. */
  if (c->pcb != NULL && c->pcb->unsent == NULL) c->pcb->persist_backoff = 0;
}

/* A packet, which lies in an input buffer. */
static void input_packet(const uint8_t *packet, uint32_t frame_payload) {
  statistic[STATISTIC_PACKETS_IN]++;
  uint32_t header = frame_payload >= 20 ? (packet[0] & 15) * 4u : 0;
  uint32_t length = frame_payload >= 20 ? (uint32_t)(packet[2] << 8 | packet[3]) : 0;
  if (frame_payload < 20 || packet[0] >> 4 != 4 || header < 20 || length < header
      || length > frame_payload || length > MAX_PACKET
      || ((packet[6] & 0x3f) | packet[7]) != 0) { /* a fragment: frames hold whole packets */
    statistic[STATISTIC_PACKETS_DROPPED]++;
    return;
  }
  uint32_t lip, rip;
  memcpy(&rip, packet + 12, 4);
  memcpy(&lip, packet + 16, 4);
  if (packet[9] == IP_PROTO_ICMP) {
    if (lip != me || input_echo(packet, header, length)) return;
    input_icmp(packet + header, length - header);
    return;
  }
  if (packet[9] != IP_PROTO_TCP || length < header + 20) {
    statistic[STATISTIC_PACKETS_DROPPED]++;
    return;
  }
  const uint8_t *tcp = packet + header;
  uint16_t rport = (uint16_t)(tcp[0] << 8 | tcp[1]), lport = (uint16_t)(tcp[2] << 8 | tcp[3]);
  uint8_t flags = tcp[13];
  uint32_t tcp_header = (uint32_t)(tcp[12] >> 4) * 4;
  /* Port 0 is the listener's own while no SYN is handed to lwIP. */
  if (lport == 0 || tcp_header < 20 || header + tcp_header > length) {
    statistic[STATISTIC_PACKETS_DROPPED]++;
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
      detach(c, EVENT_FAILED, REASON_RESET, 0);
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
    detach(c, EVENT_CLOSED, REASON_CLOSED, 0);
  }
}

uint32_t input(uint32_t which, const uint8_t *at, uint32_t length) {
  const uint8_t *start = at, *end = at + length;
  in_current = &in_buffers[which];
  while ((uint32_t)(end - at) >= FRAME_HEADER_BYTES) {
    uint32_t size = (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (at[0] != FRAME_MAGIC || at[4] != 0 || at[5] != FRAME_L3 || size < 4
        || (uint32_t)(end - at) - 4 < size) {
      break;
    }
    input_packet(at + FRAME_HEADER_BYTES, size - 4);
    at += 4 + size;
  }
  return (uint32_t)(at - start);
}
