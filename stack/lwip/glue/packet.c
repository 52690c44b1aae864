/* Packets: their largest sizes, and the checksums of IP and TCP (RFC 791, RFC 9293). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "lwip/def.h"
#include "lwip/prot/ip.h"

/* The MTU makes a frame of exactly 64 KiB; packets as large as IP allows are accepted. */
#define MTU 65528
#define MAX_PACKET 65535

/* Four bytes in network order. */
static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Whether both checksums of a TCP packet hold: of `header` bytes of IP, and of all `length`. */
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
