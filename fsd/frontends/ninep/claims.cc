#include "fsd/frontends/ninep/claims.h"

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::p9 {
namespace {

using wire::Decoder;
using wire::Encoder;

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kCountMax = 65536;

/// So that one kind of claim is never taken for another.
enum class Kind : std::uint8_t { kFid = 1, kLock = 2, kRedo = 3 };

Encoder begin(Kind kind) {
  Encoder out;
  out.u8(kVersion).u8(static_cast<std::uint8_t>(kind));
  return out;
}

bool begins(Decoder& in, Kind kind) {
  const bool known = in.u8() == kVersion;
  return in.u8() == static_cast<std::uint8_t>(kind) && known;
}

void put_text(Encoder& out, std::string_view text) { out.varint(text.size()).raw(text); }
std::string get_text(Decoder& in) {
  const auto bytes = in.raw(in.varint());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
void put_ino(Encoder& out, Ino ino) { out.varint(ino.value()); }
Ino get_ino(Decoder& in) { return Ino(in.varint()); }

std::size_t get_count(Decoder& in) {
  const std::uint64_t count = in.varint();
  if (count <= kCountMax && count <= in.left()) return count;
  in.fail();
  return 0;
}

void put_fid(Encoder& out, const FidClaim& claim) {
  out.u32(claim.n_uname).u32(claim.uid).u8(static_cast<std::uint8_t>(claim.kind));
  put_ino(out, claim.place.ino);
  put_ino(out, claim.place.parent);
  put_text(out, claim.place.name);
  put_ino(out, claim.place.root);
  out.u32(static_cast<std::uint32_t>(claim.open_flags));
  if (claim.kind != Fid::Kind::kXattrWrite) return;
  put_text(out, claim.xattr_name);
  put_text(out, claim.xattr_value);
  out.varint(claim.xattr_bytes).u32(static_cast<std::uint32_t>(claim.xattr_flags));
}

FidClaim get_fid(Decoder& in) {
  FidClaim claim;
  claim.n_uname = in.u32();
  claim.uid = in.u32();
  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(Fid::Kind::kXattrWrite)) in.fail();
  claim.kind = Fid::Kind{kind};
  claim.place.ino = get_ino(in);
  claim.place.parent = get_ino(in);
  claim.place.name = get_text(in);
  claim.place.root = get_ino(in);
  claim.open_flags = static_cast<int>(in.u32());
  if (claim.kind != Fid::Kind::kXattrWrite) return claim;
  claim.xattr_name = get_text(in);
  claim.xattr_value = get_text(in);
  claim.xattr_bytes = in.varint();
  claim.xattr_flags = static_cast<int>(in.u32());
  return claim;
}

vfs::RangeLock get_lock(Decoder& in) {
  vfs::RangeLock lock;
  const std::uint8_t type = in.u8();
  if (type > static_cast<std::uint8_t>(vfs::LockType::kWrite)) in.fail();
  lock.type = vfs::LockType{type};
  lock.start = in.varint();
  lock.end = in.varint();
  lock.pid = in.u32();
  return lock;
}

}  // namespace

FidClaim claim_of(const Fid& fid) {
  FidClaim claim{.n_uname = fid.user->n_uname,
                 .uid = fid.user->uid,
                 .place = fid.place,
                 .kind = fid.kind(),
                 .open_flags = fid.open_flags()};
  if (fid.kind() != Fid::Kind::kXattrWrite) return claim;
  claim.xattr_name = fid.xattr_name;
  claim.xattr_value = fid.xattr_value;
  claim.xattr_bytes = fid.xattr_bytes;
  claim.xattr_flags = fid.xattr_flags;
  return claim;
}

std::string ClaimSealer::seal(const FidClaim& claim) const {
  Encoder out = begin(Kind::kFid);
  put_fid(out, claim);
  return sealed(std::move(out).take());
}

std::string ClaimSealer::seal(const LockClaim& claim) const {
  Encoder out = begin(Kind::kLock);
  out.u32(claim.fid);
  put_ino(out, claim.ino);
  out.u64(claim.owner).varint(claim.locks.size());
  for (const vfs::RangeLock& lock : claim.locks) {
    out.u8(static_cast<std::uint8_t>(lock.type)).varint(lock.start).varint(lock.end);
    out.u32(lock.pid);
  }
  return sealed(std::move(out).take());
}

std::string ClaimSealer::seal(const RedoClaim& claim) const {
  Encoder out = begin(Kind::kRedo);
  out.varint(claim.fids.size());
  for (const auto& [number, fid] : claim.fids) {
    out.u32(number);
    put_fid(out, fid);
  }
  out.varint(claim.expectations.size());
  for (const Expectation& expectation : claim.expectations) {
    put_ino(out, expectation.ino);
    put_text(out, expectation.name);
    out.varint(expectation.value);
  }
  put_ino(out, claim.made);
  out.varint(claim.affected.size());
  for (const Ino ino : claim.affected) put_ino(out, ino);
  return sealed(std::move(out).take());
}

std::optional<FidClaim> ClaimSealer::open_fid(std::string_view bytes) const {
  const auto content = opened(bytes);
  if (!content) return std::nullopt;
  Decoder in(*content);
  if (!begins(in, Kind::kFid)) return std::nullopt;
  FidClaim claim = get_fid(in);
  if (!in.finished()) return std::nullopt;
  return claim;
}

std::optional<LockClaim> ClaimSealer::open_lock(std::string_view bytes) const {
  const auto content = opened(bytes);
  if (!content) return std::nullopt;
  Decoder in(*content);
  if (!begins(in, Kind::kLock)) return std::nullopt;
  LockClaim claim;
  claim.fid = in.u32();
  claim.ino = get_ino(in);
  claim.owner = in.u64();
  claim.locks.resize(get_count(in));
  for (vfs::RangeLock& lock : claim.locks) lock = get_lock(in);
  if (!in.finished()) return std::nullopt;
  return claim;
}

std::optional<RedoClaim> ClaimSealer::open_redo(std::string_view bytes) const {
  const auto content = opened(bytes);
  if (!content) return std::nullopt;
  Decoder in(*content);
  if (!begins(in, Kind::kRedo)) return std::nullopt;
  RedoClaim claim;
  claim.fids.resize(get_count(in));
  for (auto& [number, fid] : claim.fids) {
    number = in.u32();
    fid = get_fid(in);
  }
  claim.expectations.resize(get_count(in));
  for (Expectation& expectation : claim.expectations) {
    expectation.ino = get_ino(in);
    expectation.name = get_text(in);
    expectation.value = in.varint();
  }
  claim.made = get_ino(in);
  claim.affected.resize(get_count(in));
  for (Ino& ino : claim.affected) ino = get_ino(in);
  if (!in.finished()) return std::nullopt;
  return claim;
}

std::string ClaimSealer::tag(std::string_view bytes) const {
  Encoder out;
  out.u64(vfs::sip_hash(first_, bytes)).u64(vfs::sip_hash(second_, bytes));
  return std::move(out).take();
}

std::string ClaimSealer::sealed(std::string bytes) const { return bytes + tag(bytes); }

std::optional<std::string_view> ClaimSealer::opened(std::string_view bytes) const {
  if (bytes.size() < kTagBytes) return std::nullopt;
  const std::string_view content = bytes.substr(0, bytes.size() - kTagBytes);
  const std::string wanted = tag(content);
  unsigned difference = 0;  // in constant time: how far a guess was right is not told
  for (std::size_t i = 0; i < kTagBytes; ++i) {
    difference |= static_cast<std::uint8_t>(wanted[i] ^ bytes[content.size() + i]);
  }
  if (difference != 0) return std::nullopt;
  return content;
}

}  // namespace cairn::p9
