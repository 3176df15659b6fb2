// The guest's init: mounts what a system needs, then serves the control line, the terminals and
// the programs that ask the host for something. By other names it is a small tool: see tools.c.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct settings settings = {
    .hostname = "cairn",
    .target = "/mnt",
    .control = "hvc3",
    .terminals = {"hvc0", "hvc1", "hvc2"},
    .uid = 1000,
    .gid = 1000,
};

static const struct { const char* name; int (*run)(int count, char** arguments); } tools[] = {
    {"host", host_main},   {"flock", flock_main}, {"unpack", unpack_main},
    {"fetch", fetch_main}, {"ready", ready_main},
};

static void copy(char* to, size_t size, const char* from) { snprintf(to, size, "%s", from); }

static void set_terminals(const char* list) {
  memset(settings.terminals, 0, sizeof settings.terminals);
  for (int i = 0; i < kTerminals && *list; ++i) {
    const size_t length = strcspn(list, "+");
    snprintf(settings.terminals[i], sizeof settings.terminals[i], "%.*s", (int)length, list);
    list += length + (list[length] == '+');
  }
}

static void set_from_word(const char* word) {
  const struct { const char* name; char* to; size_t size; } texts[] = {
      {"hostname=", settings.hostname, sizeof settings.hostname},
      {"source=", settings.source, sizeof settings.source},
      {"options=", settings.options, sizeof settings.options},
      {"target=", settings.target, sizeof settings.target},
      {"root=", settings.root, sizeof settings.root},
      {"control=", settings.control, sizeof settings.control},
      {"poweroff=", settings.poweroff, sizeof settings.poweroff},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    const size_t length = strlen(texts[i].name);
    if (strncmp(word, texts[i].name, length) == 0) copy(texts[i].to, texts[i].size, word + length);
  }
  if (strncmp(word, "uid=", 4) == 0) settings.uid = strtoul(word + 4, NULL, 10);
  if (strncmp(word, "gid=", 4) == 0) settings.gid = strtoul(word + 4, NULL, 10);
  if (strncmp(word, "terminals=", 10) == 0) set_terminals(word + 10);
  if (strcmp(word, "start") == 0) settings.start = true;
}

void read_command_line(void) {
  char line[4096];
  const int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
  if (fd >= 0) close(fd);
  line[size > 0 ? size : 0] = 0;
  for (char* word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
    if (strncmp(word, "cairn.", 6) == 0) set_from_word(word + 6);
  }
  if (strcmp(settings.control, "none") == 0) settings.control[0] = 0;
}

static void reap(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (!terminal_ended(pid, status)) job_ended(pid, status);
  }
}

// BusyBox's poweroff, halt and reboot, as root, tell process 1 by signals.
static void on_signal(uint32_t signal) {
  if (signal == SIGUSR1 || signal == SIGUSR2) go_down(false, 0);
  if (signal == SIGTERM) go_down(true, 0);
}

static int block_signals(void) {
  const int taken[] = {SIGCHLD, SIGUSR1, SIGUSR2, SIGTERM};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof taken / sizeof *taken; ++i) sigaddset(&set, taken[i]);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void serve_once(int signals) {
  struct pollfd polls[3 + kJobs + kStreams] = {
      {.fd = signals, .events = POLLIN},
      {.fd = control_fd(), .events = POLLIN},
      {.fd = streams_fd(), .events = POLLIN},
  };
  for (int i = 0; i < kJobs; ++i) polls[3 + i] = (struct pollfd){job_poll(i), POLLIN, 0};
  for (int i = 0; i < kStreams; ++i) {
    struct pollfd* entry = &polls[3 + kJobs + i];
    entry->fd = stream_poll(i, &entry->events);
  }
  if (poll(polls, 3 + kJobs + kStreams, terminals_timeout_ms()) < 0 && errno != EINTR) sleep(1);
  if (polls[0].revents) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) > 0) on_signal(info.ssi_signo);
  }
  for (int i = 0; i < kJobs; ++i) {
    if (polls[3 + i].revents) job_read(i);
  }
  reap();
  if (polls[1].revents) control_read();
  if (polls[2].revents) stream_accept();
  for (int i = 0; i < kStreams; ++i) {
    if (polls[3 + kJobs + i].revents) stream_ready(i, polls[3 + kJobs + i].revents);
  }
  if (terminals_started()) terminals_start();
}

int main(int count, char** arguments) {
  const char* slash = strrchr(arguments[0], '/');
  const char* name = slash ? slash + 1 : arguments[0];
  for (size_t i = 0; i < sizeof tools / sizeof *tools; ++i) {
    if (strcmp(name, tools[i].name) == 0) return tools[i].run(count, arguments);
  }
  umask(022);
  mount_system();
  read_command_line();
  sethostname(settings.hostname, strlen(settings.hostname));
  set_users(settings.uid, settings.gid);
  const int signals = block_signals();
  streams_open();
  control_open();
  tell("{\"event\":\"ready\",\"protocol\":1}");
  if (settings.start || control_fd() < 0) {
    const int error = settings.source[0] ? mount_volume() : 0;
    if (error) fprintf(stderr, "cairn: mounting %s: %s\n", settings.source, strerror(error));
    if (!error && settings.root[0]) boot_from_volume();
    terminals_start();
  }
  for (;;) serve_once(signals);
}
