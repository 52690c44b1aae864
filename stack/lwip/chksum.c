/* The Internet checksum (RFC 1071), sixteen bytes at a time.
 *
 * A one's complement sum may be taken in any word size and order of its words, so lanes
 * of 32 bits gather 16-bit words and are folded at the end. */
#include <stdint.h>
#include <wasm_simd128.h>

/* Returns the folded sum of `length` bytes, not complemented, in memory order. */
unsigned short simd_chksum(const void *data, int length) {
  const uint8_t *bytes = data;
  uint64_t sum = 0;
  const int odd = (uintptr_t)bytes & 1;
  if (odd && length > 0) {
    sum += (uint32_t)*bytes++ << 8;
    length--;
  }
  while (length >= 64) {
    /* Each step adds at most 2 * 0xffff to a lane, so 16384 steps cannot overflow. */
    int steps = length / 64;
    if (steps > 16000) steps = 16000;
    v128_t a = wasm_i32x4_splat(0), b = a, c = a, d = a;
    for (int i = 0; i < steps; i++, bytes += 64) {
      a = wasm_i32x4_add(a, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(bytes)));
      b = wasm_i32x4_add(b, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(bytes + 16)));
      c = wasm_i32x4_add(c, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(bytes + 32)));
      d = wasm_i32x4_add(d, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(bytes + 48)));
    }
    length -= steps * 64;
    uint32_t lanes[16];
    wasm_v128_store(lanes, a);
    wasm_v128_store(lanes + 4, b);
    wasm_v128_store(lanes + 8, c);
    wasm_v128_store(lanes + 12, d);
    for (int i = 0; i < 16; i++) sum += lanes[i];
  }
  while (length >= 2) {
    sum += (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    bytes += 2;
    length -= 2;
  }
  if (length > 0) sum += *bytes;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  /* From an odd address the words were taken one byte off: swap them back. */
  return (unsigned short)(odd ? (sum & 0xff) << 8 | sum >> 8 : sum);
}
