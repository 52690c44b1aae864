/* Words that the host reads in the stack's memory: further results of a call, the counters, and
 * the message of a broken invariant. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "abi.h"

/* Results of the last call besides its value: abi.h names them. */
static struct { uint32_t a, b, c, d; } reply;

/* Counters are counted up in place; statistics() writes the others. */
static uint32_t statistic[STATISTIC_COUNT];

static const char *panic_message;

void glue_panic(const char *message) {
  panic_message = message;
  __builtin_trap();
}

uint32_t reply_address(void) { return (uint32_t)&reply; }

uint32_t panic_text(void) { return (uint32_t)panic_message; }
