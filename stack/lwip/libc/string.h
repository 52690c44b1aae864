/* The few functions of <string.h> that lwIP uses, as compiler built-ins. */
#ifndef NOROUTER_STRING_H
#define NOROUTER_STRING_H
#include <stddef.h>
#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strncmp(const char *a, const char *b, size_t length);
#endif
