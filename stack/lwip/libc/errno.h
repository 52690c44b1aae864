/* Nothing of <errno.h> is used; lwIP only includes it. */
#ifndef NOROUTER_ERRNO_H
#define NOROUTER_ERRNO_H
#endif
