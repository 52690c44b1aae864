/* The only memory pool of a stack; see pool.c. */
#ifndef NOROUTER_POOL_H
#define NOROUTER_POOL_H
#include <stddef.h>
#include <stdint.h>

#define POOL_PAGE 65536u
#define POOL_MAX_PAGES 4096
#define POOL_LARGE (4 * POOL_PAGE)
#define POOL_LARGE_BLOCKS 64

/* Takes everything from the end of the static data to `memory_bytes`. */
void pool_init(uint32_t memory_bytes);
/* A block of at least `size` bytes aligned to 16, or NULL: none left, or over 64 KiB. */
void *pool_alloc(size_t size);
void *pool_calloc(size_t count, size_t size);
void pool_free(void *block);
/* A block of POOL_LARGE bytes, or NULL; there are few, for streams at full speed. They are
 * released like any other. */
void *pool_alloc_large(void);
/* The bytes that a block really occupies. */
size_t pool_block_size(const void *block);
/* The next pages that are free, from page `from` on, and were not told since they are: their
 * content may be lost. Returns their bytes, 0 if there are none; they end before page `next`. */
uint32_t pool_free_run(uint32_t from, uint32_t *next);
/* Where a page lies. */
uint8_t *pool_page(uint32_t page);
/* Of pages without the large blocks: how many there are, and are used. */
uint32_t pool_pages(void);
uint32_t pool_used_pages(void);
uint32_t pool_used_blocks(void);
#endif
