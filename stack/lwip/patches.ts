/**
 * Faults of lwIP's release that are mended in its source, after its hash was checked.
 *
 * @module
 */

/** A text of one of lwIP's files, which must be there once, and its replacement. */
interface Patch {
  /** Below `src/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** In the order in which they are applied. */
export const PATCHES: readonly Patch[] = [
  // Splitting a segment that carries FIN must take FIN off its first half, or the
  // receiver ends the stream there and the bytes of the second half are lost; the release
  // only adds flags.
  {
    file: "core/tcp_out.c",
    from: "TCPH_SET_FLAG(useg->tcphdr, split_flags);",
    to: "TCPH_FLAGS_SET(useg->tcphdr, split_flags);",
  },
  // Segments are cut to the size the link wants when they are sent, which may be often: the
  // second half refers to the blocks of the glue as the first does, and is not copied. All data
  // lie in such blocks.
  {
    file: "core/tcp_out.c",
    from: "  p = pbuf_alloc(PBUF_TRANSPORT, remainder + optlen, PBUF_RAM);",
    to: "  p = pbuf_alloc(PBUF_TRANSPORT, optlen, PBUF_RAM);",
  },
  {
    file: "core/tcp_out.c",
    from:
      "  if (pbuf_copy_partial(useg->p, (u8_t *)p->payload + optlen, remainder, offset ) != remainder) {",
    to: "  (void)offset;\n  if (!glue_refer(p, useg->p, remainder)) {",
  },
  // The window decides about a segment that is cut already, and room in the output about one
  // whose checksum is not made yet. An acknowledgement that would have gone with a segment for
  // which there is no room goes alone.
  {
    file: "core/tcp_out.c",
    from: "  /* Handle the current segment not fitting within the window */",
    to: "  glue_shorten(pcb);",
  },
  {
    file: "core/tcp_out.c",
    from: `    if (pcb->state != SYN_SENT) {
      TCPH_SET_FLAG(seg->tcphdr, TCP_ACK);
    }
`,
    to: `    if (!glue_may_send(pcb)) {
      tcp_set_flags(pcb, TF_NAGLEMEMERR);
      if ((pcb->flags & TF_ACK_NOW) && pcb->state >= ESTABLISHED) tcp_send_empty_ack(pcb);
      return ERR_MEM;
    }
    if (pcb->state != SYN_SENT) {
      TCPH_SET_FLAG(seg->tcphdr, TCP_ACK);
    }
`,
  },
  {
    file: "core/tcp_out.c",
    from: "    seg = pcb->unsent;\n  }\n#if TCP_OVERSIZE",
    to: "    glue_shorten(pcb);\n    seg = pcb->unsent;\n  }\n#if TCP_OVERSIZE",
  },
  // A segment that fast retransmission has put into `unsent`, and that the window or a full
  // buffer holds there, comes before those in `unacked`. The release puts all of `unacked`
  // ahead of that segment when the timer strikes: the segment the receiver waits for is then
  // never reached, and the connection stands still until given up.
  {
    file: "core/tcp_out.c",
    from: "  seg->next = pcb->unsent;\n#if TCP_OVERSIZE_DBGCHECK",
    to:
      `  while (pcb->unsent != NULL && TCP_SEQ_LT(lwip_ntohl(pcb->unsent->tcphdr->seqno),
                                           lwip_ntohl(seg->tcphdr->seqno))) {
    struct tcp_seg *early = pcb->unsent, **place = &pcb->unacked;
    pcb->unsent = early->next;
    while (TCP_SEQ_LT(lwip_ntohl((*place)->tcphdr->seqno), lwip_ntohl(early->tcphdr->seqno))) {
      place = &(*place)->next;
    }
    early->next = *place;
    *place = early;
  }
  seg->next = pcb->unsent;
#if TCP_OVERSIZE_DBGCHECK`,
  },
  // The release splits after as many bytes as the window's lowest 16 bits say, also if they
  // are none, which is an assertion; and counts them from the segment's beginning, of which
  // a part may be acknowledged already.
  {
    file: "core/tcp.c",
    from: "tcp_split_unsent_seg(pcb, (u16_t)pcb->snd_wnd)",
    to: `tcp_split_unsent_seg(pcb, (u16_t)LWIP_MIN(0xffff, pcb->snd_wnd + pcb->lastack
                  - lwip_ntohl(pcb->unsent->tcphdr->seqno)))`,
  },
  // A segment is cut to the window before any other step. The release cuts only the
  // segment next in sequence, and of segments ahead of their turn the last of the list:
  // the first and those in between are kept whole, and taken from the list they are more
  // than the window, which is an assertion.
  {
    file: "core/tcp_in.c",
    from: `      if (pcb->rcv_nxt == seqno) {
        /* The incoming segment is the next in sequence.`,
    to: `      u32_t fits = pcb->rcv_nxt + pcb->rcv_wnd - seqno;
      tcplen = TCP_TCPLEN(&inseg);
      if (tcplen > fits) {
        TCPH_FLAGS_SET(inseg.tcphdr, TCPH_FLAGS(inseg.tcphdr) & ~(unsigned int)TCP_FIN);
        inseg.len = (u16_t)LWIP_MIN(inseg.len, fits);
        pbuf_realloc(inseg.p, inseg.len);
        tcplen = inseg.len;
      }
      if (pcb->rcv_nxt == seqno) {
        /* The incoming segment is the next in sequence.`,
  },
  // A stream ends where its FIN says. Where a segment covers another that carries FIN,
  // the release moves FIN to the end of the larger, which may lie a byte beyond the
  // window.
  {
    file: "core/tcp_in.c",
    from: `                TCPH_SET_FLAG(inseg.tcphdr, TCP_FIN);
                tcplen = TCP_TCPLEN(&inseg);`,
    to: `                inseg.len = (u16_t)(next->tcphdr->seqno + next->len - seqno);
                pbuf_realloc(inseg.p, inseg.len);
                TCPH_SET_FLAG(inseg.tcphdr, TCP_FIN);
                tcplen = TCP_TCPLEN(&inseg);`,
  },
  {
    file: "core/tcp_in.c",
    from: "        TCPH_SET_FLAG(cseg->tcphdr, TCP_FIN);",
    to: `        cseg->len = (u16_t)(next->tcphdr->seqno + next->len - seqno);
        pbuf_realloc(cseg->p, cseg->len);
        TCPH_SET_FLAG(cseg->tcphdr, TCP_FIN);`,
  },
  // Options count in the SYN that opens a connection, and nowhere else (RFC 9293, 3.7.1;
  // RFC 7323, 2.2): the release takes an MSS from any segment, below the size of segments
  // queued already, and a window scale from a SYN that is then not accepted.
  {
    file: "core/tcp_in.c",
    from: "  pcb->persist_probe = 0;\n\n  tcp_parseopt(pcb);",
    to: `  pcb->persist_probe = 0;

  if (pcb->state == SYN_SENT && (flags & TCP_SYN) && (flags & TCP_ACK)
      && ackno == pcb->lastack + 1) {
    tcp_parseopt(pcb);
  }`,
  },
  // Segments ahead of their turn are bounded by the memory they hold and not by their
  // bytes: a segment that later segments have cut to a byte still holds all of its
  // buffer.
  {
    file: "core/tcp_in.c",
    from: "            ooseq_blen += p->tot_len;",
    to: "            ooseq_blen += glue_held_by(p);",
  },
  // The glue has looked the connection up by its hash. The release walks a list instead, and
  // who sends for thousands of connections by turns makes that walk long.
  {
    file: "core/tcp_in.c",
    from: `  for (pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
    LWIP_ASSERT("tcp_input: active pcb->state != CLOSED"`,
    to: `  for (pcb = glue_known != NULL ? glue_known : tcp_active_pcbs; pcb != NULL;
       pcb = pcb->next) {
    LWIP_ASSERT("tcp_input: active pcb->state != CLOSED"`,
  },
];
