// A shell of the ordinary user on each terminal, started again when it ends.
#include "guest.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { kKernelsTurn = 5000 };  // us

static struct {
  pid_t pid;
  time_t started;
  struct winsize size;
} shells[kTerminals];
static bool started;

bool terminals_started(void) { return started; }

static time_t monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

void become_user(bool as_root) {
  const bool other = !as_root && settings.uid != 0;
  if (other) {
    (void)!setgroups(0, NULL);
    (void)!setgid(settings.gid);
    (void)!setuid(settings.uid);
  }
  clearenv();
  setenv("HOME", other ? "/home/user" : "/root", 1);
  setenv("USER", other ? "user" : "root", 1);
  setenv("LOGNAME", other ? "user" : "root", 1);
  setenv("SHELL", "/bin/sh", 1);
  setenv("TERM", "xterm-256color", 1);
  setenv("ENV", "/etc/shrc", 1);
  setenv("LANG", "C.UTF-8", 1);
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  if (chdir(mounted && !on_volume ? settings.target : getenv("HOME"))) (void)!chdir("/");
}

static void default_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
}

static void device_path(char* path, size_t size, int index) {
  snprintf(path, size, "/dev/%s", settings.terminals[index]);
}

// Kept for the shells to come as well: a terminal forgets its size when its last user closes it.
void terminal_size(int index, unsigned columns, unsigned rows) {
  char path[32];
  shells[index].size.ws_col = (unsigned short)columns;
  shells[index].size.ws_row = (unsigned short)rows;
  device_path(path, sizeof path, index);
  const int fd = settings.terminals[index][0] && shells[index].pid
                     ? open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
                     : -1;
  if (fd < 0) return;
  ioctl(fd, TIOCSWINSZ, &shells[index].size);
  close(fd);
}

static void run_shell(int index) {
  char path[32];
  device_path(path, sizeof path, index);
  default_signals();
  setsid();
  const int fd = open(path, O_RDWR);
  if (fd < 0) _exit(1);
  ioctl(fd, TIOCSCTTY, 1);
  struct termios mode;
  if (tcgetattr(fd, &mode) == 0) {
    mode.c_iflag = ICRNL | IXON | IUTF8;
    mode.c_oflag = OPOST | ONLCR;
    mode.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    tcsetattr(fd, TCSANOW, &mode);
  }
  // A thread of the kernel's sets the size that the device has told, which is none: it goes first.
  usleep(kKernelsTurn);
  if (shells[index].size.ws_col) ioctl(fd, TIOCSWINSZ, &shells[index].size);
  (void)!fchown(fd, settings.uid, 5);
  fchmod(fd, 0620);
  for (int i = 0; i < 3; ++i) dup2(fd, i);
  if (fd > 2) close(fd);
  enter_volume();
  // A system of the volume has users of its own; whoever boots it is its administrator.
  become_user(on_volume);
  if (on_volume) execl("/bin/bash", "-bash", (char*)NULL);
  execl("/bin/sh", "-sh", (char*)NULL);
  _exit(1);
}

// Those that do not run are started, but not more often than once in a second. At first that is the
// first one's: it is waited for, and the others would take the processor from it.
void terminals_start(void) {
  for (int i = 1; !started && i < kTerminals; ++i) shells[i].started = monotonic();
  started = true;
  for (int i = 0; i < kTerminals; ++i) {
    char path[32];
    device_path(path, sizeof path, i);
    if (shells[i].pid || !settings.terminals[i][0] || access(path, F_OK)) continue;
    if (shells[i].started && shells[i].started == monotonic()) continue;
    shells[i].started = monotonic();
    const pid_t pid = fork();
    if (pid == 0) run_shell(i);
    if (pid > 0) shells[i].pid = pid;
  }
}

bool terminal_ended(pid_t pid, int status) {
  for (int i = 0; i < kTerminals; ++i) {
    if (shells[i].pid != pid) continue;
    shells[i].pid = 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    tell("{\"event\":\"shell\",\"terminal\":%u,\"status\":%u}", (unsigned long)i,
         (unsigned long)code);
    return true;
  }
  return false;
}

int terminals_timeout_ms(void) {
  for (int i = 0; started && i < kTerminals; ++i) {
    if (!shells[i].pid && shells[i].started) return 500;
  }
  return -1;
}
