/* The only memory pool of a stack: pages of 64 KiB, each whole or cut into equal blocks.
 *
 * Everything the stack holds comes from here: lwIP's control blocks and headers, bytes waiting to
 * be sent, bytes received and not yet read. So a single number says how short memory is, and the
 * glue shrinks windows by it.
 *
 * A page belongs to a size class (32 bytes to 32 KiB, doubling) or is a block of 64 KiB. The
 * first pages are set apart in fours, as blocks of 256 KiB. Allocation and release take
 * constant time; a page whose blocks are all free goes back to the free pages. Pages are
 * handed out last-in first-out and untouched pages last, so the resident size follows the use.
 *
 * Lists of free pages and of free large blocks lie outside of them, so that the system may have
 * their memory back. */
#include "pool.h"

#define PAGE_SHIFT 16
#define SMALLEST_SHIFT 5
#define CLASSES (PAGE_SHIFT - SMALLEST_SHIFT + 1)
#define NO_PAGE 0xffff
#define PAGES_OF_LARGE (POOL_LARGE / POOL_PAGE)
#define LARGE_PAGES (POOL_LARGE_BLOCKS * PAGES_OF_LARGE)

/* In place of a size class: nothing lies in the page. */
enum { FREE = 0xff, TOLD_FREE = 0xfe };

struct page {
  void *free_blocks; /* a list through the blocks' first words */
  uint16_t next, previous; /* neighbours in the class's list of pages with room */
  uint16_t used; /* blocks in use */
  uint16_t fresh; /* blocks never handed out since the page was cut */
  uint8_t class;
};

extern uint8_t __heap_base;

static struct page pages[POOL_MAX_PAGES];
static uint16_t with_room[CLASSES];
static uint16_t free_pages; /* a list of pages given back */
static uint32_t page_count, untouched, used_pages, used_blocks;
static uint8_t *base;
static uint8_t free_large[POOL_LARGE_BLOCKS]; /* numbers of blocks; the last goes first */
static uint32_t free_large_count, fresh_large;

static inline uint32_t capacity(int class) {
  return 1u << (PAGE_SHIFT - SMALLEST_SHIFT - class);
}

void pool_init(uint32_t memory_bytes) {
  uintptr_t start = ((uintptr_t)&__heap_base + POOL_PAGE - 1) & ~(uintptr_t)(POOL_PAGE - 1);
  base = (uint8_t *)start;
  page_count = (memory_bytes - start) >> PAGE_SHIFT;
  if (page_count > POOL_MAX_PAGES) page_count = POOL_MAX_PAGES;
  free_large_count = fresh_large = 0;
  for (int i = 0; i < CLASSES; i++) with_room[i] = NO_PAGE;
  free_pages = NO_PAGE;
  untouched = LARGE_PAGES;
  used_pages = used_blocks = 0;
}

static uint16_t take_page(void) {
  uint16_t index = free_pages;
  if (index != NO_PAGE) {
    free_pages = pages[index].next;
  } else {
    if (untouched >= page_count) return NO_PAGE;
    index = (uint16_t)untouched++;
  }
  used_pages++;
  return index;
}

static void link_page(uint16_t index, int class) {
  struct page *page = &pages[index];
  page->previous = NO_PAGE;
  page->next = with_room[class];
  if (page->next != NO_PAGE) pages[page->next].previous = index;
  with_room[class] = index;
}

static void unlink_page(uint16_t index, int class) {
  struct page *page = &pages[index];
  if (page->previous != NO_PAGE) pages[page->previous].next = page->next;
  else with_room[class] = page->next;
  if (page->next != NO_PAGE) pages[page->next].previous = page->previous;
}

static inline int class_of(size_t size) {
  if (size <= 1u << SMALLEST_SHIFT) return 0;
  return 32 - __builtin_clz((uint32_t)size - 1) - SMALLEST_SHIFT;
}

void *pool_alloc(size_t size) {
  if (size > POOL_PAGE) return NULL;
  int class = class_of(size);
  if (class == CLASSES - 1) {
    uint16_t index = take_page();
    if (index == NO_PAGE) return NULL;
    pages[index].class = (uint8_t)class;
    used_blocks++;
    return base + ((uint32_t)index << PAGE_SHIFT);
  }
  uint16_t index = with_room[class];
  if (index == NO_PAGE) {
    index = take_page();
    if (index == NO_PAGE) return NULL;
    struct page *page = &pages[index];
    page->class = (uint8_t)class;
    page->free_blocks = NULL;
    page->used = page->fresh = 0;
    link_page(index, class);
  }
  struct page *page = &pages[index];
  uint8_t *block = page->free_blocks;
  if (block != NULL) {
    page->free_blocks = *(void **)block;
  } else {
    block = base + ((uint32_t)index << PAGE_SHIFT)
      + ((uint32_t)page->fresh++ << (class + SMALLEST_SHIFT));
  }
  if (++page->used == capacity(class)) unlink_page(index, class);
  used_blocks++;
  return block;
}

void *pool_calloc(size_t count, size_t size) {
  void *block = pool_alloc(count * size);
  if (block != NULL) __builtin_memset(block, 0, count * size);
  return block;
}

static void mark_large(uint32_t number, uint8_t class) {
  for (uint32_t i = 0; i < PAGES_OF_LARGE; i++) pages[number * PAGES_OF_LARGE + i].class = class;
}

void *pool_alloc_large(void) {
  uint32_t number;
  if (free_large_count > 0) number = free_large[--free_large_count];
  else if (fresh_large < POOL_LARGE_BLOCKS) number = fresh_large++;
  else return NULL;
  mark_large(number, 0);
  used_blocks++;
  return base + number * POOL_LARGE;
}

size_t pool_block_size(const void *block) {
  uint32_t index = (uint32_t)((const uint8_t *)block - base) >> PAGE_SHIFT;
  if (index < LARGE_PAGES) return POOL_LARGE;
  return (size_t)1 << (pages[index].class + SMALLEST_SHIFT);
}

void pool_free(void *block) {
  if (block == NULL) return;
  uint16_t index = (uint16_t)((uint32_t)((uint8_t *)block - base) >> PAGE_SHIFT);
  struct page *page = &pages[index];
  int class = page->class;
  used_blocks--;
  if (index < LARGE_PAGES) {
    uint32_t number = index / PAGES_OF_LARGE;
    free_large[free_large_count++] = (uint8_t)number;
    mark_large(number, FREE);
    return;
  }
  if (class < CLASSES - 1) {
    if (page->used-- == capacity(class)) link_page(index, class);
    *(void **)block = page->free_blocks;
    page->free_blocks = block;
    if (page->used > 0) return;
    unlink_page(index, class);
  }
  page->class = FREE;
  page->next = free_pages;
  free_pages = index;
  used_pages--;
}

uint32_t pool_free_run(uint32_t from, uint32_t *next) {
  while (from < page_count && pages[from].class != FREE) from++;
  uint32_t end = from;
  while (end < page_count && pages[end].class == FREE) pages[end++].class = TOLD_FREE;
  *next = end;
  return (end - from) * POOL_PAGE;
}

uint8_t *pool_page(uint32_t page) { return base + page * POOL_PAGE; }

uint32_t pool_pages(void) { return page_count - LARGE_PAGES; }
uint32_t pool_used_pages(void) { return used_pages; }
uint32_t pool_used_blocks(void) { return used_blocks; }
