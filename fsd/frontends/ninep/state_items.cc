#include "fsd/frontends/ninep/state_items.h"

#include "fsd/frontends/ninep/handlers.h"
#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::p9 {
namespace {

using Item = StateItems::Item;

constexpr char kFid = 'F';
constexpr char kLock = 'L';
constexpr char kLost = 'X';
constexpr std::string_view kLocksAnew = "N";
constexpr char kLostBlob[] = "lost";
/// In one reply, which has to find room in the session's record; the others with the next ones.
constexpr std::size_t kGoneLocksMax = 1024;

std::string fid_key(std::uint32_t number) {
  wire::Encoder out;
  out.u8(kFid).u32(number);
  return std::move(out).take();
}

std::string lock_key(Ino ino, std::uint64_t owner) {
  wire::Encoder out;
  out.u8(kLock).u64(ino.value()).u64(owner);
  return std::move(out).take();
}

std::string lost_key(Ino ino) {
  wire::Encoder out;
  out.u8(kLost).u64(ino.value());
  return std::move(out).take();
}

}  // namespace

std::optional<Ino> StateItems::lost_of(std::string_view key) {
  wire::Decoder in(key);
  if (in.u8() != kLost) return std::nullopt;
  const Ino ino(in.u64());
  if (!in.finished()) return std::nullopt;
  return ino;
}

bool StateItems::takes_locks_anew(std::string_view key) { return key == kLocksAnew; }

void StateItems::add_lost(const std::vector<Ino>& inodes, std::vector<Item>& items) {
  for (const Ino ino : inodes) {
    if (lost_.insert(ino).second) items.push_back({.key = lost_key(ino), .blob = kLostBlob});
  }
}

/// Whose loss the client has been told of by this request.
void StateItems::check_lost(Call& call, std::vector<Item>& items) {
  const auto& lost = call.session().lost;
  if (lost_.size() == lost.size()) return;
  std::erase_if(lost_, [&](Ino ino) {
    if (lost.contains(ino)) return false;
    items.push_back({.key = lost_key(ino), .blob = ""});
    return true;
  });
}

std::optional<std::uint32_t> StateItems::fid_of(std::string_view key) {
  wire::Decoder in(key);
  if (in.u8() != kFid) return std::nullopt;
  const std::uint32_t number = in.u32();
  if (!in.finished()) return std::nullopt;
  return number;
}

void StateItems::add_fid(Call& call, std::uint32_t number, std::vector<Item>& items) const {
  const auto fid = call.session().fids.get(number);
  if (fid) items.push_back({.key = fid_key(number), .blob = sealer_.seal(claim_of(**fid))});
}

void StateItems::drop_fid(Call& call, std::uint32_t number, std::vector<Item>& items) {
  if (!call.session().fids.get(number)) items.push_back({.key = fid_key(number), .blob = ""});
}

void StateItems::add_locks(Call& call, std::uint32_t fid, Ino ino, std::uint64_t owner,
                           std::vector<Item>& items) {
  LockClaim claim{.fid = fid, .ino = ino, .owner = owner, .locks = {}};
  claim.locks = call.vfs().held_locks(ino, {.client = call.session().client, .owner = claim.owner});
  const bool is_known = owners_.contains({ino, owner});
  if (!claim.locks.empty()) {
    owners_.emplace(ino, owner);
    items.push_back({.key = lock_key(ino, owner), .blob = sealer_.seal(claim)});
  } else if (is_known) {
    owners_.erase({ino, owner});
    items.push_back({.key = lock_key(ino, owner), .blob = ""});
  }
}

StateItems::LetGo StateItems::let_go_by(Call& call) {
  if (!call.request()) return {};
  const auto* clunk = std::get_if<Tclunk>(&*call.request());
  const auto* remove = std::get_if<Tremove>(&*call.request());
  if (clunk == nullptr && remove == nullptr) return {};
  const auto fid = call.session().fids.get(clunk != nullptr ? clunk->fid : remove->fid);
  return fid ? LetGo{.ino = (*fid)->place.ino, .handle = (*fid)->handle()} : LetGo();
}

bool StateItems::has_owners(Ino ino) const {
  const auto first = owners_.lower_bound({ino, 0});
  return first != owners_.end() && first->first == ino;
}

/// What an owner has left without those that go with the handle `gone`.
void StateItems::update_locks(Call& call, Ino ino, std::uint64_t owner, vfs::HandleId gone,
                              std::vector<Item>& items) {
  const vfs::LockOwner of{.client = call.session().client, .owner = owner};
  LockClaim claim{.fid = 0, .ino = ino, .owner = owner, .locks = {}};
  claim.locks = call.vfs().held_locks(ino, of, gone);
  if (claim.locks.empty()) {
    owners_.erase({ino, owner});
    items.push_back({.key = lock_key(ino, owner), .blob = ""});
  } else if (claim.locks.size() < call.vfs().held_locks(ino, of).size()) {
    for (const auto& [number, fid] : call.session().fids.all()) {
      if (fid->place.ino == ino && fid->kind() == Fid::Kind::kFile) claim.fid = number;
    }
    items.push_back({.key = lock_key(ino, owner), .blob = sealer_.seal(claim)});
  }
}

/// With an open file its locks go, in truth when the last request that uses it has ended. For the
/// client they go with the fid: a lock without one could not be brought back after a crash.
void StateItems::drop_locks(Call& call, const LetGo& let_go, std::vector<Item>& items) {
  if (has_owners(let_go.ino)) let_go_.insert(let_go.ino);
  std::erase_if(let_go_, [&](Ino ino) {
    auto at = owners_.lower_bound({ino, 0});
    while (at != owners_.end() && at->first == ino && items.size() <= kGoneLocksMax) {
      const std::uint64_t owner = at->second;
      ++at;  // before it goes
      update_locks(call, ino, owner, let_go.handle, items);
    }
    return at == owners_.end() || at->first != ino;
  });
}

std::vector<Item> StateItems::after(Call& call, const LetGo& let_go) {
  std::vector<Item> items;
  const Request& request = *call.request();
  if (const auto* attach = std::get_if<Tattach>(&request)) {
    add_fid(call, attach->fid, items);
  } else if (const auto* walk = std::get_if<Twalk>(&request)) {
    add_fid(call, walk->newfid, items);
  } else if (const auto* found = std::get_if<Twalkgetattr>(&request)) {
    add_fid(call, found->newfid, items);  // none, if it was asked for none
  } else if (const auto* open = std::get_if<Tlopen>(&request)) {
    add_fid(call, open->fid, items);
  } else if (const auto* create = std::get_if<Tlcreate>(&request)) {
    add_fid(call, create->fid, items);
  } else if (const auto* reader = std::get_if<Txattrwalk>(&request)) {
    add_fid(call, reader->newfid, items);
  } else if (const auto* writer = std::get_if<Txattrcreate>(&request)) {
    add_fid(call, writer->fid, items);
  } else if (const auto* write = std::get_if<Twrite>(&request)) {
    const auto fid = call.session().fids.get(write->fid);
    if (fid && (*fid)->kind() == Fid::Kind::kXattrWrite) add_fid(call, write->fid, items);
  } else if (const auto* clunk = std::get_if<Tclunk>(&request)) {
    drop_fid(call, clunk->fid, items);
    drop_locks(call, let_go, items);
  } else if (const auto* remove = std::get_if<Tremove>(&request)) {
    drop_fid(call, remove->fid, items);
    drop_locks(call, let_go, items);
  } else if (const auto* lock = std::get_if<Tlock>(&request)) {
    const auto fid = call.session().fids.get(lock->fid);
    const std::uint64_t owner = lock_owner(lock->client_id, lock->proc_id);
    if (fid) add_locks(call, lock->fid, (*fid)->place.ino, owner, items);
  } else if (std::holds_alternative<Tversion>(request)) {
    owners_.clear();
    let_go_.clear();
    items.push_back({.key = std::string(resume::kForgetAll), .blob = ""});
  }
  check_lost(call, items);
  return items;
}

std::vector<resume::Item> views_of(const std::vector<Item>& items) {
  std::vector<resume::Item> views;
  views.reserve(items.size());
  for (const Item& item : items) views.push_back({.key = item.key, .blob = item.blob});
  return views;
}

}  // namespace cairn::p9
