#pragma once

// Numbers of 9P2000.L. Sources: the 9P manual pages of Plan 9 (version, auth, attach, walk, read,
// write, clunk, remove, flush), diod's protocol.md for the messages of .L, and what Linux sends and
// believes (include/net/9p/9p.h, net/9p/client.c, fs/9p/).

#include <cstdint>
#include <string_view>

namespace cairn::p9 {

inline constexpr std::string_view kVersion = "9P2000.L";
inline constexpr std::string_view kUnknownVersion = "unknown";
inline constexpr std::uint16_t kNoTag = 0xFFFF;
inline constexpr std::uint32_t kNoFid = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoUname = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoGid = 0xFFFFFFFF;

/// size[4] type[1] tag[2], in front of every message.
inline constexpr std::uint32_t kHeaderBytes = 7;
/// What Twrite and Rread have in front of their data: the largest of these heads is Twrite's.
inline constexpr std::uint32_t kReadReplyHeadBytes = kHeaderBytes + 4;
inline constexpr std::uint32_t kWriteHeadBytes = kHeaderBytes + 4 + 8 + 4;
/// Linux reserves this much of msize in each direction (P9_IOHDRSZ).
inline constexpr std::uint32_t kIoHeadBytes = 24;
inline constexpr std::uint16_t kWalkNamesMax = 16;
inline constexpr std::uint32_t kQidBytes = 13;

enum class MessageType : std::uint8_t {
  kRlerror = 7,
  kTstatfs = 8,
  kRstatfs = 9,
  kTlopen = 12,
  kRlopen = 13,
  kTlcreate = 14,
  kRlcreate = 15,
  kTsymlink = 16,
  kRsymlink = 17,
  kTmknod = 18,
  kRmknod = 19,
  kTrename = 20,
  kRrename = 21,
  kTreadlink = 22,
  kRreadlink = 23,
  kTgetattr = 24,
  kRgetattr = 25,
  kTsetattr = 26,
  kRsetattr = 27,
  kTxattrwalk = 30,
  kRxattrwalk = 31,
  kTxattrcreate = 32,
  kRxattrcreate = 33,
  kTreaddir = 40,
  kRreaddir = 41,
  kTfsync = 50,
  kRfsync = 51,
  kTlock = 52,
  kRlock = 53,
  kTgetlock = 54,
  kRgetlock = 55,
  kTlink = 70,
  kRlink = 71,
  kTmkdir = 72,
  kRmkdir = 73,
  kTrenameat = 74,
  kRrenameat = 75,
  kTunlinkat = 76,
  kRunlinkat = 77,
  // Of ours (PROTOCOL.md). Neither 9P2000 and its .u, .e, .L and .W nor gVisor have these numbers.
  kTwalkgetattr = 90,
  kRwalkgetattr = 91,
  kTversion = 100,
  kRversion = 101,
  kTauth = 102,
  kRauth = 103,
  kTattach = 104,
  kRattach = 105,
  kTflush = 108,
  kRflush = 109,
  kTwalk = 110,
  kRwalk = 111,
  kTread = 116,
  kRread = 117,
  kTwrite = 118,
  kRwrite = 119,
  kTclunk = 120,
  kRclunk = 121,
  kTremove = 122,
  kRremove = 123,
};

/// Qid::type.
inline constexpr std::uint8_t kQidDirectory = 0x80;
inline constexpr std::uint8_t kQidSymlink = 0x02;
inline constexpr std::uint8_t kQidFile = 0x00;

/// Flags of Tlopen and Tlcreate: the generic Linux values, whatever the client's architecture.
namespace open_flag {
inline constexpr std::uint32_t kReadOnly = 00;
inline constexpr std::uint32_t kWriteOnly = 01;
inline constexpr std::uint32_t kReadWrite = 02;
inline constexpr std::uint32_t kAccessMask = 03;
inline constexpr std::uint32_t kCreate = 0100;
inline constexpr std::uint32_t kExclusive = 0200;
inline constexpr std::uint32_t kNoCtty = 0400;
inline constexpr std::uint32_t kTruncate = 01000;
inline constexpr std::uint32_t kAppend = 02000;
inline constexpr std::uint32_t kNonBlock = 04000;
inline constexpr std::uint32_t kDsync = 010000;
inline constexpr std::uint32_t kFasync = 020000;
inline constexpr std::uint32_t kDirect = 040000;
inline constexpr std::uint32_t kLargeFile = 0100000;
inline constexpr std::uint32_t kDirectory = 0200000;
inline constexpr std::uint32_t kNoFollow = 0400000;
inline constexpr std::uint32_t kNoAtime = 01000000;
inline constexpr std::uint32_t kCloseOnExec = 02000000;
inline constexpr std::uint32_t kSync = 04000000;
}  // namespace open_flag

/// Rgetattr::valid and Tgetattr::request_mask.
namespace getattr {
inline constexpr std::uint64_t kBasic = 0x000007FF;
inline constexpr std::uint64_t kBtime = 0x00000800;
inline constexpr std::uint64_t kGeneration = 0x00001000;
inline constexpr std::uint64_t kDataVersion = 0x00002000;
inline constexpr std::uint64_t kAll = 0x00003FFF;
}  // namespace getattr

/// Tsetattr::valid.
namespace setattr {
inline constexpr std::uint32_t kMode = 0x001;
inline constexpr std::uint32_t kUid = 0x002;
inline constexpr std::uint32_t kGid = 0x004;
inline constexpr std::uint32_t kSize = 0x008;
inline constexpr std::uint32_t kAtime = 0x010;
inline constexpr std::uint32_t kMtime = 0x020;
inline constexpr std::uint32_t kCtime = 0x040;
inline constexpr std::uint32_t kAtimeSet = 0x080;
inline constexpr std::uint32_t kMtimeSet = 0x100;
inline constexpr std::uint32_t kAll = 0x1FF;
}  // namespace setattr

enum class LockType : std::uint8_t { kRead = 0, kWrite = 1, kUnlock = 2 };
enum class LockStatus : std::uint8_t { kSuccess = 0, kBlocked = 1, kError = 2, kGrace = 3 };
/// Tlock::flags.
inline constexpr std::uint32_t kLockBlock = 1;
inline constexpr std::uint32_t kLockReclaim = 2;

/// Tunlinkat::flags.
inline constexpr std::uint32_t kUnlinkDirectory = 0x200;

/// Txattrcreate::flags, as in setxattr(2).
inline constexpr std::uint32_t kXattrCreate = 1;
inline constexpr std::uint32_t kXattrReplace = 2;

/// Rstatfs::type: what v9fs itself shows as its magic number.
inline constexpr std::uint32_t kFilesystemMagic = 0x01021997;

}  // namespace cairn::p9
