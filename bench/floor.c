/* Reads files as the agent does, without anything else: the floor of what reading costs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { most = 65536, room = 65536 };
static char *path[most];
static int fd[most];
static char buffer[room];

static double cpu_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int ascending(const void *left, const void *right) {
  double l = *(const double *)left, r = *(const double *)right;
  return (l > r) - (l < r);
}

/* Usage: floor open|keep ROUNDS GAP_MS < paths, one a line. Prints the median CPU time of a round in microseconds. */
int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int keep = strcmp(argv[1], "keep") == 0, rounds = atoi(argv[2]), count = 0;
  struct timespec gap = {0, atol(argv[3]) * 1000000};
  while (count < most && fgets(buffer, room, stdin)) {
    buffer[strcspn(buffer, "\n")] = 0;
    path[count] = strdup(buffer);
    fd[count++] = -1;
  }
  double *took = calloc(rounds, sizeof *took);
  for (int round = 0; round < rounds; round++) {
    nanosleep(&gap, NULL);
    double started = cpu_us();
    for (int i = 0; i < count; i++) {
      if (fd[i] < 0) fd[i] = open(path[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      if (fd[i] < 0) continue;
      ssize_t got;
      for (off_t at = 0; (got = pread(fd[i], buffer, room, at)) > 0; at += got) {}
      if (keep) continue;
      close(fd[i]);
      fd[i] = -1;
    }
    took[round] = cpu_us() - started;
  }
  qsort(took, rounds, sizeof *took, ascending);
  printf("%.1f\n", took[rounds / 2]);
  return 0;
}
