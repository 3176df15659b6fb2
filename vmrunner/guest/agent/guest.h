// The guest's first process and its control line; ../README.md describes the protocol.
// One thread; everything that waits goes through the poll loop in main.c.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { kLineMax = 8192, kSmall = 256, kTerminals = 4, kStreams = 4, kJobs = 4 };

// --- settings: from the kernel's command line (cairn.NAME=...), then from `start`
struct settings {
  char hostname[kSmall];
  char source[kSmall];   // of the mount; empty: none
  char options[1024];
  char target[kSmall];
  char root[kSmall];     // a directory of the volume to boot, or empty
  char control[kSmall];  // the control line's device below /dev, or empty
  char terminals[kTerminals][16];
  char poweroff[16];     // "reset": QEMU ends at a reset (-no-reboot), and never at a halt
  uint32_t uid, gid;
  bool start;            // without being told over the control line
};
extern struct settings settings;
void read_command_line(void);

// --- control.c: lines in, JSON out
struct request {
  unsigned long id;
  char* verb;
  char* arguments;       // "key=value key=value", values percent-encoded
};
void control_open(void);
int control_fd(void);
void control_read(void);
const char* argument(const struct request* request, const char* key);  // decoded; null if missing
unsigned long number_argument(const struct request* request, const char* key,
                              unsigned long other);
void reply_ok(unsigned long id);
void reply_error(unsigned long id, const char* what, int error);
// To the control line: %u is an unsigned long, %J a string and its length (size_t), written as
// JSON, %R a string that is JSON already.
void tell(const char* format, ...);

// --- machine.c: the machine's own state. Each returns 0, or an errno.
int set_clock(uint64_t milliseconds);
int set_seed(const char* hex);
int set_users(uint32_t uid, uint32_t gid);
int mount_volume(void);
int unmount_volume(bool force);
void mount_system(void);
void boot_from_volume(void);  // a child goes on; the calling process becomes the new system's init
extern bool on_volume;        // since then
void enter_volume(void);      // this process, too: its root is the new system's

// --- terminals.c: a shell on each terminal
void terminals_start(void);
void terminal_size(int index, unsigned columns, unsigned rows);
bool terminals_started(void);
bool terminal_ended(pid_t pid, int status);
int terminals_timeout_ms(void);  // until one is to be started again; -1: none
void become_user(bool as_root);
extern bool mounted;

// --- jobs.c: commands that the control line runs, and the way down
void job_run(const struct request* request);
int job_poll(int index);         // its output, or -1
void job_read(int index);
bool job_ended(pid_t pid, int status);
void go_down(bool again, unsigned long id);

// --- streams.c: what programs in the guest ask for, by the socket of `host`
void streams_open(void);
int streams_fd(void);
void stream_accept(void);
int stream_poll(int index, short* events);
void stream_ready(int index, short events);
void stream_data(unsigned number, const char* bytes, size_t size);
void stream_filled(unsigned number, unsigned part, size_t size);
void stream_end(unsigned number, const char* error);

// --- area.c: memory that the host fills by itself, for one stream at a time
enum { kAreaParts = 2, kAreaPart = 256 * 1024 };
const char* area_take(void);  // the pages' numbers, as JSON; null if it is taken or cannot be had
void area_leave(void);
const char* area_part(unsigned part);

int host_main(int count, char** arguments);

// --- tools.c
int flock_main(int count, char** arguments);
int unpack_main(int count, char** arguments);
int fetch_main(int count, char** arguments);
int ready_main(int count, char** arguments);
