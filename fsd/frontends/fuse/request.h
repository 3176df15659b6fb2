#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "fsd/base/bytes.h"
#include "fsd/base/cancel.h"
#include "fsd/frontends/fuse/door.h"
#include "fsd/frontends/fuse/fuse_api.h"

namespace cairn::fuse {

/// The kernel's number of this request, during its callback.
[[nodiscard]] std::uint64_t unique_of(fuse_req_t request);

/// Memory that an operation works on, which is not needed any more when nobody waits for it.
class Droppable {
 public:
  virtual void drop() = 0;

 protected:
  Droppable() = default;
  Droppable(const Droppable&) = default;
  Droppable(Droppable&&) = default;
  Droppable& operator=(const Droppable&) = default;
  Droppable& operator=(Droppable&&) = default;
  ~Droppable() = default;
};

/// Where the bytes of an answer are put together: straight in the ring's payload where there is
/// one, else in memory of our own.
class ReplyBuffer final : public Droppable {
 public:
  ReplyBuffer(fuse_req_t request, std::size_t size);
  void drop() override { own_.reset(); }
  [[nodiscard]] MutableByteView bytes() const { return bytes_; }
  [[nodiscard]] char* chars() const { return reinterpret_cast<char*>(bytes_.data()); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::unique_ptr<std::uint8_t[]> own_;
  MutableByteView bytes_;
};

/// One request of the kernel. It is answered exactly once; one that is dropped answers EIO.
///
/// While it waits, the process that made it may be killed; then it is abandoned: answered with
/// EINTR, which nobody sees, so that the process can end. The operation goes on without it, as far
/// as it can without having any effect that the kernel was not told of: the cancel flag is set, the
/// memory that it works on is dropped (a ring uses its payload for the next request at once), and
/// what it answers later goes nowhere.
///
/// Lifetime: as long as it takes, past libfuse's callback; within the mount's Door. From the first
/// call of caller() or cancel_flag() until the operation ends it must not be moved.
/// Threads: one at a time; answers may come from any thread that lives long. Being abandoned: core.
class Request : public Link {
 public:
  Request(Door& door, fuse_req_t request, RequestKind kind);
  Request(Request&& other) noexcept;
  Request& operator=(Request&&) = delete;
  ~Request();

  [[nodiscard]] Door& door() const { return *door_; }
  [[nodiscard]] fuse_req_t raw() const { return request_; }
  /// Who asks; with the cancel flag.
  [[nodiscard]] vfs::Caller caller() const;
  [[nodiscard]] ReplyBuffer reply_buffer(std::size_t size) const {
    return ReplyBuffer(request_, size);
  }

  // Being abandoned.
  [[nodiscard]] std::uint64_t unique() const { return unique_; }
  [[nodiscard]] int thread() const { return context_.pid; }
  [[nodiscard]] const CancelFlag* cancel_flag() const { return &cancelled_; }
  /// To be dropped when it is abandoned; it lives as long as the operation.
  void works_on(Droppable& memory) { memory_ = &memory; }
  /// From now on whoever asks waits for the answer, whatever comes.
  void stay() { unlink(); }
  /// Answers EINTR, if there was no answer yet.
  void abandon();
  [[nodiscard]] bool is_waiting() const { return request_ != nullptr; }
  [[nodiscard]] bool is_old() const { return old_; }
  void set_old() { old_ = true; }

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
  /// was killed, the request abandoned): the handle is the caller's to release.
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
  class Answer;

  Door* door_;
  fuse_req_t request_;  // null: answered, abandoned or moved from
  const std::uint64_t unique_;
  const fuse_ctx context_;
  CancelFlag cancelled_;
  Droppable* memory_ = nullptr;
  bool answered_ = false;  // or moved from
  bool old_ = false;
};

}  // namespace cairn::fuse
