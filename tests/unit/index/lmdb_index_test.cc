// What only the index on disk can show: that it survives, that it notices damage, that it is alone.

#include "fsd/index/lmdb_index.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "tests/unit/index/index_fixture.h"

namespace cairn::index {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::unique_ptr<LmdbIndex> open_index(const TestDirectory& directory) {
  auto opened = LmdbIndex::open({.directory = directory.index()});
  EXPECT_THAT(opened, Succeeds());
  return *std::move(opened);
}

/// Makes an index at position 1 with enough keys for a few hundred pages.
void make_index(const TestDirectory& directory) {
  const auto index = open_index(directory);
  Contents all;
  for (int i = 0; i < 10'000; ++i)
    all.emplace_back("key" + std::to_string(i), std::string(60, 'v'));
  std::vector<Change> changes;
  for (const auto& [key, value] : all) changes.push_back(put(key, value));
  ASSERT_THAT(index->apply(changes, {}, stamp_at(1)), Succeeds());
}

void overwrite(const std::string& path, std::streamoff from, std::size_t length, char with) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(from);
  const std::string bytes(length, with);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good());
}

/// Runs `function` in a child process, which ends with its result or by a signal.
pid_t in_child(const std::function<int()>& function) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(function());
  EXPECT_GT(pid, 0);
  return pid;
}

TEST(LmdbIndex, KeepsItsContentsAndItsStampOverAReopening) {
  const TestDirectory directory;
  {
    const auto index = open_index(directory);
    const std::vector<Change> changes{put("a", "1")};
    ASSERT_THAT(index->apply(changes, {}, stamp_at(5)), Succeeds());
  }
  const auto index = open_index(directory);
  const auto snapshot = index->snapshot().value();
  EXPECT_EQ(snapshot->stamp(), stamp_at(5));
  EXPECT_THAT(contents(*snapshot), ElementsAre(Pair("a", "1")));
}

TEST(LmdbIndex, ASecondOpenIsLockedOutUntilTheFirstIsGone) {
  const TestDirectory directory;
  auto first = open_index(directory);
  EXPECT_THAT(LmdbIndex::open({.directory = directory.index()}), FailsWith(IndexErrc::kLocked));
  EXPECT_THAT(LmdbIndex::open_or_recreate({.directory = directory.index()}),
              FailsWith(IndexErrc::kLocked));
  first.reset();
  EXPECT_THAT(LmdbIndex::open({.directory = directory.index()}), Succeeds());
}

TEST(LmdbIndex, AnUnfinishedLoadStandsNowhereAfterReopening) {
  const TestDirectory directory;
  make_index(directory);
  {
    const auto index = open_index(directory);
    const std::vector<Change> changes{put("a", "1")};
    ASSERT_THAT(index->clear(), Succeeds());
    ASSERT_THAT(index->load(changes), Succeeds());
  }
  EXPECT_EQ(open_index(directory)->snapshot().value()->stamp(), Stamp{});
}

TEST(LmdbIndex, ClearingGivesTheRoomBack) {
  const TestDirectory directory;
  make_index(directory);
  const auto index = open_index(directory);
  const auto before = index->disk_bytes();
  ASSERT_THAT(index->clear(), Succeeds());
  EXPECT_LT(index->disk_bytes(), before / 4);
}

TEST(LmdbIndex, ADirectoryThatCannotBeMadeIsNamed) {
  const TestDirectory directory;
  const auto opened = LmdbIndex::open({.directory = directory.path() + "/missing/index"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(to_errno(opened.error()), ENOENT);
  EXPECT_THAT(opened.error().message(), HasSubstr("/missing/index"));
}

// Each way to break the file, and what must still hold: open() or the reads say kDamaged, never
// anything else, and open_or_recreate() ends with an index that works.
struct Damage {
  const char* name;
  std::function<void(const TestDirectory&)> make;
  bool seen_by_open;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

class DamagedLmdbIndex : public testing::TestWithParam<Damage> {};

TEST_P(DamagedLmdbIndex, IsRecognisedAndThrownAwayWhenToldTo) {
  const TestDirectory directory;
  make_index(directory);
  GetParam().make(directory);
  if (!GetParam().seen_by_open) {
    auto index = open_index(directory);
    auto snapshot = index->snapshot().value();
    EXPECT_THAT(snapshot->scan("", "", [](auto, auto) { return true; }),
                FailsWith(IndexErrc::kDamaged));
    EXPECT_THAT(index->apply({}, stamp_at(1), stamp_at(2)), FailsWith(IndexErrc::kDamaged));
    snapshot.reset();
    index.reset();
  }
  const auto opened = LmdbIndex::open({.directory = directory.index()});
  ASSERT_THAT(opened, FailsWith(IndexErrc::kDamaged));
  EXPECT_THAT(opened.error().message(), HasSubstr(directory.data_file()));
  {
    const auto again = LmdbIndex::open_or_recreate({.directory = directory.index()});
    ASSERT_THAT(again, Succeeds());
    ASSERT_TRUE(again->thrown_away);
    EXPECT_TRUE(is(*again->thrown_away, IndexErrc::kDamaged));
    EXPECT_EQ(again->index->snapshot().value()->stamp(), Stamp{});
    const std::vector<Change> changes{put("a", "1")};
    EXPECT_THAT(again->index->apply(changes, {}, stamp_at(1)), Succeeds());
  }
  const auto sound = LmdbIndex::open_or_recreate({.directory = directory.index()});
  ASSERT_THAT(sound, Succeeds());
  EXPECT_FALSE(sound->thrown_away);
  EXPECT_EQ(sound->index->snapshot().value()->stamp(), stamp_at(1));
}

constexpr std::size_t kPage = 4096;

INSTANTIATE_TEST_SUITE_P(
    Ways, DamagedLmdbIndex,
    testing::Values(
        Damage{"TextInsteadOfADatabase",
               [](const TestDirectory& d) {
                 std::ofstream(d.data_file(), std::ios::trunc) << std::string(3 * kPage, '?');
               },
               true},
        Damage{"AFewBytes",
               [](const TestDirectory& d) { std::ofstream(d.data_file(), std::ios::trunc) << "x"; },
               true},
        Damage{"CutShort",
               [](const TestDirectory& d) {
                 std::filesystem::resize_file(
                     d.data_file(), std::filesystem::file_size(d.data_file()) / 2 / kPage * kPage);
               },
               true},
        Damage{
            "CutToItsHeads",
            [](const TestDirectory& d) { std::filesystem::resize_file(d.data_file(), 2 * kPage); },
            true},
        Damage{"BothHeadsZeroed",
               [](const TestDirectory& d) { overwrite(d.data_file(), 0, 2 * kPage, 0); }, true},
        Damage{"AnotherVersionOfLmdb",
               [](const TestDirectory& d) {
                 overwrite(d.data_file(), 20, 1, 9);
                 overwrite(d.data_file(), 20 + kPage, 1, 9);
               },
               true},
        Damage{"EverythingButTheHeadsZeroed",
               [](const TestDirectory& d) {
                 overwrite(d.data_file(), 2 * kPage,
                           std::filesystem::file_size(d.data_file()) - 2 * kPage, 0);
               },
               true},
        Damage{"TheLastDaemonAborted",
               [](const TestDirectory& d) { std::ofstream(d.index() + "/suspect") << ""; }, true},
        Damage{"SomePagesZeroed",
               [](const TestDirectory& d) { overwrite(d.data_file(), 10 * kPage, 20 * kPage, 0); },
               false}),
    [](const auto& info) { return info.param.name; });

// LMDB has no checksums: a value that a disk has changed must not be believed, or it gets from the
// index into a checkpoint.
TEST(LmdbIndex, AChangedValueIsDamageAndTheNextStartRebuilds) {
  const TestDirectory directory;
  make_index(directory);
  std::string bytes;
  {
    std::ifstream file(directory.data_file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  // In every place where it stands: older pages may still have it, too.
  const std::string value = "key77" + std::string(60, 'v');
  std::size_t changed = 0;
  for (auto at = bytes.find(value); at != bytes.npos; at = bytes.find(value, at + 1), ++changed) {
    overwrite(directory.data_file(), static_cast<std::streamoff>(at) + 30, 1, 'w');
  }
  ASSERT_GT(changed, 0U);
  {
    const auto index = open_index(directory);
    const auto snapshot = index->snapshot().value();
    EXPECT_THAT(snapshot->find("key76").value(), ::testing::Optional(std::string(60, 'v')));
    EXPECT_THAT(snapshot->find("key77"), FailsWith(IndexErrc::kDamaged));
    EXPECT_THAT(snapshot->find_floor("key77", "key77"), FailsWith(IndexErrc::kDamaged));
    auto all = [](std::string_view, std::string_view) { return true; };
    EXPECT_THAT(snapshot->scan("key7", "key8", all), FailsWith(IndexErrc::kDamaged));
    const std::vector<Change> changes{put("a", "1")};
    EXPECT_THAT(index->apply(changes, stamp_at(1), stamp_at(2)), FailsWith(IndexErrc::kDamaged));
  }
  EXPECT_THAT(LmdbIndex::open({.directory = directory.index()}), FailsWith(IndexErrc::kDamaged));
  const auto opened = LmdbIndex::open_or_recreate({.directory = directory.index()});
  ASSERT_THAT(opened, Succeeds());
  EXPECT_TRUE(opened->thrown_away.has_value());
}

TEST(LmdbIndex, DamageThatAWriteMeetsHasTheNextStartRebuildToo) {
  const TestDirectory directory;
  make_index(directory);
  overwrite(directory.data_file(), 10 * kPage, 100 * kPage, 0);
  {
    const auto index = open_index(directory);
    std::vector<std::string> keys;
    std::vector<Change> changes;
    for (int i = 0; i < 10'000; ++i) keys.push_back("key" + std::to_string(i) + "new");
    for (const std::string& key : keys) changes.push_back(put(key, "1"));
    EXPECT_THAT(index->apply(changes, stamp_at(1), stamp_at(2)), FailsWith(IndexErrc::kDamaged));
  }
  const auto opened = LmdbIndex::open_or_recreate({.directory = directory.index()});
  ASSERT_THAT(opened, Succeeds());
  EXPECT_TRUE(opened->thrown_away.has_value());
}

TEST(LmdbIndex, AVersionOfOursThatItDoesNotKnowIsNotBelieved) {
  const TestDirectory directory;
  make_index(directory);
  // The field is stored as "version" followed by its value.
  std::fstream file(directory.data_file(), std::ios::in | std::ios::out | std::ios::binary);
  std::string all(std::filesystem::file_size(directory.data_file()), '\0');
  file.read(all.data(), static_cast<std::streamsize>(all.size()));
  std::size_t found = 0;
  for (auto at = all.find("version2"); at != std::string::npos; at = all.find("version2", at + 1)) {
    file.seekp(static_cast<std::streamoff>(at + 7));
    file.put('3');
    ++found;
  }
  file.close();
  ASSERT_GE(found, 1U);
  const auto opened = LmdbIndex::open({.directory = directory.index()});
  ASSERT_THAT(opened, FailsWith(IndexErrc::kDamaged));
  EXPECT_THAT(opened.error().message(), HasSubstr("version"));
}

TEST(LmdbIndex, AFullDiskFailsTheCommitAndLeavesTheIndexUsable) {
  const TestDirectory directory;
  // In a child, since the limit on file sizes stands for a full disk and cannot be taken back.
  const pid_t pid = in_child([&] {
    const auto index = open_index(directory);
    const std::vector<Change> small{put("a", "1")};
    if (!index->apply(small, {}, stamp_at(1))) return 1;
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string large(4 << 20, 'x');
    const std::vector<Change> too_much{put("a", "2"), put("b", large)};
    const auto full = index->apply(too_much, stamp_at(1), stamp_at(2));
    if (full || !is(full.error(), IndexErrc::kFull)) return 2;
    const auto snapshot = index->snapshot().value();
    if (snapshot->stamp() != stamp_at(1) || snapshot->find("a").value() != "1") return 3;
    if (!index->apply(small, stamp_at(1), stamp_at(2))) return 4;
    return 0;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(open_index(directory)->snapshot().value()->stamp(), stamp_at(2));
}

TEST(LmdbIndex, AMapThatIsTooSmallIsFullAndGrowsWithTheNextStart) {
  const TestDirectory directory;
  const LmdbIndex::Options options{.directory = directory.index(), .map_bytes_min = 4 << 20};
  const std::string megabyte(1 << 20, 'x');
  int position = 0;
  Result<void> result;
  {
    const auto index = LmdbIndex::open(options).value();
    for (;; ++position) {
      ASSERT_LT(position, 8);
      const std::string key = "k" + std::to_string(position);
      const std::vector<Change> changes{put(key, megabyte)};
      const Stamp from = position == 0 ? Stamp{} : stamp_at(position);
      result = index->apply(changes, from, stamp_at(position + 1));
      if (!result) break;
    }
    ASSERT_THAT(result, FailsWith(IndexErrc::kFull));
    EXPECT_EQ(index->snapshot().value()->stamp(), stamp_at(position));
  }
  const auto index = LmdbIndex::open(options).value();
  const std::vector<Change> changes{put("more", megabyte)};
  EXPECT_THAT(index->apply(changes, stamp_at(position), stamp_at(100)), Succeeds());
}

TEST(LmdbIndex, StartsWithLittleAddressSpace) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more address space than this test leaves";
#endif
  const TestDirectory directory;
  const pid_t pid = in_child([&] {
    const rlimit limit{16ULL << 30, 16ULL << 30};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
    const auto index = LmdbIndex::open({.directory = directory.index()});
    if (!index) return 2;
    const std::vector<Change> changes{put("a", "1")};
    return (*index)->apply(changes, {}, stamp_at(1)) ? 0 : 3;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

/// Applies for ever: at position p, keys k0 to k199 all have the value p. Says each position that
/// is safe on `pipe`.
int apply_for_ever(const TestDirectory& directory, int pipe) {
  const auto index = open_index(directory);
  Stamp from = index->snapshot().value()->stamp();
  for (int position = from == Stamp{} ? 1 : std::stoi(from.position) + 1;; ++position) {
    const std::string value = std::to_string(position);
    std::vector<std::string> keys;
    for (int k = 0; k < 200; ++k) keys.push_back("k" + std::to_string(k));
    std::vector<Change> changes;
    for (const auto& key : keys) changes.push_back(put(key, value));
    if (!index->apply(changes, from, stamp_at(position))) return 1;
    from = stamp_at(position);
    if (::write(pipe, &position, sizeof position) != sizeof position) return 1;
  }
}

TEST(LmdbIndex, AKillInTheMiddleOfApplyingLeavesOneWholePosition) {
  const TestDirectory directory;
  int position = 0;
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = in_child([&] { return apply_for_ever(directory, ends[1]); });
    ::close(ends[1]);
    const int enough = position + 3 + round;
    while (position < enough) ASSERT_EQ(::read(ends[0], &position, sizeof position), 4);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    while (::read(ends[0], &position, sizeof position) > 0) continue;
    ::close(ends[0]);

    const auto index = open_index(directory);
    const auto snapshot = index->snapshot().value();
    const int found = std::stoi(snapshot->stamp().position);
    EXPECT_TRUE(found == position || found == position + 1) << found << " after " << position;
    const Contents all = contents(*snapshot);
    EXPECT_EQ(all.size(), 200U);
    for (const auto& [key, value] : all) EXPECT_EQ(value, snapshot->stamp().position) << key;
    position = found;
  }
}

}  // namespace
}  // namespace cairn::index
