/* lwIP includes <stdio.h> and uses nothing of that header. */
#ifndef NOROUTER_STDIO_H
#define NOROUTER_STDIO_H
#endif
