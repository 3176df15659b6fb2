#pragma once

// The replies of 9P2000.L, a struct each. visit() names the fields once, in the order of the wire:
// the codec is made from that.
//
// Strings and data point into the bytes that were decoded, or into what whoever encodes keeps: they
// are good as long as those are. They may hold any bytes: who uses a name checks it.

#include <variant>

#include "protocol/p9/fields.h"

namespace cairn::p9 {

/// The answer to any request that failed. `ecode` is an errno of Linux.
struct Rlerror {
  static constexpr MessageType kType = MessageType::kRlerror;
  std::uint32_t ecode = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.ecode);
  }
};

struct Rversion {
  static constexpr MessageType kType = MessageType::kRversion;
  std::uint32_t msize = 0;
  std::string_view version;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.msize, s.version);
  }
};

struct Rauth {
  static constexpr MessageType kType = MessageType::kRauth;
  Qid aqid;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.aqid);
  }
};

struct Rattach {
  static constexpr MessageType kType = MessageType::kRattach;
  Qid qid;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid);
  }
};

struct Rflush : Empty<MessageType::kRflush> {};

/// Fewer qids than names: the walk ended there, and there is no newfid.
struct Rwalk {
  static constexpr MessageType kType = MessageType::kRwalk;
  Few<Qid> qids;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qids);
  }
};

struct Rlopen {
  static constexpr MessageType kType = MessageType::kRlopen;
  Qid qid;
  std::uint32_t iounit = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid, s.iounit);
  }
};

struct Rlcreate {
  static constexpr MessageType kType = MessageType::kRlcreate;
  Qid qid;
  std::uint32_t iounit = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid, s.iounit);
  }
};

struct Rread {
  static constexpr MessageType kType = MessageType::kRread;
  Bytes data;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.data);
  }
};

struct Rwrite {
  static constexpr MessageType kType = MessageType::kRwrite;
  std::uint32_t count = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.count);
  }
};

struct Rfsync : Empty<MessageType::kRfsync> {};

struct Rclunk : Empty<MessageType::kRclunk> {};

struct Rremove : Empty<MessageType::kRremove> {};

/// `data`: DirectoryEntry after DirectoryEntry.
struct Rreaddir {
  static constexpr MessageType kType = MessageType::kRreaddir;
  Bytes data;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.data);
  }
};

struct Rgetattr {
  static constexpr MessageType kType = MessageType::kRgetattr;
  std::uint64_t valid = 0;
  Qid qid;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t nlink = 0;
  std::uint64_t rdev = 0;
  std::uint64_t size = 0;
  std::uint64_t blksize = 0;
  std::uint64_t blocks = 0;
  Time atime;
  Time mtime;
  Time ctime;
  Time btime;
  std::uint64_t gen = 0;
  std::uint64_t data_version = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.valid, s.qid, s.mode, s.uid, s.gid, s.nlink, s.rdev, s.size, s.blksize, s.blocks, s.atime,
      s.mtime, s.ctime, s.btime, s.gen, s.data_version);
  }
};

/// Of where the walk ended.
struct Rwalkgetattr {
  static constexpr MessageType kType = MessageType::kRwalkgetattr;
  Rgetattr attributes;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    Rgetattr::visit(s.attributes, v);
  }
};

struct Rsetattr : Empty<MessageType::kRsetattr> {};

struct Rstatfs {
  static constexpr MessageType kType = MessageType::kRstatfs;
  std::uint32_t type = 0;
  std::uint32_t bsize = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bfree = 0;
  std::uint64_t bavail = 0;
  std::uint64_t files = 0;
  std::uint64_t ffree = 0;
  std::uint64_t fsid = 0;
  std::uint32_t namelen = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.type, s.bsize, s.blocks, s.bfree, s.bavail, s.files, s.ffree, s.fsid, s.namelen);
  }
};

struct Rsymlink {
  static constexpr MessageType kType = MessageType::kRsymlink;
  Qid qid;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid);
  }
};

struct Rmknod {
  static constexpr MessageType kType = MessageType::kRmknod;
  Qid qid;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid);
  }
};

struct Rmkdir {
  static constexpr MessageType kType = MessageType::kRmkdir;
  Qid qid;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid);
  }
};

struct Rreadlink {
  static constexpr MessageType kType = MessageType::kRreadlink;
  std::string_view target;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.target);
  }
};

struct Rlink : Empty<MessageType::kRlink> {};

struct Rrename : Empty<MessageType::kRrename> {};

struct Rrenameat : Empty<MessageType::kRrenameat> {};

struct Runlinkat : Empty<MessageType::kRunlinkat> {};

struct Rxattrwalk {
  static constexpr MessageType kType = MessageType::kRxattrwalk;
  std::uint64_t size = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.size);
  }
};

struct Rxattrcreate : Empty<MessageType::kRxattrcreate> {};

struct Rlock {
  static constexpr MessageType kType = MessageType::kRlock;
  std::uint8_t status = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.status);
  }
};

struct Rgetlock {
  static constexpr MessageType kType = MessageType::kRgetlock;
  std::uint8_t type = 0;
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint32_t proc_id = 0;
  std::string_view client_id;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.type, s.start, s.length, s.proc_id, s.client_id);
  }
};

/// One entry of Rreaddir::data. `offset` goes on after it; `type` is DT_*.
struct DirectoryEntry {
  Qid qid;
  std::uint64_t offset = 0;
  std::uint8_t type = 0;
  std::string_view name;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.qid, s.offset, s.type, s.name);
  }
};

using Reply = std::variant<Rlerror, Rversion, Rauth, Rattach, Rflush, Rwalk, Rlopen, Rlcreate,
                           Rread, Rwrite, Rfsync, Rclunk, Rremove, Rreaddir, Rgetattr, Rsetattr,
                           Rstatfs, Rsymlink, Rmknod, Rmkdir, Rreadlink, Rlink, Rrename, Rrenameat,
                           Runlinkat, Rxattrwalk, Rxattrcreate, Rlock, Rgetlock, Rwalkgetattr>;

}  // namespace cairn::p9
