// Owns a slow disk that says who waits for it: loaded before the C library, it has each read and sync of a database file take
// DISK_MILLIS, and writes a line to the standard error for what the main thread, which is an event loop's, does of that, and
// for each of its waits for another thread that is half as long. Never changes what is read or written.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static long millis(void) {
  const char *said = getenv("DISK_MILLIS");
  return said ? atol(said) : 0;
}

static int is_main(void) { return gettid() == getpid(); }

static int is_database(const char *path) { return strstr(path, ".db") != NULL; }

static void nap(void) {
  struct timespec time = {millis() / 1000, millis() % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static void at(const char *call, const char *path) {
  if (is_main()) fprintf(stderr, "the event loop: %s %s\n", call, path);
  if (strstr(call, "read") || strstr(call, "sync")) nap();
}

static void on(const char *call, int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  if (is_database(path)) at(call, path);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t pread64(int file, void *bytes, size_t count, off64_t position) {
  REAL(ssize_t, pread64, int, void *, size_t, off64_t);
  on("pread64", file);
  return real(file, bytes, count, position);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t position) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  on("pwrite64", file);
  return real(file, bytes, count, position);
}

int fdatasync(int file) {
  REAL(int, fdatasync, int);
  on("fdatasync", file);
  return real(file);
}

int fsync(int file) {
  REAL(int, fsync, int);
  on("fsync", file);
  return real(file);
}

int ftruncate64(int file, off64_t length) {
  REAL(int, ftruncate64, int, off64_t);
  on("ftruncate64", file);
  return real(file, length);
}

int open64(const char *path, int flags, ...) {
  REAL(int, open64, const char *, int, ...);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (is_database(path)) at("open64", path);
  return real(path, flags, mode);
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  if (is_database(to)) at("rename", to);
  return real(from, to);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

// Rust's locks and channels wait by this function, and nothing of Node's does.
long syscall(long number, ...) {
  REAL(long, syscall, long, ...);
  long given[6];
  va_list rest;
  va_start(rest, number);
  for (int index = 0; index < 6; index++) given[index] = va_arg(rest, long);
  va_end(rest);
  double begin = now();
  long answer = real(number, given[0], given[1], given[2], given[3], given[4], given[5]);
  int failed = errno;
  long operation = given[1] & FUTEX_CMD_MASK;
  int waits = number == SYS_futex && (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
  if (waits && is_main() && now() - begin > millis() / 2.0) {
    fprintf(stderr, "the event loop: waited %.0f ms for another thread\n", now() - begin);
  }
  errno = failed;
  return answer;
}
