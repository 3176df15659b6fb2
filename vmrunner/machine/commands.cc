#include "vmrunner/machine/commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "fsd/base/log.h"
#include "vmrunner/machine/host_ports.h"
#include "vmrunner/machine/machine.h"

namespace cairn::vm {
namespace {

/// The status of `postgres` when its server has ended.
constexpr int kServerEnded = 3;

struct Arguments {
  RunOptions run;
  std::string accelerator = "auto", command, token_file, user, data;
  std::vector<std::string> forwards, environment;
  std::string server = "postgres";
  std::vector<std::uint16_t> server_ports;
  unsigned wait_s = 0;
};

int give_up(const Error& error) {
  say(error.message());
  return kRunnerFailed;
}

Result<RunOptions> complete(const Arguments& arguments) {
  RunOptions options = arguments.run;
  TRY(const auto url, SocketUrl::parse(options.url));
  options.url = url.text();
  if (!arguments.token_file.empty()) {
    TRY(options.token, read_token(arguments.token_file));
  }
  for (const std::string& text : arguments.forwards) {
    TRY(auto forward, parse_forward(text));
    const bool any = forward.host == 0;
    TRY(forward.host, find_free_port(forward.host));
    if (any) {
      say("port " + std::to_string(forward.host) + " is the machine's " +
          std::to_string(forward.guest));
    }
    options.forwards.push_back(forward);
  }
  for (const std::string& text : arguments.environment) {
    TRY(auto variable, parse_variable(text));
    options.environment.push_back(std::move(variable));
  }
  if (arguments.accelerator == "kvm") options.accelerator = Accelerator::kKvm;
  if (arguments.accelerator == "tcg") options.accelerator = Accelerator::kTcg;
  options.sessions = SessionRecords::default_directory();
  options.as_root = arguments.user.empty() ? geteuid() == 0 : arguments.user == "root";
  return options;
}

int run(const RunOptions& options) {
  const auto image = GuestImage::open(options.image);
  if (!image) return give_up(image.error());
  const auto qemu = find_qemu();
  if (!qemu) return give_up(qemu.error());
  Machine machine(options, *image, *qemu);
  const auto status = machine.run();
  return status ? *status : give_up(status.error());
}

int run(const Arguments& arguments, bool has_command) {
  auto options = complete(arguments);
  if (!options) return give_up(options.error());
  if (has_command) options->command = arguments.command;
  return run(*options);
}

/// Ports of the server's that nobody has named are the same on this machine.
Result<RunOptions> postgres_options(const Arguments& arguments) {
  TRY(RunOptions options, complete(arguments));
  TRY(const GuestImage image, GuestImage::open(options.image));
  const std::string& name = arguments.server;
  const auto server = image.servers().find(name);
  if (server == image.servers().end()) {
    return Error(std::error_code(ENOENT, std::generic_category()),
                 "no such server is in the guest's image; vmrunner/guest/postgres.sh adds one",
                 name);
  }
  const bool ours = name == "postgres";
  std::string connections;
  for (std::size_t i = 0; i < server->second.size(); ++i) {
    const std::uint16_t guest = server->second[i];
    const auto& named = arguments.server_ports;
    TRY(const std::uint16_t host, find_free_port(i < named.size() ? named[i] : guest));
    options.forwards.push_back({.host = host, .guest = guest});
    connections += "postgresql://postgres@127.0.0.1:" + std::to_string(host) + "/postgres\n";
  }
  options.as_root = false;
  options.environment.emplace_back("PGHOME", "/mnt/" + name);
  const std::string data = ours ? "/mnt/pgdata" : "/mnt/" + name + "-data";
  options.environment.emplace_back("PGDATA", arguments.data.empty() ? data : arguments.data);
  options.environment.emplace_back("CAIRN_CONNECTIONS", connections);
  // A machine that died keeps its lock until its session is over.
  options.command =
      "n=0; while [ $n -lt " + std::to_string(arguments.wait_s) +
      " ] && [ \"$(pg status)\" = elsewhere ]; do [ $n != 0 ] || "
      "echo 'pg: another machine has the cluster; waiting for it' >&2; n=$((n+1)); sleep 1; done; "
      "pg start >&2 || exit 1; printf %s \"$CAIRN_CONNECTIONS\"; "
      "while pg status >/dev/null; do sleep 2; done; exit " +
      std::to_string(kServerEnded);
  return options;
}

/// Up to the signal that ends it, or the end of the database.
int postgres(const Arguments& arguments) {
  const auto options = postgres_options(arguments);
  if (!options) return give_up(options.error());
  const int status = run(*options);
  if (status == kServerEnded) {
    say("the server has ended by itself; the end of its log says why (logfile, in the "
        "directory of the cluster)");
  }
  return status;
}

int image_info(const std::string& directory) {
  const auto image = GuestImage::open(directory);
  if (!image) return give_up(image.error());
  std::printf("%s: a machine of %u MiB\n", image->directory().c_str(), image->memory_mib());
  for (const auto& [name, file] : image->files()) {
    std::printf("%12llu  %s\n", static_cast<unsigned long long>(file.size), name.c_str());
  }
  for (const auto& [name, ports] : image->servers()) {
    std::string list;
    for (const std::uint16_t port : ports) list += " " + std::to_string(port);
    std::printf("cairn-vm postgres --server %s: ports%s\n", name.c_str(), list.c_str());
  }
  for (const auto& [name, version] : image->packages()) {
    std::printf("  %s %s\n", name.c_str(), version.c_str());
  }
  return 0;
}

int image_verify(const std::string& directory) {
  const auto image = GuestImage::open(directory);
  if (!image) return give_up(image.error());
  if (const auto verified = image->verify(); !verified) return give_up(verified.error());
  std::printf("%s: all %zu files are as the manifest says\n", image->directory().c_str(),
              image->files().size());
  return 0;
}

/// By the recipe of the source tree that the program was built in; there is none where it was
/// installed.
int image_build(const std::vector<std::string>& arguments) {
  std::error_code failed;
  const auto bin = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
  const auto recipe = (bin / "../../../vmrunner/guest/build.sh").lexically_normal();
  std::vector<std::string> words = {recipe.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(pointers[0], pointers.data());
  return give_up(system_error(
      errno, "an image is built in the source tree, by vmrunner/guest/build.sh", recipe.string()));
}

void add_machine_options(CLI::App& app, Arguments& arguments) {
  RunOptions& run = arguments.run;
  app.add_option("--url", run.url, "the daemon's WebSocket (default " + run.url + ")");
  app.add_option("--token", run.token, "lets one in, as the password does; others see it in ps");
  app.add_option("--token-file", arguments.token_file, "a file with it in its first line");
  app.add_option("--ca-file", run.ca_file, "with wss: whom to believe, instead of the system's");
  app.add_option("--image", run.image, "the guest's image (default: built here, or installed)");
  app.add_option("--memory", run.memory_mib,
                 "MiB of the machine (default 128); no more than its 32-bit kernel can use")
      ->check(CLI::Range(64U, 896U));
  app.add_option("--accel", arguments.accelerator, "auto, kvm or tcg (default auto)")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}));
  app.add_option("--forward", arguments.forwards,
                 "HOST-PORT:GUEST-PORT, on this machine's loopback; 0: any free one; repeatable");
  app.add_flag("--network", run.open_network,
               "lets the machine reach what this one does, and this one's loopback at 10.0.2.2");
  app.add_option("--env", arguments.environment, "NAME=VALUE for the command; repeatable");
  app.add_option("--cache", run.cache, "the guest's: none, mmap or loose (default mmap)")
      ->check(CLI::IsMember({"none", "mmap", "loose"}));
  app.add_option("--uid", run.uid, "of the guest's ordinary user (default: yours, or 1000)");
  app.add_option("--gid", run.gid, "... and his group");
}

}  // namespace

int run_command(int argc, char** argv) {
  log::to_stderr();
  Arguments arguments;
  if (geteuid() != 0) {
    arguments.run.uid = geteuid();
    arguments.run.gid = getegid();
  }
  CLI::App app("Runs a small Linux machine on a volume of Cairn's.", "cairn-vm");
  app.require_subcommand(1);
  CLI::App* const run_app = app.add_subcommand("run", "a terminal in the machine, or a command");
  add_machine_options(*run_app, arguments);
  CLI::Option* const command =
      run_app->add_option("--exec", arguments.command, "runs this, and ends with its status");
  run_app->add_flag("--stdin", arguments.run.stdin_too, "gives the command our standard input");
  run_app->add_option("--user", arguments.user, "who runs it: root or user (default: as you)")
      ->check(CLI::IsMember({"root", "user"}));
  run_app->add_option("--root", arguments.run.root,
                      "a directory of the volume that becomes the machine's root");
  for (const char* of_command : {"--stdin", "--env", "--user"}) {
    run_app->get_option(of_command)->needs(command);
  }
  run_app->footer("Ctrl-], or the end of the shell, stops the machine; once more: at once.");
  CLI::App* const postgres_app =
      app.add_subcommand("postgres", "PostgreSQL on the volume; prints how to connect to it");
  add_machine_options(*postgres_app, arguments);
  postgres_app->add_option("--port", arguments.server_ports,
                           "of this machine, 0 for any (default 5432); once for each that the "
                           "server has");
  postgres_app->add_option("--data", arguments.data, "the cluster (default /mnt/pgdata)");
  postgres_app->add_option("--wait", arguments.wait_s,
                           "seconds to wait while another machine has the cluster (default 0)");
  postgres_app->add_option("--server", arguments.server,
                           "another one of the family, which postgres.sh has added to the image");
  CLI::App* const image_app = app.add_subcommand("image", "about the guest's image");
  image_app->require_subcommand(1);
  CLI::App* const info = image_app->add_subcommand("info", "what it consists of");
  CLI::App* const verify = image_app->add_subcommand("verify", "compares it with its manifest");
  CLI::App* const build = image_app->add_subcommand("build", "builds it, in a source tree");
  build->prefix_command();  // its arguments are the recipe's
  for (CLI::App* one : {info, verify}) {
    one->add_option("--image", arguments.run.image, "its directory");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kRunnerFailed;  // asked for help, or to be corrected
  }
  if (run_app->parsed()) return run(arguments, command->count() > 0);
  if (postgres_app->parsed()) return postgres(arguments);
  if (build->parsed()) return image_build(build->remaining());
  return info->parsed() ? image_info(arguments.run.image) : image_verify(arguments.run.image);
}

}  // namespace cairn::vm
