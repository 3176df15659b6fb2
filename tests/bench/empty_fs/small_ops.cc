// Small operations of one client on a directory, per second: create 4 KiB, stat, open-read-close,
// fsync, rename, unlink. Each is repeated for some rounds; the median is printed.
//
//   small_ops DIR [FILES [ROUNDS]]
//
// "stat" asks for attributes that the kernel may not answer from its cache (AT_STATX_FORCE_SYNC),
// so that it is one request; "stat warm" is what programs see.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

void must(bool fine, const char* what) {
  if (fine) return;
  std::perror(what);
  std::exit(1);
}

class Bench {
 public:
  Bench(std::string dir, int files) : dir_(std::move(dir)), files_(files) {}

  void round() {
    const std::vector<char> page(4096, 'x');
    std::vector<char> into(4096);
    measure("create 4 KiB", [&](const std::string& path) {
      const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_EXCL, 0644);
      must(fd >= 0 && write(fd, page.data(), page.size()) == 4096, "create");
      close(fd);
    });
    measure("stat", [](const std::string& path) {
      struct statx stx{};
      must(statx(AT_FDCWD, path.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &stx) == 0,
           "statx");
    });
    measure("stat warm", [](const std::string& path) {
      struct stat st{};
      must(stat(path.c_str(), &st) == 0, "stat");
    });
    measure("open, read, close", [&](const std::string& path) {
      const int fd = open(path.c_str(), O_RDONLY);
      must(fd >= 0 && read(fd, into.data(), into.size()) == 4096, "read");
      close(fd);
    });
    const int fd = open(path(0).c_str(), O_WRONLY);
    measure("fsync", [fd](const std::string&) { must(fsync(fd) == 0, "fsync"); });
    close(fd);
    measure("rename", [](const std::string& path) {
      must(rename(path.c_str(), (path + ".renamed").c_str()) == 0, "rename");
    });
    measure("unlink", [](const std::string& path) {
      must(unlink((path + ".renamed").c_str()) == 0, "unlink");
    });
  }

  void print() {
    for (const std::string& name : order_) {
      auto& rates = rates_[name];
      std::sort(rates.begin(), rates.end());
      std::printf("%-20s %10.0f per s\n", name.c_str(), rates[rates.size() / 2]);
    }
  }

 private:
  [[nodiscard]] std::string path(int i) const { return dir_ + "/f" + std::to_string(i); }

  void measure(const std::string& name, const std::function<void(const std::string&)>& one) {
    std::vector<std::string> paths;
    for (int i = 0; i < files_; ++i) paths.push_back(path(i));
    const auto from = std::chrono::steady_clock::now();
    for (const std::string& each : paths) one(each);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    if (!rates_.contains(name)) order_.push_back(name);
    rates_[name].push_back(files_ / took.count());
  }

  std::string dir_;
  int files_;
  std::vector<std::string> order_;
  std::map<std::string, std::vector<double>> rates_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: small_ops DIR [FILES [ROUNDS]]\n");
    return 2;
  }
  Bench bench(argv[1], argc > 2 ? std::atoi(argv[2]) : 2000);
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  for (int i = 0; i < rounds; ++i) bench.round();
  bench.print();
  return 0;
}
