/* Nothing of <stdio.h> is used; lwIP only includes it. */
#ifndef NOROUTER_STDIO_H
#define NOROUTER_STDIO_H
#endif
