#include "fsd/frontends/ninep/redo.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "fsd/frontends/ninep/handlers.h"

// What it takes to do a change again after a crash that undid it. The request itself is with the
// client. Beside it: what its fids stood for; what it found (so that it is not done to something
// else: the volume may have gone on without this client); the inode number that it gave out.
//
// A file's content and attributes are known by its change counter, which counts each operation that
// changed it. A directory's is no use: others may make names in it at the same time. So of names,
// it is looked at what they stand for.

namespace cairn::p9 {
namespace {

class Looker {
 public:
  explicit Looker(Call& call) : call_(call) {}
  Before take() { return std::move(before_); }
  void look() {
    before_.changes = true;
    std::visit([this](const auto& request) { look(request); }, *call_.request());
  }

 private:
  // One for each request that changes something; of all others there is nothing to know.
  void look(const Tlopen& r) { changes_file(r.fid); }
  void look(const Twrite& r) { changes_file(r.fid); }
  void look(const Tsetattr& r) { changes_file(r.fid); }
  void look(const Tclunk& r) { changes_file(r.fid); }
  /// Of a file that is there already, it is an open, and maybe O_TRUNC.
  void look(const Tlcreate& r) {
    makes_name(r.fid, r.name);
    if (before_.made_in == 0) return;
    const Ino there(before_.claim.expectations[before_.made_in - 1].value);
    if (there == Ino()) return;
    if (const auto found = call_.vfs().peek_attributes(there)) {
      before_.change_before = found->inode.change;
    }
  }
  void look(const Tsymlink& r) { makes_name(r.dfid, r.name); }
  void look(const Tmknod& r) { makes_name(r.dfid, r.name); }
  void look(const Tmkdir& r) { makes_name(r.dfid, r.name); }
  void look(const Tlink& r) {
    uses_name(r.dfid, r.name);
    if (const auto fid = use(r.fid)) affects(fid->place.ino);
  }
  void look(const Trename& r) {
    moves(r.fid);
    uses_name(r.dfid, r.name);
  }
  void look(const Trenameat& r) {
    uses_name(r.old_dfid, r.old_name);
    uses_name(r.new_dfid, r.new_name);
  }
  void look(const Tunlinkat& r) { uses_name(r.dfid, r.name); }
  void look(const Tremove& r) { moves(r.fid); }
  template <class Other>
  void look(const Other&) {}

  FidRef use(std::uint32_t number) {
    auto fid = call_.fid(number);
    if (!fid) return {};  // the handler says so
    const auto is_same = [number](const auto& one) { return one.first == number; };
    if (std::ranges::none_of(before_.claim.fids, is_same)) {
      before_.claim.fids.emplace_back(number, claim_of(**fid));
    }
    return *fid;
  }
  void affects(Ino ino) { before_.claim.affected.push_back(ino); }

  void changes_file(std::uint32_t number) {
    const FidRef fid = use(number);
    if (!fid) return;
    affects(fid->place.ino);
    auto found = call_.vfs().peek_attributes(fid->place.ino);
    if (!found) return;
    before_.file = fid->place.ino;
    before_.change_before = found->inode.change;
    if (S_ISDIR(found->inode.mode)) return;
    before_.claim.expectations.push_back(
        {.ino = fid->place.ino, .name = "", .value = found->inode.change});
  }

  void expects(Ino parent, std::string_view name) {
    affects(parent);
    auto found = call_.vfs().peek_entry(parent, name);
    if (!found) return;  // no name, says the handler
    if (*found != Ino()) affects(*found);
    before_.claim.expectations.push_back(
        {.ino = parent, .name = std::string(name), .value = found->value()});
  }
  void uses_name(std::uint32_t number, std::string_view name) {
    if (const auto dir = use(number)) expects(dir->place.ino, name);
  }
  void makes_name(std::uint32_t number, std::string_view name) {
    uses_name(number, name);
    before_.made_in = before_.claim.expectations.size();
  }
  void moves(std::uint32_t number) {
    const auto fid = use(number);
    if (!fid) return;
    affects(fid->place.ino);
    expects(fid->place.parent, fid->place.name);
  }

  Call& call_;
  Before before_;
};

}  // namespace

Before look_before(Call& call) {
  Looker looker(call);
  if (changes_something(call)) looker.look();
  return looker.take();
}

std::optional<RedoClaim> look_after(Call& call, Before before) {
  if (!before.changes) return std::nullopt;
  RedoClaim& claim = before.claim;
  if (before.file != Ino()) {
    auto found = call.vfs().peek_attributes(before.file);
    const std::uint64_t change = found ? found->inode.change : before.change_before;
    if (change == before.change_before) return std::nullopt;
    // Others may have come in between while it waited for room.
    for (Expectation& expectation : claim.expectations) expectation.value = change - 1;
  }
  if (before.made_in > 0) {
    const Expectation& name = claim.expectations[before.made_in - 1];
    auto made = call.vfs().peek_entry(name.ino, name.name);
    if (made && name.value == 0) {
      claim.made = *made;
      claim.affected.push_back(*made);
    } else if (made && made->value() == name.value) {
      const auto there = call.vfs().peek_attributes(*made);
      if (!there || there->inode.change == before.change_before) return std::nullopt;
      claim.expectations.push_back({.ino = *made, .name = "", .value = there->inode.change - 1});
    }
  }
  return std::move(claim);
}

Result<void> check_expectations(vfs::Vfs& vfs, const RedoClaim& claim) {
  for (const Expectation& expectation : claim.expectations) {
    std::uint64_t found = 0;
    if (expectation.name.empty()) {
      TRY(const vfs::Attributes attributes, vfs.peek_attributes(expectation.ino));
      found = attributes.inode.change;
    } else {
      TRY_OK(vfs.peek_attributes(expectation.ino));  // else: no such directory, ESTALE
      TRY(const Ino ino, vfs.peek_entry(expectation.ino, expectation.name));
      found = ino.value();
    }
    if (found != expectation.value) {
      return errno_error(ESTALE, "somebody else has changed it since");
    }
  }
  return {};
}

}  // namespace cairn::p9
