/* lwIP includes <errno.h> and uses nothing of that header. */
#ifndef NOROUTER_ERRNO_H
#define NOROUTER_ERRNO_H
#endif
