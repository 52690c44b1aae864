/* The compiler and the platform, as lwIP wants to know them: wasm32, no libc. */
#ifndef NOROUTER_ARCH_CC_H
#define NOROUTER_ARCH_CC_H

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "u"
#define SSIZE_MAX 0x7fffffff
typedef int ssize_t;

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif
#define LWIP_RAND() random_u32()
unsigned int random_u32(void);

/* A broken invariant stops the stack: going on would corrupt somebody's data. */
void glue_panic(const char *message) __attribute__((noreturn));
#define LWIP_PLATFORM_DIAG(x) do { } while (0)
#define LWIP_PLATFORM_ASSERT(message) glue_panic(message)

#endif
