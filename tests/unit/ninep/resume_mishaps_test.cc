#include <map>
#include <set>

#include "tests/unit/ninep/resume_fixture.h"

// A thousand mixed requests, several at a time, with dropped connections and crashes at any moment
// between them: each is answered as if nothing had happened, and the tree is the same.

namespace cairn::p9 {
namespace {

constexpr int kStreams = 4;
constexpr std::uint32_t kOpenFlags = open_flag::kReadWrite;

/// What one directory's user does: the same for the same seed, whatever the answers come through.
class Stream {
 public:
  Stream(std::uint64_t seed, std::uint32_t dir_fid)
      : random_(seed), dir_(dir_fid), next_fid_(dir_fid * 1000) {}

  /// The next request. What it points to is good until the next call.
  Request next() {
    if (walked_) return create();
    for (;;) {
      if (auto request = draw(random_.below(16))) return *request;
    }
  }

 private:
  struct File {
    std::uint32_t fid = 0;
    std::string name;  // empty: it has none any more
  };

  Request create() {
    name_ = new_name();
    files_.push_back({.fid = *walked_, .name = name_});
    const bool appends = random_.one_in(4);
    const std::uint32_t flags = appends ? kOpenFlags | open_flag::kAppend : kOpenFlags;
    const Tlcreate request{.fid = *walked_, .name = name_, .flags = flags, .mode = 0640, .gid = 0};
    walked_.reset();
    return request;
  }

  std::optional<Request> draw(std::uint64_t what) {
    if (what < 2 && files_.size() < 8) {
      walked_ = ++next_fid_;
      return Twalk{.fid = dir_, .newfid = *walked_, .names = {}};
    }
    if (what == 2) {
      name_ = new_name();
      return Tmkdir{.dfid = dir_, .name = name_, .mode = 0750, .gid = 0};
    }
    if (what == 3) {
      name_ = new_name();
      return Tsymlink{.dfid = dir_, .name = name_, .target = "somewhere", .gid = 0};
    }
    if (files_.empty()) return std::nullopt;
    return draw_of_file(what, files_[random_.below(files_.size())]);
  }

  std::optional<Request> draw_of_file(std::uint64_t what, File& file) {
    switch (what) {
      case 4:
        return Tsetattr{.fid = file.fid, .valid = setattr::kSize, .size = random_.below(20000)};
      case 5:
        return Tsetattr{.fid = file.fid,
                        .valid = setattr::kMode,
                        .mode = 0600 + static_cast<std::uint32_t>(random_.below(0100))};
      case 6:
        if (file.name.empty()) return std::nullopt;
        name_ = std::exchange(file.name, "");
        return Tunlinkat{.dfid = dir_, .name = name_, .flags = 0};
      case 7:
        if (file.name.empty()) return std::nullopt;
        old_name_ = file.name;
        name_ = file.name = new_name();
        return Trenameat{
            .old_dfid = dir_, .old_name = old_name_, .new_dfid = dir_, .new_name = name_};
      case 8:
        if (file.name.empty()) return std::nullopt;
        name_ = new_name();
        return Tlink{.dfid = dir_, .fid = file.fid, .name = name_};
      case 9: {
        const std::uint32_t fid = file.fid;
        std::erase_if(files_, [fid](const File& one) { return one.fid == fid; });
        return Tclunk{.fid = fid};
      }
      case 10:
        return Tread{.fid = file.fid, .offset = random_.below(20000), .count = 4000};
      case 11:
        return Tfsync{.fid = file.fid, .datasync = 0};
      default:
        data_.assign(1 + random_.below(3000), static_cast<char>('a' + random_.below(26)));
        return Twrite{.fid = file.fid, .offset = random_.below(16000), .data = as_bytes(data_)};
    }
  }

  std::string new_name() { return "n" + std::to_string(++names_); }

  testing::SeededRandom random_;
  const std::uint32_t dir_;
  std::uint32_t next_fid_;
  std::vector<File> files_;
  std::optional<std::uint32_t> walked_;  // to become a new file
  int names_ = 0;
  std::string name_;
  std::string old_name_;
  std::string data_;
};

/// What a reply says, but for numbers and times, which may differ.
std::string said(const Reply& reply) {
  if (const auto* error = std::get_if<Rlerror>(&reply)) return "E" + std::to_string(error->ecode);
  if (const auto* read = std::get_if<Rread>(&reply))
    return "R" + std::string(as_string(read->data));
  if (const auto* write = std::get_if<Rwrite>(&reply)) return "W" + std::to_string(write->count);
  return std::to_string(reply.index());
}

class MishapsTest : public ResumeTest, public ::testing::WithParamInterface<int> {
 protected:
  /// Runs the work; `mishap` is called while requests are under way. What was answered, in order.
  template <class Mishap>
  std::vector<std::string> work(Requester& one, int rounds, Mishap mishap) {
    std::vector<std::string> log;
    std::vector<Stream> streams;
    for (std::uint32_t i = 0; i < kStreams; ++i) {
      const std::string name = "dir" + std::to_string(i);
      one.get<Rmkdir>(Tmkdir{.dfid = 0, .name = name, .mode = 0755, .gid = 0});
      one.walk(0, i + 1, {name});
      streams.emplace_back(static_cast<std::uint64_t>(GetParam()) * kStreams + i, i + 1);
    }
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::uint16_t> tags;
      for (Stream& stream : streams) tags.push_back(one.send(stream.next()));
      mishap();
      for (const std::uint16_t tag : tags) log.push_back(said(one.answer(tag)));
    }
    return log;
  }

  /// All below a directory: names, modes, links, contents.
  void describe(Ino directory, const std::string& path, std::vector<std::string>& lines) {
    auto handle = run(fs->open_directory({}, directory));
    ASSERT_THAT(handle, Succeeds());
    std::map<std::string, Ino> entries;
    ASSERT_THAT(fs->read_directory(*handle, 0,
                                   [&](const vfs::DirectoryEntry& entry) {
                                     entries.emplace(entry.name, entry.ino);
                                     return true;
                                   }),
                Succeeds());
    static_cast<void>(run(fs->release_directory(*handle)));
    for (const auto& [name, ino] : entries) {
      if (name == "." || name == "..") continue;
      const auto found = fs->peek_attributes(ino);
      ASSERT_THAT(found, Succeeds()) << path << name;
      const auto& inode = found->inode;
      lines.push_back(path + name + " " + std::to_string(inode.mode) + " " +
                      std::to_string(inode.nlink) + " " + std::to_string(inode.size) + " " +
                      (S_ISREG(inode.mode) ? bytes_of(ino) : ""));
      if (S_ISDIR(inode.mode)) describe(ino, path + name + "/", lines);
    }
  }
  std::vector<std::string> tree() {
    std::vector<std::string> lines;
    describe(vfs::kRootIno, "/", lines);
    return lines;
  }
  std::string bytes_of(Ino ino) {
    auto handle = run(fs->open_file({}, ino, O_RDONLY));
    std::string bytes(32768, '\0');
    auto got =
        run(fs->read(*handle, 0, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}));
    bytes.resize(got ? *got : 0);
    static_cast<void>(run(fs->release(*handle)));
    return bytes;
  }

  /// Carries some frames, then the connection is gone, or the daemon.
  void mishap(testing::SeededRandom& random, std::uint64_t one_crash_in) {
    for (std::uint64_t left = random.below(9); left > 0; --left) client.carry(random.one_in(2));
    if (random.one_in(3)) make_durable();
    for (std::uint64_t left = random.below(9); left > 0; --left) client.carry(random.one_in(2));
    if (!random.one_in(4)) return;
    if (random.one_in(one_crash_in)) {
      crash();
      ++crashes;
    } else {
      client.cut();
      ++cuts;
    }
    come_back();
    // It may happen again before all is well.
    for (std::uint64_t left = random.below(30); left > 0; --left) client.carry(random.one_in(2));
    if (!random.one_in(3)) return;
    if (one_crash_in != 0 && random.one_in(2)) {
      crash();
      ++crashes;
    } else {
      client.cut();
      ++cuts;
    }
    come_back();
  }

  void expect_nothing_noticed(std::uint64_t one_crash_in) {
    constexpr int kRounds = 250;
    std::vector<std::string> log;
    std::vector<std::string> files;
    {
      Client plain(*door, sim, exported, {.trusted = true, .uid = kNobody, .name = "plain"});
      plain.begin();
      plain.attach(0);
      log = work(plain, kRounds, [] {});
      files = tree();
    }
    start_anew();
    begin(client);
    testing::SeededRandom random(static_cast<std::uint64_t>(GetParam()) + 77);
    const auto answers = work(client, kRounds, [&] { mishap(random, one_crash_in); });
    client.settle();
    ASSERT_EQ(answers.size(), log.size());
    for (std::size_t i = 0; i < log.size(); ++i) ASSERT_EQ(answers[i], log[i]) << "request " << i;
    EXPECT_EQ(tree(), files);
    EXPECT_EQ(client.resume().counts().lost, 0U);
    // (Stale fids there may be: of files that were clunked, and gone, when nobody had heard of it.)
    EXPECT_GT(cuts, 10);
  }
  void start_anew() {
    stop_serving();
    fs.reset();
    volume.wipe();
    open({.grace = true});
    serve();
  }

  int cuts = 0;
  int crashes = 0;
};

TEST_P(MishapsTest, DroppedConnectionsAreNotNoticed) { expect_nothing_noticed(0); }

TEST_P(MishapsTest, CrashesAreNotNoticed) {
  expect_nothing_noticed(2);
  EXPECT_GT(crashes, 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MishapsTest, ::testing::Range(1, 21));

}  // namespace
}  // namespace cairn::p9
