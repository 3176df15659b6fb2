// link, symlink, readlink: errors.
#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

const ErrorCase kLinkErrors[] = {
    {"File", 0,
     [] {
       make_file("file");
       return long{::link("file", "other")};
     }},
    {"Fifo", 0,
     [] {
       make_fifo("fifo");
       return long{::link("fifo", "other")};
     }},
    {"Socket", 0,
     [] {
       make_socket("socket");
       return long{::link("socket", "other")};
     }},
    {"SymlinkItself", 0,
     [] {
       make_symlink("missing", "link");
       return long{::link("link", "other")};
     }},
    {"Directory", EPERM,
     [] {
       make_dir("dir");
       return long{::link("dir", "other")};
     }},
    {"Missing", ENOENT, [] { return long{::link("missing", "other")}; }},
    {"OntoAFile", EEXIST,
     [] {
       make_file("file");
       make_file("other");
       return long{::link("file", "other")};
     }},
    {"OntoItself", EEXIST,
     [] {
       make_file("file");
       return long{::link("file", "file")};
     }},
    {"OntoADirectory", EEXIST,
     [] {
       make_file("file");
       make_dir("other");
       return long{::link("file", "other")};
     }},
    {"OntoADanglingSymlink", EEXIST,
     [] {
       make_file("file");
       make_symlink("missing", "other");
       return long{::link("file", "other")};
     }},
    {"MissingNewParent", ENOENT,
     [] {
       make_file("file");
       return long{::link("file", "no/other")};
     }},
    {"NewParentIsAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::link("file", "file/other")};
     }},
    {"NewNameOf256Bytes", ENAMETOOLONG,
     [] {
       make_file("file");
       return long{::link("file", std::string(256, 'f').c_str())};
     }},
    {"FromAnotherFilesystem", EXDEV, [] { return long{::link("/proc/version", "other")}; }},
    {"LinkatWithAnUnknownFlag", EINVAL,
     [] {
       make_file("file");
       return long{::linkat(AT_FDCWD, "file", AT_FDCWD, "other", 0x40000000)};
     }},
    {"LinkatFollowsOnRequest", 0,
     [] {
       make_file("file");
       make_symlink("file", "link");
       return long{::linkat(AT_FDCWD, "link", AT_FDCWD, "other", AT_SYMLINK_FOLLOW)};
     }},
    {"UnlinkedFileThroughItsDescriptor", ENOENT,
     [] {
       const Fd fd = new_file("file");
       ::unlink("file");
       const std::string path = "/proc/self/fd/" + std::to_string(fd);
       return long{::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "other", AT_SYMLINK_FOLLOW)};
     }},
};
CAIRN_ERRORS(LinkErrors, kLinkErrors);

const ErrorCase kSymlinkErrors[] = {
    {"AnyTarget", 0, [] { return long{::symlink("no such thing", "link")}; }},
    {"EmptyTarget", ENOENT, [] { return long{::symlink("", "link")}; }},
    {"OnAFile", EEXIST,
     [] {
       make_file("link");
       return long{::symlink("target", "link")};
     }},
    {"OnASymlink", EEXIST,
     [] {
       make_symlink("missing", "link");
       return long{::symlink("target", "link")};
     }},
    {"TargetOf4095Bytes", one_of(0, ENAMETOOLONG),  // ext4 ends at 4095 with its zero byte
     [] { return long{::symlink(std::string(4095, 't').c_str(), "link")}; }},
    {"TargetOf4000Bytes", 0,
     [] { return long{::symlink(std::string(4000, 't').c_str(), "link")}; }},
    {"TargetOf4096Bytes", ENAMETOOLONG,
     [] { return long{::symlink(std::string(4096, 't').c_str(), "link")}; }},
    {"NameOf256Bytes", ENAMETOOLONG,
     [] { return long{::symlink("target", std::string(256, 'l').c_str())}; }},
    {"MissingParent", ENOENT, [] { return long{::symlink("target", "no/link")}; }},
    {"BelowAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::symlink("target", "file/link")};
     }},
    {"ReadlinkOfAFile", EINVAL,
     [] {
       make_file("file");
       char buffer[8];
       return long{::readlink("file", buffer, sizeof buffer)};
     }},
    {"ReadlinkOfADirectory", EINVAL,
     [] {
       make_dir("dir");
       char buffer[8];
       return long{::readlink("dir", buffer, sizeof buffer)};
     }},
    {"ReadlinkOfNothing", ENOENT,
     [] {
       char buffer[8];
       return long{::readlink("missing", buffer, sizeof buffer)};
     }},
    {"ReadlinkIntoNoBytes", EINVAL,
     [] {
       make_symlink("target", "link");
       char buffer[8];
       return static_cast<long>(::readlinkat(AT_FDCWD, "link", buffer, 0));
     }},
    {"FortySymlinksInARow", 0,
     [] {
       make_file("0");
       for (int i = 1; i <= 40; ++i) make_symlink(std::to_string(i - 1), std::to_string(i));
       return long{::open("40", O_RDONLY)};
     }},
    {"FortyOneSymlinksInARow", ELOOP,
     [] {
       make_file("0");
       for (int i = 1; i <= 41; ++i) make_symlink(std::to_string(i - 1), std::to_string(i));
       return long{::open("41", O_RDONLY)};
     }},
};
CAIRN_ERRORS(SymlinkErrors, kSymlinkErrors);

}  // namespace
}  // namespace cairn::posix
