/* SPDX-License-Identifier: Apache-2.0 */
/* The program of the embedded image `hello`: says that everything worked, and what to try next.
 * Where the system call is known it needs no libc at all, so the whole image is a few KB. */

static const char TEXT[] =
    "\n"
    "Hello from Berth!\n"
    "\n"
    "That you can read this means that all the parts work together:\n"
    " 1. the client asked the daemon over the Docker Engine API;\n"
    " 2. the daemon made a root file system of the image with its storage driver;\n"
    " 3. berth-shim started this program in namespaces of its own, and watches it;\n"
    " 4. what it wrote went to the container's log and to your terminal.\n"
    "\n"
    "Next, load an image or pull one, and try:\n"
    " berth run -it debian:12 bash\n"
    "\n";

#if defined(__x86_64__) || defined(__aarch64__)

static long call3(long number, long a, long b, long c)
{
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

#if defined(__x86_64__)
enum { CALL_WRITE = 1, CALL_EXIT = 60 };
#else
enum { CALL_WRITE = 64, CALL_EXIT = 93 };
#endif

__attribute__((noreturn)) void _start(void);

void _start(void)
{
    const char *text = TEXT;
    long left = sizeof TEXT - 1;

    while (left > 0) {
        long wrote = call3(CALL_WRITE, 1, (long)text, left);
        if (wrote <= 0) {
            break;
        }
        text += wrote;
        left -= wrote;
    }
    for (;;) {
        call3(CALL_EXIT, left > 0, 0, 0);
    }
}

#else

#include <unistd.h>

int main(void)
{
    return write(1, TEXT, sizeof TEXT - 1) == (ssize_t)(sizeof TEXT - 1) ? 0 : 1;
}

#endif
