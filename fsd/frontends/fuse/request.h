#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "fsd/base/bytes.h"
#include "fsd/frontends/fuse/door.h"
#include "fsd/frontends/fuse/fuse_api.h"

namespace cairn::fuse {

/// Where the bytes of an answer are put together: straight in the ring's payload where there is
/// one, else in memory of our own.
class ReplyBuffer {
 public:
  ReplyBuffer(fuse_req_t request, std::size_t size);
  [[nodiscard]] MutableByteView bytes() const { return bytes_; }
  [[nodiscard]] char* chars() const { return reinterpret_cast<char*>(bytes_.data()); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::unique_ptr<std::uint8_t[]> own_;
  MutableByteView bytes_;
};

/// One request of the kernel. It is answered exactly once; one that is dropped answers EIO.
/// Lifetime: as long as it takes, past libfuse's callback; within the mount's Door.
/// Threads: one at a time; answers may come from any thread that lives long.
class Request {
 public:
  Request(Door& door, fuse_req_t request, RequestKind kind);
  Request(Request&& other) noexcept;
  Request& operator=(Request&&) = delete;
  ~Request();

  [[nodiscard]] Door& door() const { return *door_; }
  [[nodiscard]] fuse_req_t raw() const { return request_; }
  [[nodiscard]] vfs::Caller caller() const;
  [[nodiscard]] std::uint32_t umask() const { return fuse_req_ctx(request_)->umask; }
  [[nodiscard]] ReplyBuffer reply_buffer(std::size_t size) const {
    return ReplyBuffer(request_, size);
  }

  // Answers.
  void ok() { error(0); }
  void error(int number);
  void error(const Error& error) { this->error(to_errno(error)); }
  /// ok(), or the error.
  void done(const Result<void>& result);
  void none();  // forget
  /// Counts a lookup, which the kernel gives back with forget.
  void entry(const vfs::Attributes& found);
  /// There is no such name; the kernel may remember that.
  void no_entry();
  void attributes(const vfs::Attributes& attributes);
  /// The three that open something return false if nobody wants the answer any more (the process
  /// was killed): the handle is the caller's to release.
  [[nodiscard]] bool opened(vfs::HandleId handle, int open_flags);
  [[nodiscard]] bool opened_directory(vfs::HandleId handle);
  [[nodiscard]] bool created(const vfs::Attributes& attributes, vfs::HandleId handle,
                             int open_flags);
  void bytes(std::string_view bytes);
  void written(std::size_t count);
  void target(const char* target);
  void value_size(std::size_t size);
  void stats(const vfs::FilesystemStats& stats);
  void lock(const vfs::RangeLock& lock);
  void offset(std::uint64_t offset);
  void extended_attributes(const vfs::Attributes& attributes);  // statx

  /// What the kernel is told about an inode.
  [[nodiscard]] fuse_entry_param entry_param(const vfs::Attributes& attributes) const;

 private:
  fuse_req_t take();

  Door* door_;
  fuse_req_t request_;
};

}  // namespace cairn::fuse
