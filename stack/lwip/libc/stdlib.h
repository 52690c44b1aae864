/* Nothing of <stdlib.h> is used; lwIP only includes it. */
#ifndef NOROUTER_STDLIB_H
#define NOROUTER_STDLIB_H
#include <stddef.h>
int atoi(const char *text);
#endif
