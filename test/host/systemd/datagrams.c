/* datagrams ADDRESS: prints what comes to a Unix datagram socket, each message between two lines of its own. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int count, char **words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char text[65536];
  if (count != 2) return 2;
  strncpy(address.sun_path, words[1], sizeof address.sun_path - 1);
  if (words[1][0] == '@') address.sun_path[0] = 0;
  int socketed = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (bind(socketed, (void *)&address, offsetof(struct sockaddr_un, sun_path) + strlen(words[1]))) return 1;
  printf("listening\n");
  for (;;) {
    fflush(stdout);
    ssize_t length = recv(socketed, text, sizeof text, 0);
    if (length < 0) return 1;
    printf("<%.*s>\n", (int)length, text);
  }
}
