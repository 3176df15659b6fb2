#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "fsd/config/default_paths.h"
#include "fsd/config/load_settings.h"
#include "fsd/config/nearest_name.h"

namespace cairn::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Environment environment(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

Result<Settings> parse(const std::string& text, std::map<std::string, std::string> variables = {}) {
  return parse_settings(text, "cairn.toml", environment(std::move(variables)));
}
std::string failure_of(const std::string& text, std::map<std::string, std::string> variables = {}) {
  const auto settings = parse(text, std::move(variables));
  return settings ? "no error" : settings.error().message();
}
template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "no error" : result.error().message();
}

Settings usable() {
  Settings settings;
  settings.storage.url = StorageUrl();
  return settings;
}

TEST(Settings, AnEmptyFileIsTheDefaults) {
  const auto settings = parse("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(*settings, Settings());
}

TEST(Settings, EveryKeyOfTheDesignIsRead) {
  const auto settings = parse(R"(
[storage]
url = "s3://bucket/some/prefix"
encryption_password = "${CAIRN_PASSWORD}"
soft_timeout_s = 30
storage_class = "STANDARD_IA"
sse = "aws:kms"
kms_key_id = "key"
[aws]
endpoint = "http://127.0.0.1:7480"
region = "us-east-1"
access_key_id = "access"
secret_access_key = "secret"
session_token = "token"
profile = "work"
allow_http = true
path_style = false
ca_file = "/etc/ca.pem"
proxy = "http://proxy"
connections_max = 16
connect_timeout_s = 3
stall_timeout_s = 9
[cache]
dir = "/var/cache/cairn/"
disk_size_gb = 10
memory_size_gb = 0.25
[filesystem]
compression = "zstd-9"
max_size_gb = 1.5
commit_interval_ms = 250
durability = "local"
shutdown_timeout_s = 11
[servers.fuse]
mountpoint = "/mnt/cairn"
allow_other = false
io_uring = "off"
readers = 6
[[servers.ninep]]
addresses = ["127.0.0.1:5564", "[::1]:5564"]
[[servers.ninep]]
unix_socket = "/run/cairn/9p.sock"
unix_socket_mode = "0600"
unix_socket_uid = 5
unix_socket_gid = 6
allow = ["10.0.0.0/8"]
trusted_uids = [1000, 1001]
read_only = true
squash = "root"
squash_uid = 99
squash_gid = 98
uid_map = "0:100000:65536, 70000:7:1"
gid_map = "0:100000:65536"
lookup_groups = false
[servers.webui]
addresses = ["localhost:8080"]
uid = 0
gid = 7
guest_root = false
password = "$$${WEB}$"
hosts = ["cairn.example.org", "[fd00::7]:8443"]
origins = ["https://other.example.org"]
page_dir = "/srv/page/"
vm_dir = "/srv/vm"
)",
                              {{"CAIRN_PASSWORD", "open ${NOT} again"}, {"WEB", "x"}});
  ASSERT_TRUE(settings) << message_of(settings);
  EXPECT_EQ(settings->storage.url->text(), "s3://bucket/some/prefix");
  EXPECT_EQ(settings->storage.encryption_password->reveal(), "open ${NOT} again");
  EXPECT_EQ(settings->storage.soft_timeout, seconds(30));
  EXPECT_EQ(settings->storage.sse, ServerSideEncryption::kKms);
  EXPECT_EQ(settings->aws.secret_access_key->reveal(), "secret");
  EXPECT_EQ(settings->aws.session_token->reveal(), "token");
  EXPECT_EQ(settings->aws.path_style, false);
  EXPECT_EQ(settings->aws.connections_max, 16U);
  EXPECT_EQ(settings->aws.stall_timeout, seconds(9));
  EXPECT_EQ(settings->cache.dir, "/var/cache/cairn");
  EXPECT_EQ(settings->cache.disk_bytes_max, 10'000'000'000U);
  EXPECT_EQ(settings->cache.memory_bytes_max, 250'000'000U);
  EXPECT_EQ(settings->filesystem.compression,
            (Compression{.kind = CompressionKind::kZstd, .level = 9}));
  EXPECT_EQ(settings->filesystem.size_bytes_max, 1'500'000'000U);
  EXPECT_EQ(settings->filesystem.commit_interval, milliseconds(250));
  EXPECT_EQ(settings->filesystem.durability, Durability::kLocal);
  EXPECT_EQ(settings->fuse->io_uring, IoUring::kOff);
  EXPECT_EQ(settings->fuse->allow_other, false);
  ASSERT_EQ(settings->ninep.size(), 2U);
  EXPECT_EQ(settings->ninep[0].addresses[1], (ListenAddress{.host = "::1", .port = 5564}));
  EXPECT_EQ(settings->ninep[1].unix_socket, "/run/cairn/9p.sock");
  EXPECT_EQ(settings->ninep[0].unix_socket_mode.bits, 0666U);
  EXPECT_EQ(settings->ninep[1].unix_socket_mode.bits, 0600U);
  EXPECT_EQ(settings->ninep[1].unix_socket_uid, 5U);
  EXPECT_EQ(settings->ninep[1].unix_socket_gid, 6U);
  EXPECT_FALSE(settings->ninep[0].unix_socket_uid);
  EXPECT_EQ(settings->ninep[1].trusted_uids, (std::vector<std::uint32_t>{1000, 1001}));
  EXPECT_TRUE(settings->ninep[1].read_only);
  EXPECT_EQ(settings->ninep[1].squash, Squash::kRoot);
  EXPECT_EQ(settings->ninep[1].squash_uid, 99U);
  EXPECT_EQ(settings->ninep[1].squash_gid, 98U);
  EXPECT_EQ(settings->ninep[1].uid_map,
            (std::vector<IdRange>{{.client = 0, .server = 100'000, .count = 65536},
                                  {.client = 70'000, .server = 7, .count = 1}}));
  EXPECT_EQ(settings->ninep[1].gid_map.size(), 1U);
  EXPECT_FALSE(settings->ninep[1].lookup_groups);
  EXPECT_EQ(settings->web->uid, 0U);
  EXPECT_EQ(settings->web->guest_root, false);
  EXPECT_EQ(settings->web->hosts[1], "[fd00::7]:8443");
  EXPECT_EQ(settings->web->origins[0], "https://other.example.org");
  EXPECT_EQ(settings->web->page_dir, "/srv/page");
  EXPECT_EQ(settings->web->vm_dir, "/srv/vm");
  EXPECT_EQ(settings->web->password->reveal(), "$x$");
}

TEST(Settings, OneNinepTableIsAsGoodAsSeveral) {
  const auto settings = parse("[servers.ninep]\naddresses = [\"127.0.0.1:1\"]\n");
  ASSERT_TRUE(settings) << message_of(settings);
  EXPECT_EQ(settings->ninep.size(), 1U);
}

TEST(Settings, AnErrorNamesLineKeyAndWhatWasMeant) {
  struct Case {
    const char* text;
    std::vector<const char*> says;
  };
  const std::vector<Case> cases = {
      {"\n[storage]\nulr = \"memory:\"", {"cairn.toml:3:", "storage.ulr", "did you mean \"url\""}},
      {"[cache]\nmemory_size = 1", {"cairn.toml:2:", "did you mean \"memory_size_gb\""}},
      {"[storage]\nregion = \"x\"", {"storage.region", "belongs in [aws]"}},
      {"region = \"x\"", {"cairn.toml:1:", "belongs in [aws]"}},
      {"[cache]\nxyzzy = 1", {"cache.xyzzy", "known there: dir, disk_size_gb, memory_size_gb"}},
      {"[cahce]\n", {"cairn.toml:1:", "cahce", "did you mean [cache]"}},
      {"[servers.nfs]\n", {"servers.nfs"}},
      {"[servers.webuii]\n", {"servers.webuii", "did you mean [servers.webui]"}},
      {"storage = 1", {"storage: expected a table"}},
      {"[storage]\nurl = 5", {"cairn.toml:2:", "storage.url", "expected a text in quotes"}},
      {"[storage]\nurl = \"s4://x\"", {"storage.url", "s3://bucket/prefix"}},
      {"[storage]\nsse = \"aes\"", {"storage.sse", "\"AES256\", \"aws:kms\""}},
      {"[storage]\nsoft_timeout_s = 0", {"soft_timeout_s", "from 1 to 31536000"}},
      {"[aws]\nallow_http = \"yes\"", {"aws.allow_http", "expected true or false"}},
      {"[aws]\nconnections_max = 0", {"aws.connections_max", "whole number from 1 to 1024"}},
      {"[aws]\nconnections_max = 1.5", {"aws.connections_max", "whole number"}},
      {"[cache]\ndir = \"cache\"", {"cache.dir", "absolute path"}},
      {"[cache]\ndisk_size_gb = -1", {"cache.disk_size_gb", "expected a number from 0.1"}},
      {"[cache]\ndisk_size_gb = nan", {"cache.disk_size_gb", "expected a number"}},
      {"[cache]\ndisk_size_gb = \"1\"", {"cache.disk_size_gb", "expected a number"}},
      {"[filesystem]\ncompression = \"zstd-20\"", {"compression", "\"zstd-1\" to \"zstd-19\""}},
      {"[filesystem]\ncommit_interval_ms = 1", {"commit_interval_ms", "from 10 to 600000"}},
      {"[filesystem]\ndurability = \"none\"", {"durability", "\"bucket\", \"local\""}},
      {"[servers.fuse]\nreaders = 65", {"servers.fuse.readers", "from 1 to 64"}},
      {"[servers.ninep]\naddresses = \"x\"", {"servers.ninep.addresses", "expected a list"}},
      {"[servers.ninep]\naddresses = [\"5564\"]", {"servers.ninep.addresses", "127.0.0.1:5564"}},
      {"[servers.ninep]\nallow = [\"10.0.0.0/33\"]", {"servers.ninep.allow", "networks"}},
      {"[servers.ninep]\nunix_socket_mode = \"rw\"", {"unix_socket_mode", "octal"}},
      {"[servers.ninep]\nunix_socket_mode = \"1777\"", {"unix_socket_mode", "octal"}},
      {"[servers.ninep]\ntrusted_uids = 5", {"trusted_uids", "list of whole numbers"}},
      {"[servers.ninep]\ntrusted_uids = [-1]", {"trusted_uids", "list of whole numbers"}},
      {"[servers.ninep]\ntrusted_uids = [\"a\"]", {"trusted_uids", "list of whole numbers"}},
      {"[servers.ninep]\nuid_map = \"0:1\"", {"uid_map", "CLIENT:SERVER:COUNT"}},
      {"[servers.ninep]\nuid_map = \"0:1:0\"", {"uid_map", "CLIENT:SERVER:COUNT"}},
      {"[servers.ninep]\nuid_map = \"0:4294967290:10\"", {"uid_map", "CLIENT:SERVER:COUNT"}},
      {"[servers.ninep]\nuid_map = \"0:1:1;\"", {"uid_map", "CLIENT:SERVER:COUNT"}},
      {"[servers.ninep]\nsquash = \"some\"", {"squash", "\"root\""}},
      {"[servers.webui]\nuid = -1", {"servers.webui.uid", "from 0"}},
      {"[storage]\n[storage]", {"cairn.toml:2:", "not TOML"}},
      {"[aws]\nprofile = \"${HOME\"", {"aws.profile", "variable's name"}},
      {"[aws]\nprofile = \"${1X}\"", {"aws.profile", "variable's name"}},
      {"[aws]\nprofile = \"${NOT_SET}\"", {"cairn.toml:2:", "NOT_SET is not set"}},
      {"[servers.webui]\npassword = \"\"", {"servers.webui.password", "is empty"}},
      {"[servers.webui]\nhosts = [\"https://x\"]", {"servers.webui.hosts", "expected names"}},
      {"[servers.webui]\nhosts = [\"x:y\"]", {"servers.webui.hosts", "expected names"}},
      {"[servers.webui]\nhosts = [\"[::1\"]", {"servers.webui.hosts", "expected names"}},
      {"[servers.webui]\nhosts = [\"\"]", {"servers.webui.hosts", "expected names"}},
      {"[servers.webui]\norigins = [\"x\"]", {"servers.webui.origins", "expected origins"}},
      {"[servers.webui]\norigins = [\"http://x/y\"]", {"servers.webui.origins", "expected"}},
      {"[servers.webui]\nvm_dir = \"x\"", {"servers.webui.vm_dir", "absolute path"}},
  };
  for (const auto& [text, says] : cases) {
    for (const char* part : says) EXPECT_THAT(failure_of(text), HasSubstr(part)) << text;
  }
}

TEST(Settings, AnEmptyPasswordFromTheEnvironmentIsNoPasswordByMistake) {
  EXPECT_THAT(failure_of("[storage]\nencryption_password = \"${P}\"", {{"P", ""}}),
              HasSubstr("is empty"));
}

TEST(Settings, NoSecretIsEverInAnError) {
  const std::string secret = "hunter2";
  for (const char* text : {
           "[aws]\nsecret_access_key = hunter2",
           "[aws]\nsecret_access_key = \"hunter2",
           "[aws]\nsecret_access_key = 'hunter2\" x",
           "[aws]\nsecret_access_key = [\"hunter2\"]",
           "[aws]\nsecret_access_key = \"hunter2\"\nsecret_access_key = \"hunter2\"",
           "[aws]\nconnections_max = \"${S}\"",
           "[storage]\nurl = \"${S}\"",
           "[storage]\nurl = \"s3://access:hunter2@bucket/prefix\"",
           "[storage]\nsse = \"${S}\"",
           "[filesystem]\ncompression = \"${S}\"",
           "[cache]\ndir = \"${S}\"",
           "[servers.webui]\naddresses = [\"${S}\"]",
           "[servers.ninep]\nallow = [\"${S}\"]",
       }) {
    const std::string message = failure_of(text, {{"S", secret}});
    EXPECT_THAT(message, AllOf(Not(HasSubstr(secret)), HasSubstr("cairn.toml:"))) << text;
  }
}

TEST(Settings, SaysThatEverybodyCanReadItsSecrets) {
  const std::string path = ::testing::TempDir() + "cairn-settings-test.toml";
  const auto load = [&](const std::string& text, mode_t mode) {
    std::ofstream(path, std::ios::trunc) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    const auto settings = load_settings(path, [](const std::string& name) {
      return name == "PASSWORD" ? std::optional<std::string>("hunter2") : std::nullopt;
    });
    EXPECT_TRUE(settings) << message_of(settings);
    return settings && settings->secrets_are_open;
  };
  const std::string plain = "[storage]\nencryption_password = \"hunter2\"\n";
  EXPECT_TRUE(load(plain, 0644));
  EXPECT_FALSE(load(plain, 0640)) << "a group of its own may read it";
  EXPECT_FALSE(load("[storage]\nencryption_password = \"${PASSWORD}\"\n", 0644));
  EXPECT_FALSE(load("[storage]\nurl = \"memory:\"\n", 0644));
  ::unlink(path.c_str());
}

TEST(Settings, ADumpHidesSecretsAndReadsBackWithoutThem) {
  Settings settings = usable();
  settings.storage.url = *parse_storage_url("s3://bucket/prefix");
  settings.storage.encryption_password.emplace("hunter2");
  settings.aws.secret_access_key.emplace("hunter2");
  settings.aws.proxy.emplace("http://me:hunter2@proxy");
  settings.aws.region = "a \"quoted\" \\ name\n";
  settings.fuse.emplace().mountpoint = "/mnt/cairn";
  settings.ninep.resize(2);
  settings.ninep[0].addresses = {{.host = "::1", .port = 1}};
  settings.ninep[1].unix_socket = "/run/9p";
  settings.ninep[1].unix_socket_mode = {0640};
  settings.ninep[1].unix_socket_gid = 7;
  settings.ninep[1].trusted_uids = {7, 8};
  settings.ninep[1].squash = Squash::kAll;
  settings.ninep[1].uid_map = {{.client = 1, .server = 2, .count = 3}};
  settings.web.emplace().password.emplace("hunter2");
  const std::string dump = dump_settings(settings);
  EXPECT_THAT(dump, Not(HasSubstr("hunter2")));
  auto again = parse(dump);
  ASSERT_TRUE(again) << message_of(again) << dump;
  const Secret hidden("(hidden)");
  settings.storage.encryption_password = hidden;
  settings.aws.secret_access_key = hidden;
  settings.aws.proxy = hidden;
  settings.web->password = hidden;
  EXPECT_EQ(*again, settings);
}

TEST(DefaultSettings, WhatInitWritesParsesAndEqualsTheDefaults) {
  auto settings = parse(std::string(default_settings_toml()));
  ASSERT_TRUE(settings) << message_of(settings);
  EXPECT_TRUE(validate_settings(*settings)) << message_of(validate_settings(*settings));
  EXPECT_EQ(settings->storage.url->text(), "file:///var/lib/cairn");
  settings->storage.url.reset();
  ASSERT_TRUE(settings->fuse);
  EXPECT_EQ(settings->fuse->mountpoint, "/mnt/cairn");
  settings->fuse.reset();
  EXPECT_EQ(*settings, Settings());
}

std::string with_comments_taken_away() {
  static const std::regex commented("# ([a-z0-9_]+ = .*|\\[.*\\])");
  std::istringstream lines{std::string(default_settings_toml())};
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    out += (std::regex_match(line, match, commented) ? match[1].str() : line) + '\n';
  }
  return out;
}

TEST(DefaultSettings, WhatIsCommentedOutInItShowsTheDefaultsAndEveryKey) {
  const std::string all = with_comments_taken_away();
  auto settings = parse(all, {{"CAIRN_PASSWORD", "p"},
                              {"CAIRN_ACCESS_KEY_ID", "a"},
                              {"CAIRN_SECRET_ACCESS_KEY", "s"},
                              {"CAIRN_SESSION_TOKEN", "t"},
                              {"CAIRN_WEB_PASSWORD", "w"}});
  ASSERT_TRUE(settings) << message_of(settings) << all;
  // Every key is set, so the dump of it has all that the schema knows.
  std::istringstream lines(dump_settings(*settings));
  for (std::string line; std::getline(lines, line);) {
    const std::string key = line.substr(0, line.find('='));
    EXPECT_THAT(all, HasSubstr("\n" + key)) << key;
  }
  EXPECT_EQ(settings->aws.connections_max, AwsSettings().connections_max);
  EXPECT_EQ(settings->aws.connect_timeout, AwsSettings().connect_timeout);
  EXPECT_EQ(settings->aws.stall_timeout, AwsSettings().stall_timeout);
  EXPECT_EQ(settings->aws.allow_http, AwsSettings().allow_http);
  settings->cache.dir.clear();
  EXPECT_EQ(settings->cache, CacheSettings());
  EXPECT_EQ(settings->filesystem, FilesystemSettings());
  ASSERT_TRUE(settings->fuse);
  EXPECT_EQ(settings->fuse->readers, FuseSettings().readers);
  EXPECT_EQ(settings->fuse->io_uring, FuseSettings().io_uring);
  EXPECT_EQ(settings->web->gid, WebSettings().gid);
  EXPECT_EQ(settings->web->resume_grace, WebSettings().resume_grace);
}

TEST(StorageUrl, Parses) {
  EXPECT_EQ(parse_storage_url("memory:")->kind, StorageUrl::Kind::kMemory);
  EXPECT_EQ(parse_storage_url("s3://bucket")->prefix, "");
  EXPECT_EQ(parse_storage_url("s3://bucket/")->prefix, "");
  EXPECT_EQ(parse_storage_url("s3://my-bucket.1/a/b/")->prefix, "a/b");
  EXPECT_EQ(parse_storage_url("s3://my-bucket.1/a/b/")->bucket, "my-bucket.1");
  EXPECT_EQ(parse_storage_url("file:///some/./dir/")->directory, "/some/dir");
  for (const char* text : {"memory:", "s3://bucket", "s3://bucket/a/b", "file:///some/dir"}) {
    EXPECT_EQ(parse_storage_url(text)->text(), text);
  }
}

TEST(StorageUrl, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* says;
  };
  for (const auto& [text, says] : std::vector<Case>{
           {"", "empty"},
           {"bucket/prefix", "expected a storage URL: s3://"},
           {"s3:bucket", "expected a storage URL: s3://"},
           {"s3://", "no bucket"},
           {"s3:///prefix", "no bucket"},
           {"s3://ab", "3 to 63"},
           {"s3://key:secret@bucket", "no credentials"},
           {"s3://bucket/a//b", "empty"},
           {"s3://bucket/../b", "empty, . or .."},
           {"s3://bucket/a b", "character"},
           {"file://relative/dir", "three slashes"},
           {"file:/dir", "three slashes"},
           {"file:///", "root directory"},
           {"gs://bucket", "aws.endpoint"},
           {"https://s3.example.org/bucket", "aws.endpoint"},
       }) {
    EXPECT_THAT(message_of(parse_storage_url(text)), HasSubstr(says)) << text;
  }
}

TEST(Flags, StandOverTheFile) {
  auto settings = parse(
      "[storage]\nurl = \"memory:\"\n[servers.ninep]\naddresses = [\"127.0.0.1:1\"]\n"
      "[servers.webui]\naddresses = [\"127.0.0.1:2\"]\nuid = 5\n");
  ASSERT_TRUE(settings);
  const Flags flags{.storage = "file:///store",
                    .mount = "mnt/./x/",
                    .ninep = {"127.0.0.1:3", "/run/9p.sock"},
                    .web = {"127.0.0.1:4", "[::1]:5"},
                    .cache_dir = "/cache",
                    .snapshot = "monday",
                    .name = "work"};
  ASSERT_TRUE(apply_flags(*settings, flags, "/home/me"));
  EXPECT_EQ(settings->storage.url->directory, "/store");
  EXPECT_EQ(settings->fuse->mountpoint, "/home/me/mnt/x");
  ASSERT_EQ(settings->ninep.size(), 2U);
  EXPECT_EQ(settings->ninep[0].addresses[0].port, 3);
  EXPECT_EQ(settings->ninep[1].unix_socket, "/run/9p.sock");
  ASSERT_EQ(settings->web->addresses.size(), 2U);
  EXPECT_EQ(settings->web->addresses[0].port, 4);
  EXPECT_EQ(settings->web->uid, 5U);
  EXPECT_EQ(settings->cache.dir, "/cache");
  EXPECT_TRUE(settings->read_only);
  EXPECT_EQ(settings->name, "work");
  EXPECT_TRUE(validate_settings(*settings));
}

TEST(Flags, NoneOfThemChangesNothing) {
  Settings settings = usable();
  ASSERT_TRUE(apply_flags(settings, {}, "/"));
  EXPECT_EQ(settings, usable());
}

TEST(Flags, ABadOneIsASentence) {
  Settings settings;
  EXPECT_THAT(message_of(apply_flags(settings, {.storage = "x"}, "/")),
              HasSubstr("--storage: expected a storage URL"));
  EXPECT_THAT(message_of(apply_flags(settings, {.mount = ""}, "/")),
              HasSubstr("--mount: is empty"));
  EXPECT_THAT(message_of(apply_flags(settings, {.ninep = {"x"}}, "/")),
              AllOf(HasSubstr("--ninep: "), HasSubstr("localhost:5564")));
}

TEST(Validation, ChecksWhatNoSingleKeyShows) {
  struct Case {
    const char* text;
    const char* says;
  };
  for (const auto& [text, says] : std::vector<Case>{
           {"[cache]", "no storage is given"},
           {"[storage]\nurl = \"memory:\"\nkms_key_id = \"k\"", "needs storage.sse"},
           {"[storage]\nurl = \"memory:\"\n[aws]\naccess_key_id = \"a\"", "together"},
           {"[storage]\nurl = \"memory:\"\n[aws]\nsession_token = \"a\"", "needs"},
           {"[storage]\nurl = \"memory:\"\n[aws]\naccess_key_id = \"a\"\nsecret_access_key = "
            "\"s\"\n"
            "profile = \"p\"",
            "exclude"},
           {"[storage]\nurl = \"memory:\"\n[aws]\nendpoint = \"http://x\"", "allow_http"},
           {"[storage]\nurl = \"memory:\"\n[aws]\nendpoint = \"x\"", "https://"},
           {"[storage]\nurl = \"memory:\"\n[aws]\nendpoint = \"https://a:b@x\"", "no credentials"},
           {"[storage]\nurl = \"memory:\"\n[servers.fuse]", "needs a mountpoint"},
           {"[storage]\nurl = \"memory:\"\n[servers.ninep]", "needs addresses or a unix_socket"},
           {"[storage]\nurl = \"memory:\"\n[servers.webui]", "needs addresses"},
           {"[storage]\nurl = \"memory:\"\n[servers.webui]\naddresses = [\"0.0.0.0:1\"]",
            "password is required"},
           {"[storage]\nurl = \"memory:\"\n[servers.webui]\n"
            "addresses = [\"127.0.0.1:1\", \"[::]:1\"]",
            "password is required"},
           {"[storage]\nurl = \"memory:\"\n[servers.ninep]\naddresses = [\"10.0.0.1:1\"]", "allow"},
           {"[storage]\nurl = \"memory:\"\n[cache]\ndir = \"/mnt/a/cache\"\n"
            "[servers.fuse]\nmountpoint = \"/mnt/a\"",
            "below the mountpoint"},
           {"[storage]\nurl = \"memory:\"\n[cache]\ndir = \"/mnt/b/../a/\"\n"
            "[servers.fuse]\nmountpoint = \"/mnt/a\"",
            "below the mountpoint"},
           {"[storage]\nurl = \"file:///mnt/a/store\"\n[servers.fuse]\nmountpoint = \"/mnt/a\"",
            "within each other"},
           {"[storage]\nurl = \"file:///mnt\"\n[servers.fuse]\nmountpoint = \"/mnt/a\"",
            "within each other"},
           {"[storage]\nurl = \"file:///store\"\n[cache]\ndir = \"/store/cache\"",
            "within each other"},
       }) {
    const auto settings = parse(text);
    ASSERT_TRUE(settings) << message_of(settings);
    EXPECT_THAT(message_of(validate_settings(*settings)), HasSubstr(says)) << text;
  }
}

TEST(Validation, AcceptsWhatIsNextToTheForbidden) {
  for (const char* text : {
           "[cache]\ndir = \"/mnt/ab\"\n[servers.fuse]\nmountpoint = \"/mnt/a\"",
           "[servers.webui]\naddresses = [\"0.0.0.0:1\"]\npassword = \"p\"",
           "[servers.ninep]\naddresses = [\"0.0.0.0:1\"]\nallow = [\"10.0.0.0/8\"]",
           "[servers.ninep]\naddresses = [\"127.5.5.5:1\", \"[::1]:1\", \"localhost:1\"]",
           "[aws]\nendpoint = \"http://127.0.0.1:7480\"\nallow_http = true",
       }) {
    auto settings = parse(text);
    ASSERT_TRUE(settings) << message_of(settings);
    settings->storage.url = StorageUrl();
    EXPECT_EQ(message_of(validate_settings(*settings)), "no error") << text;
  }
}

TEST(Validation, ADaemonsNameIsAFilesName) {
  for (const char* name : {"", ".", "-x", "a/b", "a b", "\xc3\xa4"})
    EXPECT_FALSE(is_daemon_name(name));
  for (const char* name : {"cairn", "a.b", "A-1_"}) EXPECT_TRUE(is_daemon_name(name));
  EXPECT_FALSE(is_daemon_name(std::string(65, 'a')));
}

TEST(DefaultPaths, FollowUserAndEnvironment) {
  const Environment none = environment({});
  const Environment home = environment({{"HOME", "/home/me"}});
  const Environment xdg = environment(
      {{"HOME", "/home/me"}, {"XDG_CACHE_HOME", "/c"}, {"XDG_RUNTIME_DIR", "/run/user/5"}});
  EXPECT_EQ(*default_cache_dir(0, xdg, "n"), "/var/cache/cairn/n");
  EXPECT_EQ(*default_cache_dir(5, home, "n"), "/home/me/.cache/cairn/n");
  EXPECT_EQ(*default_cache_dir(5, xdg, "n"), "/c/cairn/n");
  EXPECT_THAT(message_of(default_cache_dir(5, none, "n")), HasSubstr("--cache-dir"));
  EXPECT_EQ(default_control_socket(0, xdg, "n"), "/run/cairn/n.sock");
  EXPECT_EQ(default_control_socket(5, xdg, "n"), "/run/user/5/cairn/n.sock");
  EXPECT_EQ(default_control_socket(5, home, "n"), "/tmp/cairn-5/n.sock");
  EXPECT_EQ(*default_cache_dir(5, environment({{"HOME", "/h"}, {"XDG_CACHE_HOME", "rel"}}), "n"),
            "/h/.cache/cairn/n");
}

TEST(LoadSettings, AFileThatIsMissingOrTooLargeIsASentence) {
  EXPECT_THAT(message_of(load_settings("/nonexistent/cairn.toml", environment({}))),
              AllOf(HasSubstr("/nonexistent/cairn.toml"), HasSubstr("No such file")));
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cairn-config-" + std::to_string(::getpid()));
  std::ofstream(path) << "[storage]\nurl = \"memory:\"\n";
  EXPECT_EQ(message_of(load_settings(path, environment({}))), "no error");
  std::ofstream(path, std::ios::app) << '#' << std::string(1 << 20, 'x');
  EXPECT_THAT(message_of(load_settings(path, environment({}))), HasSubstr("larger than 1 MiB"));
  std::filesystem::remove(path);
  EXPECT_THAT(message_of(load_settings("/", environment({}))), HasSubstr("cannot be read"));
}

TEST(NearestName, FindsTyposAndNothingElse) {
  const std::vector<std::string> names = {"url", "region", "disk_size_gb"};
  EXPECT_EQ(edit_distance("ulr", "url"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(nearest_name("ulr", names), "url");
  EXPECT_EQ(nearest_name("regoin", names), "region");
  EXPECT_EQ(nearest_name("disk_size", names), "disk_size_gb");
  EXPECT_EQ(nearest_name("something_else", names), std::nullopt);
}

}  // namespace
}  // namespace cairn::config
