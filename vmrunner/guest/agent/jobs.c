// Commands that the control line runs, and the way down.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kOutputMax = 64 * 1024 };

struct job {
  pid_t pid;           // 0: this place is free
  unsigned long id;
  int output_fd;       // -1: at its end
  bool ended, going_down, again;
  int status;
  char* output;
  size_t size;
  bool cut;
};
static struct job jobs[kJobs];

static void end_machine(const struct job* job) {
  sync();
  const char* what = job->again ? "reboot" : "poweroff";
  tell("{\"event\":%J}", what, strlen(what));
  const bool reset = job->again || strcmp(settings.poweroff, "reset") == 0;
  reboot(reset ? RB_AUTOBOOT : RB_POWER_OFF);
}

// The answer is given when the command has ended and its output too. What a command leaves in the
// background holds the output open: it is then not waited for.
static void finish(struct job* job) {
  if (!job->ended) return;
  if (job->output_fd >= 0) close(job->output_fd);
  if (job->going_down) end_machine(job);
  const unsigned long status = WIFEXITED(job->status) ? (unsigned long)WEXITSTATUS(job->status)
                                                      : 128ul + (unsigned long)WTERMSIG(job->status);
  tell(job->cut ? "{\"id\":%u,\"ok\":true,\"status\":%u,\"output\":%J,\"truncated\":true}"
                : "{\"id\":%u,\"ok\":true,\"status\":%u,\"output\":%J}",
       job->id, status, job->output ? job->output : "", job->size);
  free(job->output);
  *job = (struct job){0};
}

static struct job* start(const char* command, unsigned long id, bool as_root, bool volume) {
  struct job* job = jobs;
  while (job < jobs + kJobs && job->pid) ++job;
  int ends[2];
  if (job == jobs + kJobs) return errno = EBUSY, NULL;
  if (pipe2(ends, O_CLOEXEC)) return NULL;
  const pid_t pid = fork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    if (volume) enter_volume();
    become_user(as_root);
    execl("/bin/sh", "sh", "-c", command, (char*)NULL);
    _exit(127);
  }
  close(ends[1]);
  if (pid < 0) return close(ends[0]), NULL;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  *job = (struct job){.pid = pid, .id = id, .output_fd = ends[0], .output = malloc(kOutputMax)};
  return job;
}

void job_run(const struct request* request) {
  const char* command = argument(request, "command");
  const char* user = argument(request, "user");
  const bool as_root = user && strcmp(user, "root") == 0;
  if (!command || !start(command, request->id, as_root, true)) {
    reply_error(request->id, "run", command ? errno : EINVAL);
  }
}

int job_poll(int index) { return jobs[index].pid ? jobs[index].output_fd : -1; }

static void drain(struct job* job) {
  char spill[4096];
  while (job->output_fd >= 0) {
    const bool full = !job->output || job->size == kOutputMax;
    char* to = full ? spill : job->output + job->size;
    const ssize_t got = read(job->output_fd, to, full ? sizeof spill : kOutputMax - job->size);
    if (got > 0) {
      if (full) job->cut = true;
      else job->size += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
      if (got < 0 && errno == EAGAIN) return;
      close(job->output_fd);
      job->output_fd = -1;
    }
  }
}

void job_read(int index) { drain(&jobs[index]); }

bool job_ended(pid_t pid, int status) {
  for (struct job* job = jobs; job < jobs + kJobs; ++job) {
    if (job->pid != pid) continue;
    drain(job);
    job->ended = true;
    job->status = status;
    finish(job);
    return true;
  }
  return false;
}

void go_down(bool again, unsigned long id) {
  struct job* job = start("exec /sbin/down", id, true, false);
  if (!job) return reply_error(id, "poweroff", errno);
  job->going_down = true;
  job->again = again;
  if (id) reply_ok(id);
}
