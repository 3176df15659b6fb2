#pragma once

#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/engine/volume.h"
#include "fsd/format/session_record.h"
#include "fsd/format/term_list.h"
#include "fsd/vfs/sip_hash.h"

namespace cairn::vfs {

/// What a door needs so that its clients' sessions outlive a crash of this daemon: records that
/// commit together with the changes they speak of, and where a change stands in the log.
///
/// Lifetime: owned by Vfs.   Threads: core only.
class Sessions final : private engine::Volume::Observer {
 public:
  /// The door, when it has sessions of that kind.
  class User {
   public:
    virtual ~User() = default;
    /// All transactions so far, and none that comes, are durable together with what is put now. To
    /// be called between operations: one that has ended is one whose caller has been resumed.
    virtual void before_seal() = 0;
    virtual void on_durable() = 0;
  };

  explicit Sessions(engine::Volume& volume);
  ~Sessions() override;
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  /// At start; then `begin_term` in the first transaction, unless the volume is only read.
  Result<void> load();
  void begin_term();
  /// The volume's newest terms, ascending; the last one is ours.
  [[nodiscard]] const std::vector<format::Term>& terms() const { return terms_; }
  [[nodiscard]] Epoch epoch() const { return volume_.term().epoch; }
  /// Of changes made now, until the next suspension.
  [[nodiscard]] Seq segment() const { return volume_.open_segment(); }
  [[nodiscard]] Seq durable_end() const { return volume_.durable_end(); }

  /// The records that an earlier daemon left; damaged ones are skipped, with a word in the log.
  Result<std::vector<format::SessionRecord>> records();
  /// These in before_seal(), or in a transaction of their own after admit().
  void put(const format::SessionRecord& record);
  void erase(const format::Uuid& id);
  Task<Result<void>> admit() { return volume_.admit(0); }

  /// nullptr: none.
  void set_user(User* user) { user_ = user; }

 private:
  void before_seal() override;
  void on_durable() override;

  engine::Volume& volume_;
  User* user_ = nullptr;
  std::vector<format::Term> terms_;
};

}  // namespace cairn::vfs
