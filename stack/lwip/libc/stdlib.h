/* lwIP includes <stdlib.h> and uses nothing of that header. */
#ifndef NOROUTER_STDLIB_H
#define NOROUTER_STDLIB_H
#include <stddef.h>
int atoi(const char *text);
#endif
