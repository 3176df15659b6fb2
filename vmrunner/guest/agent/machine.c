// The machine's own state: mounts, clock, random numbers, users, the volume.
#include "guest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

bool mounted;

static void loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

void mount_system(void) {
  const char* everybodys[] = {"/run/lock", "/run/pg", "/run/postgresql"};
  mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  mkdir("/dev/pts", 0755);
  mkdir("/dev/shm", 01777);
  mkdir("/dev/mqueue", 01777);
  mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
  mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  (void)!symlink("/proc/self/fd", "/dev/fd");
  (void)!symlink("/proc/self/fd/0", "/dev/stdin");
  (void)!symlink("/proc/self/fd/1", "/dev/stdout");
  (void)!symlink("/proc/self/fd/2", "/dev/stderr");
  mkdir("/run/cairn", 0755);
  for (size_t i = 0; i < sizeof everybodys / sizeof *everybodys; ++i) {
    mkdir(everybodys[i], 0777);
    chmod(everybodys[i], 01777);
  }
  loopback_up();
}

int set_clock(uint64_t milliseconds) {
  const struct timeval now = {(time_t)(milliseconds / 1000), (milliseconds % 1000) * 1000};
  return settimeofday(&now, NULL) ? errno : 0;
}

// The bytes are counted as entropy, and the generator starts anew from them at once: two machines
// that were restored from one state would draw the same numbers otherwise.
int set_seed(const char* hex) {
  struct {
    struct rand_pool_info head;
    unsigned char bytes[256];
  } pool;
  int size = 0;
  unsigned byte;
  while (size < (int)sizeof pool.bytes && sscanf(hex, "%2x", &byte) == 1 && hex[1]) {
    pool.bytes[size++] = (unsigned char)byte;
    hex += 2;
  }
  if (size < 32) return EINVAL;
  pool.head.entropy_count = size * 8;
  pool.head.buf_size = size;
  const int fd = open("/dev/random", O_RDWR | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = ioctl(fd, RNDADDENTROPY, &pool) ? errno : 0;
  if (!error && ioctl(fd, RNDRESEEDCRNG)) error = errno;
  close(fd);
  return error;
}

// BusyBox reads past an empty password in /etc/passwd, but not in /etc/shadow; an empty one there is
// what lets `su` through.
int set_users(uint32_t uid, uint32_t gid) {
  FILE* users = fopen("/etc/passwd", "we");
  FILE* groups = fopen("/etc/group", "we");
  FILE* shadow = fopen("/etc/shadow", "we");
  if (users && groups && shadow) {
    fchmod(fileno(shadow), 0600);
    fprintf(users, "root:x:0:0:root:/root:/bin/sh\n");
    if (uid != 0) fprintf(users, "user:x:%u:%u:user:/home/user:/bin/sh\n", uid, gid);
    if (uid != 101) fprintf(users, "postgres:x:101:103:PostgreSQL:/home/postgres:/bin/sh\n");
    fprintf(users, "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n");
    fprintf(groups, "root:x:0:\ntty:x:5:\n");
    if (gid != 0 && gid != 5) fprintf(groups, "user:x:%u:\n", gid);
    if (gid != 103) fprintf(groups, "postgres:x:103:\n");
    fprintf(groups, "nogroup:x:65534:\n");
    fprintf(shadow, "root::1:0:99999:7:::\nuser::1:0:99999:7:::\npostgres::1:0:99999:7:::\n");
  }
  const int error = users && groups && shadow ? 0 : errno;
  if (users) fclose(users);
  if (groups) fclose(groups);
  if (shadow) fclose(shadow);
  mkdir("/home/postgres", 0755);
  (void)!chown("/home/user", uid, gid);
  (void)!chown("/home/postgres", 101, 103);
  return error;
}

bool on_volume;

int mount_volume(void) {
  mkdir(settings.target, 0755);
  unsigned long flags = MS_NOSUID | MS_NODEV;
  if (settings.root[0]) flags = 0;  // a system of its own needs its devices and su
  if (mount(settings.source, settings.target, "9p", flags, settings.options)) return errno;
  mounted = true;
  const int fd = open("/run/cairn/mounted", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd >= 0) close(fd);
  return 0;
}

int unmount_volume(bool force) {
  sync();
  if (umount2(settings.target, force ? MNT_FORCE | MNT_DETACH : 0)) return errno;
  mounted = false;
  unlink("/run/cairn/mounted");
  return 0;
}

// The directory of the volume becomes the root, as switch_root does it, but for the emptying of the
// initramfs: a child goes on as the server of the control line, and sees the old root for ever,
// while process 1 becomes the init that the directory brings. Where there is none (a debootstrap of
// the smallest kind), process 1 only buries the dead.
void boot_from_volume(void) {
  char path[2 * kSmall + 8];
  int ready[2];
  snprintf(path, sizeof path, "%s/%s", settings.target, settings.root);
  if (access(path, X_OK)) {
    tell("{\"event\":\"error\",\"step\":\"root\",\"errno\":%u}", (unsigned long)errno);
    return;
  }
  if (pipe2(ready, O_CLOEXEC)) return;
  if (fork() == 0) {
    close(ready[1]);
    (void)!read(ready[0], path, 1);  // until process 1 has its new root
    close(ready[0]);
    on_volume = true;
    return;
  }
  const char* kept[] = {"/proc", "/sys", "/dev", "/run", "/tmp"};
  if (mount(path, "/newroot", NULL, MS_BIND, NULL)) _exit(1);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; ++i) {
    snprintf(path, sizeof path, "/newroot%s", kept[i]);
    mkdir(path, 0755);
    mount(kept[i], path, NULL, MS_BIND | MS_REC, NULL);
  }
  if (chdir("/newroot") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) _exit(1);
  execl("/sbin/init", "/sbin/init", (char*)NULL);
  close(ready[1]);
  for (;;) {
    if (wait(NULL) < 0) pause();
  }
}

void enter_volume(void) {
  if (on_volume && (chroot("/proc/1/root") || chdir("/"))) _exit(127);
}
