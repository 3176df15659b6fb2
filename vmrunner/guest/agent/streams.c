// What programs in the guest ask of the host, each over a connection of its own to a Unix socket:
//   file NAME    the bytes of a file of the host, until the connection ends
//   tell TEXT    an event for the page
//   poweroff, reboot
// A file's bytes come in pieces, over the control line or in the area, acknowledged as the program
// takes them, so that a slow program holds up its own file only.
#include "guest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "/run/cairn/host.sock"
enum { kWindow = 64 * 1024, kAcknowledge = 12 * 1024 };

struct stream {
  int fd;              // -1: this place is free
  unsigned number;     // as the host knows it: never used twice while its bytes may still come
  bool asked, ending;
  char question[kSmall];
  size_t question_size;
  char* bytes;         // come, and not yet taken
  size_t first, size;
  bool area;           // its bytes come in the area's parts, in turn
  unsigned part;       // the next one to be taken
  size_t left[kAreaParts], done;
  unsigned long taken, told;
};
static struct stream streams[kStreams] = {{.fd = -1}, {.fd = -1}, {.fd = -1}, {.fd = -1}};
static int listener = -1;
static unsigned next_number = 1;

static struct sockaddr_un address(void) {
  return (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = SOCKET};
}

void streams_open(void) {
  const struct sockaddr_un where = address();
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0 || bind(listener, (const struct sockaddr*)&where, sizeof where)) return;
  chmod(SOCKET, 0666);
  listen(listener, 8);
}

int streams_fd(void) { return listener; }

void stream_accept(void) {
  const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  struct stream* stream = streams;
  while (stream < streams + kStreams && stream->fd >= 0) ++stream;
  if (stream == streams + kStreams) {
    close(fd);
    return;
  }
  *stream = (struct stream){.fd = fd, .number = next_number++, .bytes = malloc(kWindow)};
}

static void finish(struct stream* stream) {
  if (stream->area) area_leave();
  close(stream->fd);
  free(stream->bytes);
  *stream = (struct stream){.fd = -1};
}

static bool has_bytes(const struct stream* stream) {
  return stream->size > 0 || stream->left[stream->part] > 0;
}

int stream_poll(int index, short* events) {
  const struct stream* stream = &streams[index];
  *events = stream->asked ? (has_bytes(stream) ? POLLOUT : 0) : POLLIN;
  return stream->fd;
}

static void ask(struct stream* stream) {
  char* text = stream->question;
  text[strcspn(text, "\n")] = 0;
  stream->asked = true;
  if (strncmp(text, "file ", 5) == 0) {
    if (control_fd() < 0) return finish(stream);
    const char* pages = area_take();
    stream->area = pages != NULL;
    tell("{\"event\":\"want\",\"stream\":%u,\"file\":%J,\"part\":%u,\"pages\":%R}",
         (unsigned long)stream->number, text + 5, strlen(text + 5), (unsigned long)kAreaPart,
         pages ? pages : "[]");
    return;
  }
  if (strncmp(text, "tell ", 5) == 0) {
    tell("{\"event\":\"told\",\"text\":%J}", text + 5, strlen(text + 5));
  }
  if (strcmp(text, "poweroff") == 0) go_down(false, 0);
  if (strcmp(text, "reboot") == 0) go_down(true, 0);
  finish(stream);
}

// The next bytes for the program, from the area or from what came over the line.
static size_t next_bytes(const struct stream* stream, const char** bytes) {
  if (stream->left[stream->part] > 0) {
    *bytes = area_part(stream->part) + stream->done;
    return stream->left[stream->part];
  }
  *bytes = stream->bytes + stream->first;
  return kWindow - stream->first < stream->size ? kWindow - stream->first : stream->size;
}

static void advance(struct stream* stream, size_t size) {
  stream->taken += (unsigned long)size;
  if (stream->left[stream->part] == 0) {
    stream->first = (stream->first + size) % kWindow;
    stream->size -= size;
    return;
  }
  stream->done += size;
  stream->left[stream->part] -= size;
  if (stream->left[stream->part] == 0) {
    stream->part = (stream->part + 1) % kAreaParts;
    stream->done = 0;
  }
}

static void acknowledge(struct stream* stream) {
  stream->told = stream->taken;
  tell("{\"event\":\"took\",\"stream\":%u,\"bytes\":%u}", (unsigned long)stream->number,
       stream->taken);
}

static void pass_on(struct stream* stream) {
  const unsigned part = stream->part;
  while (has_bytes(stream)) {
    const char* bytes;
    const size_t run = next_bytes(stream, &bytes);
    const ssize_t done = write(stream->fd, bytes, run);
    if (done <= 0) {
      if (errno == EAGAIN || errno == EINTR) break;
      tell("{\"event\":\"gone\",\"stream\":%u}", (unsigned long)stream->number);
      return finish(stream);
    }
    advance(stream, (size_t)done);
  }
  const bool much = stream->area ? stream->part != part : stream->taken - stream->told >= kAcknowledge;
  if (much || (!has_bytes(stream) && stream->taken != stream->told)) acknowledge(stream);
  if (stream->ending && !has_bytes(stream)) finish(stream);
}

void stream_ready(int index, short events) {
  struct stream* stream = &streams[index];
  if (stream->fd < 0) return;
  if (stream->asked) {
    if (events & POLLOUT) return pass_on(stream);
    tell("{\"event\":\"gone\",\"stream\":%u}", (unsigned long)stream->number);
    return finish(stream);
  }
  const size_t room = sizeof stream->question - 1 - stream->question_size;
  const ssize_t got = read(stream->fd, stream->question + stream->question_size, room);
  if (got <= 0) {
    if (errno != EAGAIN || got == 0) finish(stream);
    return;
  }
  stream->question_size += (size_t)got;
  if (memchr(stream->question, '\n', stream->question_size)) ask(stream);
  else if ((size_t)got == room) finish(stream);
}

static struct stream* find(unsigned number) {
  for (struct stream* stream = streams; stream < streams + kStreams; ++stream) {
    if (stream->fd >= 0 && stream->asked && stream->number == number) return stream;
  }
  return NULL;  // its program has gone; what was on its way is dropped
}

void stream_data(unsigned number, const char* bytes, size_t size) {
  struct stream* stream = find(number);
  if (!stream) return;
  if (stream->size + size > kWindow) {  // the host sent more than it may
    tell("{\"event\":\"gone\",\"stream\":%u}", (unsigned long)number);
    return finish(stream);
  }
  for (size_t i = 0; i < size;) {
    const size_t end = (stream->first + stream->size) % kWindow;
    const size_t run = kWindow - end < size - i ? kWindow - end : size - i;
    memcpy(stream->bytes + end, bytes + i, run);
    stream->size += run;
    i += run;
  }
  pass_on(stream);
}

void stream_filled(unsigned number, unsigned part, size_t size) {
  struct stream* stream = find(number);
  if (!stream || !stream->area || part >= kAreaParts || size > kAreaPart) return;
  stream->left[part] = size;
  pass_on(stream);
}

void stream_end(unsigned number, const char* error) {
  struct stream* stream = find(number);
  if (!stream) return;
  stream->ending = true;
  if (error || !has_bytes(stream)) finish(stream);
}

// `host file NAME`, `host tell TEXT`, `host poweroff`, `host reboot`.
int host_main(int count, char** arguments) {
  char text[kSmall + 2] = "";
  for (int i = 1; i < count; ++i) {
    const size_t used = strlen(text);
    snprintf(text + used, kSmall - used, "%s%s", i > 1 ? " " : "", arguments[i]);
  }
  const struct sockaddr_un where = address();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (count < 2 || fd < 0 || connect(fd, (const struct sockaddr*)&where, sizeof where)) {
    fprintf(stderr, count < 2 ? "usage: host file NAME | tell TEXT | poweroff | reboot\n"
                              : "host: nobody listens\n");
    return 1;
  }
  strcat(text, "\n");
  if (write(fd, text, strlen(text)) < 0) return 1;
  char buffer[16 * 1024];
  ssize_t got;
  size_t all = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < got;) {
      const ssize_t done = write(1, buffer + at, (size_t)(got - at));
      if (done <= 0) return 1;
      at += done;
    }
    all += (size_t)got;
  }
  return strncmp(text, "file ", 5) == 0 && all == 0 ? 1 : 0;
}
