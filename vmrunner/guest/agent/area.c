// Memory that the host may write into by itself: an emulator in a browser reaches the guest's memory
// at the speed of memcpy, and its consoles a hundred times slower. The host is told where the
// pages lie. They are taken once and kept for ever, locked, in a kernel that moves no pages: what
// the host still writes after a stream has ended thus hits nothing else.
#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kPage = 4096, kPages = kAreaParts * kAreaPart / kPage };

static char* area;
static bool taken;
static char list[kPages * 8 + 4];  // the pages' numbers, as JSON

static bool write_list(void) {
  const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  size_t n = (size_t)sprintf(list, "[");
  bool found = fd >= 0;
  for (int i = 0; found && i < kPages; ++i) {
    uint64_t entry = 0;
    const off_t at = (off_t)(((uintptr_t)area / kPage + (unsigned)i) * sizeof entry);
    found = pread(fd, &entry, sizeof entry, at) == sizeof entry && entry >> 63;
    n += (size_t)sprintf(list + n, "%s%lu", i ? "," : "", (unsigned long)(entry & 0xffffff));
  }
  sprintf(list + n, "]");
  if (fd >= 0) close(fd);
  return found;
}

const char* area_take(void) {
  if (taken) return NULL;
  if (!area) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE;
    void* memory = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    area = memory;
    memset(area, 1, kPages * kPage);  // a page of its own each, not the zero page
    if (!write_list()) list[0] = 0;
  }
  taken = list[0] != 0;
  return taken ? list : NULL;
}

void area_leave(void) { taken = false; }
const char* area_part(unsigned part) { return area + part * kAreaPart; }
