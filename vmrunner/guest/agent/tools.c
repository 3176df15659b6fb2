// Small programs that BusyBox lacks, or has slower ones of, by other names of this one:
//   flock -n FILE PROGRAM ...   takes a lock, or fails, and becomes the program, which holds it
//   unpack DIR <ARCHIVE         a tar archive (ustar) into a directory, by many hands
//   fetch DIR FILE ...          copies programs, in pieces of the volume's largest messages; each is
//                               there as a whole or not at all, and once it is, stays as it is
//   ready FILE PID              waits until a server of PostgreSQL's family has written into its
//                               FILE (postmaster.pid) that it accepts connections; fails if it ends
//
// On a volume a new file costs some round trips, one after the other. So `unpack` makes the
// directories first and then the files by several processes, each file with as few calls as can be,
// and leaves out what is zero.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kBlock = 512, kHands = 24, kPiece = 128 * 1024 };
enum { kFetched = 252 * 1024 };  // less than a message's 256 KiB, by its head
enum { kStatusLine = 8, kPollUs = 40 * 1000 };
static const size_t kArchiveMax = 256u << 20;  // of addresses; memory is taken as bytes come

int flock_main(int count, char** arguments) {
  if (count < 4 || strcmp(arguments[1], "-n") != 0) {
    fprintf(stderr, "usage: flock -n FILE PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  const int fd = open(arguments[2], O_RDWR | O_CREAT, 0600);
  if (fd < 0) {
    fprintf(stderr, "flock: %s: %s\n", arguments[2], strerror(errno));
    return 2;
  }
  if (flock(fd, LOCK_EX | LOCK_NB)) return 1;
  execvp(arguments[3], arguments + 3);
  fprintf(stderr, "flock: %s: %s\n", arguments[3], strerror(errno));
  return 127;
}

struct entry {
  char path[256];
  const char* bytes;
  size_t size;
  mode_t mode;
  char type;
  char target[101];
};

// The next entry of the archive; false at its end, or where it makes no sense.
static bool next_entry(const char** at, const char* end, struct entry* entry) {
  if (end - *at < kBlock || !(*at)[0]) return false;
  const char* head = *at;
  const bool prefixed = head[345] != 0;
  snprintf(entry->path, sizeof entry->path, "%.155s%s%.100s", prefixed ? head + 345 : "",
           prefixed ? "/" : "", head);
  entry->mode = strtoul(head + 100, NULL, 8) & 07777;
  entry->size = strtoul(head + 124, NULL, 8);
  entry->type = head[156];
  snprintf(entry->target, sizeof entry->target, "%.100s", head + 157);
  entry->bytes = head + kBlock;
  if (entry->size > (size_t)(end - entry->bytes)) return false;
  *at = entry->bytes + (entry->size + kBlock - 1) / kBlock * kBlock;
  // Without the first directory of the path, which names the archive.
  const char* rest = strchr(entry->path, '/');
  memmove(entry->path, rest ? rest + 1 : "", rest ? strlen(rest + 1) + 1 : 1);
  return !strstr(entry->path, "..");
}

static bool is_zero(const char* bytes, size_t size) {
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static bool write_file(const struct entry* entry) {
  const int fd = open(entry->path, O_WRONLY | O_CREAT | O_EXCL, entry->mode);
  if (fd < 0) return false;
  bool well = true, ends_with_hole = false;
  for (size_t at = 0; well && at < entry->size; at += kPiece) {
    const size_t size = entry->size - at < kPiece ? entry->size - at : kPiece;
    ends_with_hole = is_zero(entry->bytes + at, size);
    if (ends_with_hole) continue;
    well = pwrite(fd, entry->bytes + at, size, (off_t)at) == (ssize_t)size;
  }
  if (well && ends_with_hole) well = ftruncate(fd, (off_t)entry->size) == 0;
  return close(fd) == 0 && well;
}

// The files whose turn it is, of all that are not directories.
static int work(const char* at, const char* end, unsigned hand) {
  struct entry entry;
  for (unsigned turn = 0; next_entry(&at, end, &entry);) {
    if (entry.type == '5' || turn++ % kHands != hand) continue;
    errno = EOPNOTSUPP;  // what else there may be in an archive: hard links, devices
    const bool well = entry.type == '2'   ? symlink(entry.target, entry.path) == 0
                      : entry.type == '0' ? write_file(&entry)
                                          : false;
    if (well) continue;
    fprintf(stderr, "unpack: %s: %s\n", entry.path, strerror(errno));
    return 1;
  }
  return 0;
}

static size_t read_all(char* to) {
  size_t size = 0;
  ssize_t got;
  while ((got = read(0, to + size, kArchiveMax - size)) > 0) size += (size_t)got;
  return got < 0 ? 0 : size;
}

int unpack_main(int count, char** arguments) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char* archive = mmap(NULL, kArchiveMax, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (count != 2 || archive == MAP_FAILED || chdir(arguments[1])) {
    fprintf(stderr, "usage: unpack DIRECTORY <ARCHIVE\n");
    return 2;
  }
  const char* const end = archive + read_all(archive);
  struct entry entry;
  umask(0);
  for (const char* at = archive; next_entry(&at, end, &entry);) {
    if (entry.type == '5' && entry.path[0]) mkdir(entry.path, entry.mode);
  }
  if (end - archive < kBlock) return 1;
  for (unsigned hand = 0; hand < kHands; ++hand) {
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) _exit(work(archive, end, hand));
  }
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status != 0;
  return failed;
}

static bool copy_file(const char* from, const char* to) {
  static char piece[kFetched];
  const int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  bool well = in >= 0 && out >= 0;
  ssize_t got = 0;
  while (well && (got = read(in, piece, sizeof piece)) > 0) well = write(out, piece, got) == got;
  if (in >= 0) close(in);
  return out >= 0 && close(out) == 0 && well && got == 0;
}

static bool fetch(const char* from, const char* directory) {
  char to[PATH_MAX], part[PATH_MAX];
  const char* slash = strrchr(from, '/');
  const char* name = slash ? slash + 1 : from;
  struct stat there;
  snprintf(to, sizeof to, "%s/%s", directory, name);
  if (lstat(to, &there) == 0 && S_ISREG(there.st_mode)) return true;
  snprintf(part, sizeof part, "%s/%s.part", directory, name);
  if (copy_file(from, part) && rename(part, to) == 0) return true;
  fprintf(stderr, "fetch: %s: %s\n", from, strerror(errno));
  unlink(part);
  return false;
}

int fetch_main(int count, char** arguments) {
  bool well = count >= 2;
  for (int i = 2; i < count; ++i) well = fetch(arguments[i], arguments[1]) && well;
  return well ? 0 : 1;
}

static bool says_ready(const char* text) {
  for (int line = 1; line < kStatusLine && text; ++line) {
    text = strchr(text, '\n');
    if (text) ++text;
  }
  return text && strncmp(text, "ready", 5) == 0;
}

int ready_main(int count, char** arguments) {
  char text[1024], program[32], link[8];
  if (count != 3) return 2;
  snprintf(program, sizeof program, "/proc/%.16s/exe", arguments[2]);
  // A process that has ended has no program, though it may wait for its parent to look.
  for (int fd = -1; readlink(program, link, sizeof link) > 0; usleep(kPollUs)) {
    if (fd < 0) fd = open(arguments[1], O_RDONLY);
    const ssize_t size = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    if (says_ready(text)) return 0;
  }
  return 1;
}
