#pragma once

// The requests of 9P2000.L, a struct each. visit() names the fields once, in the order of the wire:
// the codec is made from that.
//
// Strings and data point into the bytes that were decoded, or into what whoever encodes keeps: they
// are good as long as those are. They may hold any bytes: who uses a name checks it.

#include <variant>

#include "protocol/p9/fields.h"

namespace cairn::p9 {

/// Begins a session: all fids and requests of the one before are forgotten.
struct Tversion {
  static constexpr MessageType kType = MessageType::kTversion;
  std::uint32_t msize = 0;
  std::string_view version;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.msize, s.version);
  }
};

/// Only ever refused: who a client may be is decided by where it comes from.
struct Tauth {
  static constexpr MessageType kType = MessageType::kTauth;
  std::uint32_t afid = 0;
  std::string_view uname;
  std::string_view aname;
  std::uint32_t n_uname = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.afid, s.uname, s.aname, s.n_uname);
  }
};

struct Tattach {
  static constexpr MessageType kType = MessageType::kTattach;
  std::uint32_t fid = 0;
  std::uint32_t afid = 0;
  std::string_view uname;
  std::string_view aname;
  std::uint32_t n_uname = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.afid, s.uname, s.aname, s.n_uname);
  }
};

/// `oldtag` is not answered any more once this is.
struct Tflush {
  static constexpr MessageType kType = MessageType::kTflush;
  std::uint16_t oldtag = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.oldtag);
  }
};

/// No names: newfid becomes another fid of the same file.
struct Twalk {
  static constexpr MessageType kType = MessageType::kTwalk;
  std::uint32_t fid = 0;
  std::uint32_t newfid = 0;
  Few<std::string_view> names;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.newfid, s.names);
  }
};

/// Twalk and Tgetattr in one. kNoFid for newfid: no fid is made.
struct Twalkgetattr {
  static constexpr MessageType kType = MessageType::kTwalkgetattr;
  std::uint32_t fid = 0;
  std::uint32_t newfid = 0;
  std::uint64_t request_mask = 0;
  Few<std::string_view> names;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.newfid, s.request_mask, s.names);
  }
};

struct Tlopen {
  static constexpr MessageType kType = MessageType::kTlopen;
  std::uint32_t fid = 0;
  std::uint32_t flags = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.flags);
  }
};

/// The fid of the directory becomes that of the open file.
struct Tlcreate {
  static constexpr MessageType kType = MessageType::kTlcreate;
  std::uint32_t fid = 0;
  std::string_view name;
  std::uint32_t flags = 0;
  std::uint32_t mode = 0;
  std::uint32_t gid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.name, s.flags, s.mode, s.gid);
  }
};

struct Tread {
  static constexpr MessageType kType = MessageType::kTread;
  std::uint32_t fid = 0;
  std::uint64_t offset = 0;
  std::uint32_t count = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.offset, s.count);
  }
};

struct Twrite {
  static constexpr MessageType kType = MessageType::kTwrite;
  std::uint32_t fid = 0;
  std::uint64_t offset = 0;
  Bytes data;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.offset, s.data);
  }
};

/// Linux appends `datasync`; who goes by the older text leaves it out, which decodes as 0.
struct Tfsync {
  static constexpr MessageType kType = MessageType::kTfsync;
  std::uint32_t fid = 0;
  std::uint32_t datasync = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.datasync);
  }
};

struct Tclunk {
  static constexpr MessageType kType = MessageType::kTclunk;
  std::uint32_t fid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid);
  }
};

/// Clunks the fid even if the file cannot be removed.
struct Tremove {
  static constexpr MessageType kType = MessageType::kTremove;
  std::uint32_t fid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid);
  }
};

struct Treaddir {
  static constexpr MessageType kType = MessageType::kTreaddir;
  std::uint32_t fid = 0;
  std::uint64_t offset = 0;
  std::uint32_t count = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.offset, s.count);
  }
};

struct Tgetattr {
  static constexpr MessageType kType = MessageType::kTgetattr;
  std::uint32_t fid = 0;
  std::uint64_t request_mask = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.request_mask);
  }
};

/// `valid`: setattr::k..., which of the rest count.
struct Tsetattr {
  static constexpr MessageType kType = MessageType::kTsetattr;
  std::uint32_t fid = 0;
  std::uint32_t valid = 0;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  Time atime;
  Time mtime;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.valid, s.mode, s.uid, s.gid, s.size, s.atime, s.mtime);
  }
};

struct Tstatfs {
  static constexpr MessageType kType = MessageType::kTstatfs;
  std::uint32_t fid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid);
  }
};

struct Tsymlink {
  static constexpr MessageType kType = MessageType::kTsymlink;
  std::uint32_t dfid = 0;
  std::string_view name;
  std::string_view target;
  std::uint32_t gid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.dfid, s.name, s.target, s.gid);
  }
};

struct Tmknod {
  static constexpr MessageType kType = MessageType::kTmknod;
  std::uint32_t dfid = 0;
  std::string_view name;
  std::uint32_t mode = 0;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t gid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.dfid, s.name, s.mode, s.major, s.minor, s.gid);
  }
};

struct Tmkdir {
  static constexpr MessageType kType = MessageType::kTmkdir;
  std::uint32_t dfid = 0;
  std::string_view name;
  std::uint32_t mode = 0;
  std::uint32_t gid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.dfid, s.name, s.mode, s.gid);
  }
};

struct Treadlink {
  static constexpr MessageType kType = MessageType::kTreadlink;
  std::uint32_t fid = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid);
  }
};

struct Tlink {
  static constexpr MessageType kType = MessageType::kTlink;
  std::uint32_t dfid = 0;
  std::uint32_t fid = 0;
  std::string_view name;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.dfid, s.fid, s.name);
  }
};

/// What Trenameat has replaced; for clients that do not know it.
struct Trename {
  static constexpr MessageType kType = MessageType::kTrename;
  std::uint32_t fid = 0;
  std::uint32_t dfid = 0;
  std::string_view name;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.dfid, s.name);
  }
};

struct Trenameat {
  static constexpr MessageType kType = MessageType::kTrenameat;
  std::uint32_t old_dfid = 0;
  std::string_view old_name;
  std::uint32_t new_dfid = 0;
  std::string_view new_name;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.old_dfid, s.old_name, s.new_dfid, s.new_name);
  }
};

struct Tunlinkat {
  static constexpr MessageType kType = MessageType::kTunlinkat;
  std::uint32_t dfid = 0;
  std::string_view name;
  std::uint32_t flags = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.dfid, s.name, s.flags);
  }
};

/// An empty name: newfid reads the list of names, each ended by a zero byte.
struct Txattrwalk {
  static constexpr MessageType kType = MessageType::kTxattrwalk;
  std::uint32_t fid = 0;
  std::uint32_t newfid = 0;
  std::string_view name;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.newfid, s.name);
  }
};

/// The fid turns into one that takes `attr_size` bytes; they count when it is clunked.
struct Txattrcreate {
  static constexpr MessageType kType = MessageType::kTxattrcreate;
  std::uint32_t fid = 0;
  std::string_view name;
  std::uint64_t attr_size = 0;
  std::uint32_t flags = 0;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.name, s.attr_size, s.flags);
  }
};

/// `length` 0 means to the end of the file.
struct Tlock {
  static constexpr MessageType kType = MessageType::kTlock;
  std::uint32_t fid = 0;
  std::uint8_t type = 0;
  std::uint32_t flags = 0;
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint32_t proc_id = 0;
  std::string_view client_id;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.type, s.flags, s.start, s.length, s.proc_id, s.client_id);
  }
};

struct Tgetlock {
  static constexpr MessageType kType = MessageType::kTgetlock;
  std::uint32_t fid = 0;
  std::uint8_t type = 0;
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint32_t proc_id = 0;
  std::string_view client_id;
  template <class S, class V>
  static void visit(S& s, V&& v) {
    v(s.fid, s.type, s.start, s.length, s.proc_id, s.client_id);
  }
};

using Request = std::variant<Tversion, Tauth, Tattach, Tflush, Twalk, Tlopen, Tlcreate, Tread,
                             Twrite, Tfsync, Tclunk, Tremove, Treaddir, Tgetattr, Tsetattr, Tstatfs,
                             Tsymlink, Tmknod, Tmkdir, Treadlink, Tlink, Trename, Trenameat,
                             Tunlinkat, Txattrwalk, Txattrcreate, Tlock, Tgetlock, Twalkgetattr>;

}  // namespace cairn::p9
