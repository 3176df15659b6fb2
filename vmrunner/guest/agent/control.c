// The control line: one request per line from the host, one JSON object per line to it.
#include "guest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int line_fd = -1;
static char input[kLineMax];
static size_t input_size;
static size_t data_left;      // bytes of a stream that follow the last line
static unsigned data_stream;

int control_fd(void) { return line_fd; }

// A virtio console announces its ports a moment after the kernel has started init.
static bool has_virtio_console(void) { return access("/sys/class/virtio-ports", F_OK) == 0; }

void control_open(void) {
  char path[kSmall + 8];
  if (!settings.control[0]) return;
  snprintf(path, sizeof path, "/dev/%s", settings.control);
  const bool wait = strncmp(settings.control, "hvc", 3) == 0 && has_virtio_console();
  for (int tries = 0; tries < 500; ++tries) {
    line_fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (line_fd >= 0 || !wait) break;
    nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
  }
  if (line_fd < 0) return;
  struct termios mode;
  if (tcgetattr(line_fd, &mode) == 0) {
    cfmakeraw(&mode);
    tcsetattr(line_fd, TCSANOW, &mode);
  }
}

static void write_all(const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t done = write(line_fd, bytes, size);
    if (done < 0 && errno != EINTR) return;
    if (done > 0) bytes += done, size -= (size_t)done;
  }
}

static size_t put_json(char* to, const char* text, size_t size) {
  size_t n = 0;
  to[n++] = '"';
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') {
      to[n++] = '\\';
      to[n++] = (char)c;
    } else if (c < 0x20 || c == 0x7f) {
      n += (size_t)sprintf(to + n, "\\u%04x", c);
    } else {
      to[n++] = (char)c;
    }
  }
  to[n++] = '"';
  return n;
}

void tell(const char* format, ...) {
  if (line_fd < 0) return;
  va_list list;
  va_start(list, format);
  size_t capacity = kLineMax, n = 0;
  char* line = malloc(capacity);
  for (const char* f = format; line && *f; ++f) {
    if (n + 32 > capacity) line = realloc(line, capacity += kLineMax);
    if (!line) break;
    if (*f != '%') {
      line[n++] = *f;
    } else if (*++f == 'J') {
      const char* text = va_arg(list, const char*);
      const size_t size = va_arg(list, size_t);
      char* larger = realloc(line, capacity += size * 6 + 2);
      if (!larger) break;
      line = larger;
      n += put_json(line + n, text, size);
    } else if (*f == 'R') {
      const char* text = va_arg(list, const char*);
      char* larger = realloc(line, capacity += strlen(text));
      if (!larger) break;
      line = larger;
      n += (size_t)sprintf(line + n, "%s", text);
    } else {
      n += (size_t)sprintf(line + n, "%lu", va_arg(list, unsigned long));
    }
  }
  va_end(list);
  if (line) line[n++] = '\n', write_all(line, n);
  free(line);
}

void reply_ok(unsigned long id) { tell("{\"id\":%u,\"ok\":true}", id); }
void reply_error(unsigned long id, const char* what, int error) {
  const char* text = strerror(error);
  tell("{\"id\":%u,\"ok\":false,\"step\":%J,\"error\":%J,\"errno\":%u}", id, what, strlen(what), text,
       strlen(text), (unsigned long)error);
}

static int hex_digit(char c) {
  if (isdigit((unsigned char)c)) return c - '0';
  c = (char)tolower((unsigned char)c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char* argument(const struct request* request, const char* key) {
  static char values[4][kLineMax];  // several arguments are looked at together
  static unsigned turn;
  const size_t length = strlen(key);
  for (const char* at = request->arguments; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
    if (strncmp(at, key, length) != 0 || at[length] != '=') continue;
    char* value = values[turn++ % 4];
    size_t n = 0;
    for (at += length + 1; *at && *at != ' '; ++at) {
      const int high = *at == '%' ? hex_digit(at[1]) : -1;
      const int low = high >= 0 ? hex_digit(at[2]) : -1;
      value[n++] = low >= 0 ? (char)(high << 4 | low) : *at;
      if (low >= 0) at += 2;
    }
    value[n] = 0;
    return value;
  }
  return NULL;
}

unsigned long number_argument(const struct request* request, const char* key, unsigned long other) {
  const char* value = argument(request, key);
  return value ? strtoul(value, NULL, 10) : other;
}

static void take(const struct request* request, const char* key, char* to, size_t size) {
  const char* value = argument(request, key);
  if (value) snprintf(to, size, "%s", value);
}

static void take_mount(const struct request* request) {
  take(request, "source", settings.source, sizeof settings.source);
  take(request, "options", settings.options, sizeof settings.options);
  take(request, "target", settings.target, sizeof settings.target);
  take(request, "root", settings.root, sizeof settings.root);
}

static int set_time_and_seed(const struct request* request) {
  const char* time = argument(request, "time");
  const char* seed = argument(request, "seed");
  int error = time ? set_clock(strtoull(time, NULL, 10)) : 0;
  if (seed && !error) error = set_seed(seed);
  return error;
}

static void set_sizes(const struct request* request) {
  const unsigned columns = number_argument(request, "cols", 0);
  const unsigned rows = number_argument(request, "rows", 0);
  const unsigned long which = number_argument(request, "terminal", kTerminals);
  if (!columns || !rows) return;
  for (int i = 0; i < kTerminals; ++i) {
    if (which == kTerminals || which == (unsigned long)i) terminal_size(i, columns, rows);
  }
}

static void on_mount(const struct request* request) {
  take_mount(request);
  const int error = settings.source[0] ? mount_volume() : EINVAL;
  if (error) {
    reply_error(request->id, "mount", error);
  } else {
    tell("{\"id\":%u,\"ok\":true,\"mounted\":%J}", request->id, settings.target,
         strlen(settings.target));
  }
}

static void on_start(const struct request* request) {
  int error = set_time_and_seed(request);
  take(request, "hostname", settings.hostname, sizeof settings.hostname);
  sethostname(settings.hostname, strlen(settings.hostname));
  settings.uid = number_argument(request, "uid", settings.uid);
  settings.gid = number_argument(request, "gid", settings.gid);
  if (!error) error = set_users(settings.uid, settings.gid);
  set_sizes(request);
  if (error) {
    reply_error(request->id, "start", error);
  } else if (argument(request, "source")) {
    on_mount(request);
  } else {
    reply_ok(request->id);
  }
  if (mounted && settings.root[0]) boot_from_volume();
  terminals_start();
}

static void answer(const struct request* request, const char* what, int error) {
  if (error) {
    reply_error(request->id, what, error);
  } else {
    reply_ok(request->id);
  }
}

static void on_request(const struct request* request) {
  const char* verb = request->verb;
  if (strcmp(verb, "start") == 0) return on_start(request);
  if (strcmp(verb, "mount") == 0) return on_mount(request);
  if (strcmp(verb, "run") == 0) return job_run(request);
  if (strcmp(verb, "set") == 0) return answer(request, verb, set_time_and_seed(request));
  if (strcmp(verb, "size") == 0) return set_sizes(request), reply_ok(request->id);
  if (strcmp(verb, "ping") == 0) return reply_ok(request->id);
  if (strcmp(verb, "poweroff") == 0) return go_down(false, request->id);
  if (strcmp(verb, "reboot") == 0) return go_down(true, request->id);
  if (strcmp(verb, "umount") == 0) {
    return answer(request, verb, unmount_volume(number_argument(request, "force", 0)));
  }
  if (strcmp(verb, "filled") == 0) {
    return stream_filled(number_argument(request, "stream", 0), number_argument(request, "part", 0),
                         number_argument(request, "size", 0));
  }
  if (strcmp(verb, "end") == 0) {
    return stream_end(number_argument(request, "stream", 0), argument(request, "error"));
  }
  reply_error(request->id, verb, ENOSYS);
}

static void on_line(char* line) {
  struct request request = {.id = strtoul(line, &line, 10)};
  line += strspn(line, " ");
  request.verb = line;
  line += strcspn(line, " ");
  if (*line) *line++ = 0;
  request.arguments = line + strspn(line, " ");
  if (!request.verb[0]) return;
  if (strcmp(request.verb, "data") == 0) {
    data_stream = number_argument(&request, "stream", 0);
    data_left = number_argument(&request, "size", 0);
  } else {
    on_request(&request);
  }
}

// Lines and the bytes between them are cut out of what has come, however it came in pieces.
void control_read(void) {
  const ssize_t got = read(line_fd, input + input_size, sizeof input - 1 - input_size);
  if (got <= 0) return;
  input_size += (size_t)got;
  size_t at = 0;
  while (at < input_size) {
    if (data_left > 0) {
      const size_t size = data_left < input_size - at ? data_left : input_size - at;
      stream_data(data_stream, input + at, size);
      data_left -= size;
      at += size;
      continue;
    }
    char* end = memchr(input + at, '\n', input_size - at);
    if (!end) break;
    *end = 0;
    char* line = input + at;
    at = (size_t)(end - input) + 1;
    on_line(line);
  }
  memmove(input, input + at, input_size - at);
  input_size -= at;
  if (input_size == sizeof input - 1) input_size = 0;  // no request is that long
}
