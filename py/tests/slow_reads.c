/* Owns a disk that makes readers of one file wait for as long as another file is there, and tells by a third one, which has
 * the name of the second with `.waits` behind it, that somebody does; preloaded, for tests alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static void wait_for_gate(int file)
{
    const char *slow = getenv("SLOW_FILE"), *gate = getenv("SLOW_GATE");
    char link[64], path[4096], told[4096];
    ssize_t length;
    int waits = 0;
    if (!slow || !gate)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return;
    path[length] = 0;
    if (strcmp(path, slow) != 0)
        return;
    while (access(gate, F_OK) == 0) {
        if (!waits && snprintf(told, sizeof told, "%s.waits", gate) < (int)sizeof told)
            waits = close(open(told, O_CREAT | O_WRONLY, 0600)) == 0;
        usleep(1000);
    }
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t position)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    wait_for_gate(file);
    return real(file, bytes, count, position);
}
