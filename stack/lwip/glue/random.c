/* Random numbers for initial sequence numbers and ports, which others must not guess (RFC 6528):
 * xoshiro128**, seeded by the host. */
#pragma once
#include <stdint.h>
#include "hooks.h"

static uint32_t random_state[4];

static void seed_random(uint32_t s0, uint32_t s1, uint32_t s2, uint32_t s3) {
  random_state[0] = s0;
  random_state[1] = s1;
  random_state[2] = s2;
  random_state[3] = s3 | 1;
}

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
