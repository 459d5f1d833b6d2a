/* Preloaded into a second build of a package, compiled in its own root: what a build sees of the machine is another.
   Folders are listed in reverse, the clock is days ahead, host and kernel have other names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define AHEAD (9 * 86400 + 7 * 3600 + 11 * 60 + 13)

struct listing {
  DIR *dir;
  struct dirent64 **entries;
  size_t count, next;
  struct listing *following;
};
static struct listing *listings;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *original(const char *name) { return dlsym(RTLD_NEXT, name); }

static struct listing **find(DIR *dir) {
  struct listing **at = &listings;
  while (*at && (*at)->dir != dir) at = &(*at)->following;
  return at;
}

static void forget(DIR *dir) {
  pthread_mutex_lock(&mutex);
  struct listing **at = find(dir), *found = *at;
  if (found) {
    *at = found->following;
    for (size_t i = 0; i < found->count; i++) free(found->entries[i]);
    free(found->entries);
    free(found);
  }
  pthread_mutex_unlock(&mutex);
}

static struct listing *list(DIR *dir) {
  struct dirent64 *(*next)(DIR *) = original("readdir64");
  struct listing *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  made->dir = dir;
  struct dirent64 *e;
  while ((e = next(dir))) {
    struct dirent64 **grown = realloc(made->entries, (made->count + 1) * sizeof *grown);
    struct dirent64 *copy = calloc(1, sizeof *copy);
    if (!grown || !copy) abort();
    memcpy(copy, e, e->d_reclen < sizeof *copy ? e->d_reclen : sizeof *copy);
    made->entries = grown;
    made->entries[made->count++] = copy;
  }
  made->next = made->count;
  made->following = listings;
  return listings = made;
}

struct dirent64 *readdir64(DIR *dir) {
  int before = errno;
  pthread_mutex_lock(&mutex);
  struct listing *found = *find(dir);
  if (!found) found = list(dir);
  struct dirent64 *entry = found && found->next ? found->entries[--found->next] : NULL;
  pthread_mutex_unlock(&mutex);
  errno = before;
  return entry;
}

#if defined(__LP64__)
struct dirent *readdir(DIR *dir) { return (struct dirent *)readdir64(dir); }
#endif

int closedir(DIR *dir) {
  int (*next)(DIR *) = original("closedir");
  forget(dir);
  return next(dir);
}

void rewinddir(DIR *dir) {
  void (*next)(DIR *) = original("rewinddir");
  forget(dir);
  next(dir);
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int (*next)(clockid_t, struct timespec *) = original("clock_gettime");
  int code = next(clock, now);
  if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += AHEAD;
  return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int (*next)(struct timeval *, void *) = original("gettimeofday");
  int code = next(now, zone);
  if (!code && now) now->tv_sec += AHEAD;
  return code;
}

int uname(struct utsname *names) {
  int (*next)(struct utsname *) = original("uname");
  int code = next(names);
  if (code) return code;
  snprintf(names->nodename, sizeof names->nodename, "another-host");
  snprintf(names->release, sizeof names->release, "4.4.4-another");
  snprintf(names->version, sizeof names->version, "#4 another kernel");
  return 0;
}

int gethostname(char *name, size_t size) {
  snprintf(name, size, "another-host");
  return 0;
}
