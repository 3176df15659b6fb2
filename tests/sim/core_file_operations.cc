// Operations on open files.

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/sim/core_daemon.h"

namespace cairn::sim {

namespace {
constexpr std::size_t kFilesMax = 10;
constexpr std::uint64_t kPage = 4096;
}  // namespace

/// Keeps a file open while an operation uses it. The files may move meanwhile.
class CoreDaemon::Using {
 public:
  Using(CoreDaemon& daemon, std::size_t index)
      : daemon_(daemon), file_(daemon.files_[index]), kept_(daemon, {file_.node}) {
    count(1);
  }
  Using(const Using&) = delete;
  ~Using() { count(-1); }
  const OpenFile* operator->() const { return &file_; }
  const OpenFile& operator*() const { return file_; }

 private:
  void count(int by) {
    for (OpenFile& file : daemon_.files_) {
      if (file.id == file_.id) file.users += static_cast<std::uint32_t>(by);
    }
  }
  CoreDaemon& daemon_;
  OpenFile file_;
  Kept kept_;
};

std::string CoreDaemon::draw_bytes() {
  const std::uint64_t sizes[] = {100, 5000, 5000, 40'000, 100'000};
  std::string bytes(1 + random_.below(sizes[random_.below(5)]),
                    static_cast<char>('a' + random_.below(26)));
  if (random_.one_in(3)) {
    random_.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  } else if (random_.one_in(3)) {
    // Pages of zeros in it, which become holes.
    const std::size_t begin = random_.below(bytes.size());
    std::fill(
        bytes.begin() + static_cast<std::ptrdiff_t>(begin),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), begin + 4 * kPage)),
        '\0');
  }
  return bytes;
}

std::uint64_t CoreDaemon::draw_offset() {
  const std::uint64_t offset = random_.below(random_.one_in(4) ? 200'000 : 20'000);
  return random_.one_in(2) ? offset - offset % kPage : offset;
}

void CoreDaemon::add_file(vfs::HandleId handle, NodeId node, int flags) {
  files_.push_back({handle, node, flags, 0});
  now_.hold(node);
}

Task<> CoreDaemon::create(At at) {
  const Kept kept(*this, {at.directory});
  const int more[] = {0, O_EXCL, O_TRUNC, O_APPEND};
  const int flags = O_RDWR | more[random_.below(4)];
  const auto mode = static_cast<std::uint32_t>(random_.below(01000));
  Txn txn = 0;
  auto got = co_await perform(
      &txn, [&] { return fs_->create({}, Ino(at.directory), at.name, {.mode = mode}, flags); });
  ReferenceFs next = now_;
  NodeId id = next.find(at);
  const bool made = id == 0;
  int want = 0;
  if (made) {
    id = got ? got->second.ino.value() : 0;
    next.set_next(id);
    want = next.make_node({}, at, S_IFREG | mode);
  } else if ((flags & O_EXCL) != 0) {
    want = EEXIST;
  } else {
    const std::uint32_t type = next.node(id).mode & S_IFMT;
    want = type == S_IFREG ? 0 : type == S_IFDIR ? EISDIR : type == S_IFLNK ? ELOOP : ENXIO;
    if (want == 0 && (flags & O_TRUNC) != 0) want = next.truncate({}, id, 0);
  }
  const std::string what = "create " + at.name + " in " + std::to_string(at.directory);
  const bool changed = made || (flags & O_TRUNC) != 0;
  if (conclude(what, outcome(got), want, txn, std::move(next),
               {changed ? id : 0, made ? at.directory : 0})) {
    add_file(got->first, id, flags);
  }
}

Task<> CoreDaemon::make_tmpfile(NodeId directory) {
  const Kept kept(*this, {directory});
  const bool linkable = !random_.one_in(4);
  const int flags = O_RDWR | (linkable ? 0 : O_EXCL);
  Txn txn = 0;
  auto got = co_await perform(
      &txn, [&] { return fs_->make_tmpfile({}, Ino(directory), {.mode = 0600}, flags); });
  ReferenceFs next = now_;
  const NodeId id = got ? got->second.ino.value() : 0;
  next.set_next(id);
  const int want = next.make_tmpfile({}, directory, 0600, linkable);
  if (conclude("tmpfile", outcome(got), want, txn, std::move(next), {id})) {
    add_file(got->first, id, flags);
  }
}

Task<> CoreDaemon::open_file(NodeId id) {
  if (id == 0) co_return;
  const Kept kept(*this, {id});
  const int kinds[] = {O_RDONLY, O_RDWR, O_RDWR | O_APPEND, O_RDWR | O_TRUNC};
  const int flags = kinds[random_.below(4)];
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] { return fs_->open_file({}, Ino(id), flags); });
  ReferenceFs next = now_;
  const int want = (flags & O_TRUNC) != 0 ? next.truncate({}, id, 0) : 0;
  if (conclude("open " + std::to_string(id), outcome(got), want, txn, std::move(next), {id})) {
    add_file(*got, id, flags);
  }
}

Task<> CoreDaemon::close_file(std::size_t index) {
  const OpenFile file = files_[index];
  if (file.users > 0) co_return;
  files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(index));
  shared_.verdict.say("  " + name_ + ": close " + std::to_string(file.node));
  now_.let_go(file.node);
  const auto closed = co_await fs_->release(file.id);
  if (!closed && !lost()) violation("close fails: " + closed.error().message());
}

Task<> CoreDaemon::operate_on_file() {
  if (files_.empty()) return open_file(draw_node(S_IFREG));
  const std::size_t index = random_.below(files_.size());
  if (files_.size() > kFilesMax) return close_file(index);
  switch (random_.below(11)) {
    case 0:
      return close_file(index);
    case 1:
    case 2:
      return read_file(index);
    case 3:
      return allocate(index);
    case 4:
      return truncate(index);
    case 5:
      return copy(index, random_.below(files_.size()));
    case 6:
      return seek(index);
    case 7:
      return sync_node(files_[index].node);
    default:
      return write(index);
  }
}

Task<> CoreDaemon::write(std::size_t index) {
  const Using file(*this, index);
  const std::string bytes = draw_bytes();
  std::uint64_t offset = draw_offset();
  Txn txn = 0;
  auto got = co_await perform(
      &txn, [&] { return fs_->write({}, file->id, offset, as_bytes(bytes), false); });
  ReferenceFs next = now_;
  if ((file->flags & O_APPEND) != 0) offset = next.node(file->node).content.size();
  const bool writable = (file->flags & O_ACCMODE) != O_RDONLY;
  const int want = writable ? next.write({}, file->node, offset, bytes) : EBADF;
  conclude("write " + std::to_string(file->node) + " at " + std::to_string(offset) + ", " +
               std::to_string(bytes.size()) + " bytes",
           outcome(got), want, txn, std::move(next), {file->node});
}

Task<> CoreDaemon::allocate(std::size_t index) {
  const Using file(*this, index);
  const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                       FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
  const int mode = modes[random_.below(5)];
  const std::uint64_t offset = draw_offset();
  const std::uint64_t length = 1 + draw_offset();
  Txn txn = 0;
  auto got =
      co_await perform(&txn, [&] { return fs_->allocate({}, file->id, mode, offset, length); });
  ReferenceFs next = now_;
  const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  int want = 0;
  if ((file->flags & O_ACCMODE) == O_RDONLY) {
    want = EBADF;
  } else if ((mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE)) != 0) {
    want = next.zero(file->node, offset, length, keep_size);
  } else if (!keep_size) {
    want = next.grow(file->node, offset + length);
  }
  conclude("fallocate " + std::to_string(file->node) + " mode " + std::to_string(mode),
           outcome(got), want, txn, std::move(next), {file->node});
}

Task<> CoreDaemon::truncate(std::size_t index) {
  const Using file(*this, index);
  vfs::AttributeChange change;
  change.size = draw_offset();
  Txn txn = 0;
  auto got = co_await perform(
      &txn, [&] { return fs_->set_attributes({}, Ino(file->node), file->id, change); });
  ReferenceFs next = now_;
  const bool writable = (file->flags & O_ACCMODE) != O_RDONLY;
  const int want = writable ? next.truncate({}, file->node, *change.size) : EINVAL;
  conclude("truncate " + std::to_string(file->node) + " to " + std::to_string(*change.size),
           outcome(got), want, txn, std::move(next), {file->node});
}

Task<> CoreDaemon::copy(std::size_t from, std::size_t to) {
  const Using source(*this, from);
  const Using target(*this, to);
  const std::uint64_t from_offset = draw_offset();
  const std::uint64_t to_offset = draw_offset();
  const std::uint64_t length = 1 + draw_offset();
  Txn txn = 0;
  auto got = co_await perform(&txn, [&] {
    return fs_->copy_range({}, source->id, from_offset, target->id, to_offset, length);
  });
  ReferenceFs next = now_;
  const std::uint64_t size = next.node(source->node).content.size();
  const std::uint64_t most = from_offset < size ? std::min(length, size - from_offset) : 0;
  const bool apart = from_offset + most <= to_offset || to_offset + most <= from_offset;
  int want = 0;
  if ((target->flags & O_ACCMODE) == O_RDONLY || (target->flags & O_APPEND) != 0) {
    want = EBADF;
  } else if (most > 0 && source->node == target->node && !apart) {
    want = EINVAL;
  } else if (got) {
    want = next.copy(source->node, from_offset, target->node, to_offset, *got);
    if (*got > most || (*got == 0) != (most == 0)) violation("copy_range copies another length");
  }
  const std::string what =
      "copy " + std::to_string(source->node) + " to " + std::to_string(target->node);
  // Of nothing: the transaction, if there is one, has somebody's atime.
  const NodeId changed = got && *got > 0 ? target->node : 0;
  conclude(what, outcome(got), want, txn, std::move(next), {changed});
}

Task<> CoreDaemon::read_file(std::size_t index) {
  const Using file(*this, index);
  if ((file->flags & O_ACCMODE) == O_WRONLY) co_return;
  const std::uint64_t offset = random_.one_in(2) ? 0 : draw_offset();
  std::string bytes(1 + random_.below(random_.one_in(3) ? 300'000 : 10'000), '?');
  const std::uint64_t size = now_.node(file->node).content.size();
  const std::uint64_t most = offset < size ? std::min(bytes.size(), size - offset) : 0;
  const Txn since = head_;
  const MutableByteView into(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
  const auto got = co_await fs_->read(file->id, offset, into);
  if (lost()) co_return;
  if (!got || *got != most) {
    violation("a read of " + std::to_string(file->node) +
              " is short: " + (got ? std::to_string(*got) : got.error().message()));
    co_return;
  }
  bytes.resize(*got);
  check_read(*file, offset, bytes, since);
}

/// Each byte must have been there at some moment since the read began.
void CoreDaemon::check_read(const OpenFile& file, std::uint64_t offset, const std::string& got,
                            Txn since) {
  std::vector<const ReferenceFs::Node*> moments{&now_.node(file.node)};
  for (Txn txn = head_; txn >= since; txn = history_.parent(txn)) {
    const ReferenceFs& state = history_.state(txn);
    if (state.contains(file.node) && &state.node(file.node) != moments.back()) {
      moments.push_back(&state.node(file.node));
    }
    if (txn == since) break;
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool was_there = std::any_of(moments.begin(), moments.end(), [&](const auto* node) {
      const std::size_t at = offset + i;
      return (at < node->content.size() ? node->content[at] : '\0') == got[i];
    });
    if (was_there) continue;
    return violation("a read of " + std::to_string(file.node) + " shows wrong bytes from " +
                     std::to_string(offset + i) + " on");
  }
}

Task<> CoreDaemon::seek(std::size_t index) {
  const Using file(*this, index);
  const std::string content = now_.node(file->node).content;
  const std::uint64_t offset = draw_offset();
  auto got = co_await fs_->seek(file->id, offset, SEEK_DATA);
  if (lost()) co_return;
  if (!got && to_errno(got.error()) != ENXIO) violation("seek fails: " + got.error().message());
  const std::uint64_t end = got ? *got : content.size();
  for (std::uint64_t i = offset; i < std::min<std::uint64_t>(end, content.size()); ++i) {
    if (content[i] == '\0') continue;
    violation("seek takes data for a hole");
    co_return;
  }
}

}  // namespace cairn::sim
