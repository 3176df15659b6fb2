#include "fsd/daemon/commands.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "fsd/base/environment.h"
#include "fsd/base/log.h"
#include "fsd/base/unique_fd.h"
#include "fsd/config/default_paths.h"
#include "fsd/config/load_settings.h"
#include "fsd/daemon/daemon.h"
#include "fsd/daemon/notify.h"
#include "fsd/daemon/usage.h"
#include "fsd/frontends/admin/control_client.h"
#include "fsd/runtime/blocking.h"

namespace cairn::daemon {
namespace {

/// What the command line says.
struct Arguments {
  std::string config_file;
  std::string storage, mount, cache_dir, snapshot, name;
  std::vector<std::string> ninep, web;
  bool read_only = false;
  bool background = false;
  bool json = false;
  bool yes = false;
};

int say(const Error& error) {
  std::fprintf(stderr, "cairn: %s\n", error.message().c_str());
  return kExitFailed;
}

Result<config::Settings> read_settings(const Arguments& arguments) {
  config::Settings settings;
  if (!arguments.config_file.empty()) {
    TRY(settings, config::load_settings(arguments.config_file, process_environment()));
    if (settings.secrets_are_open) {
      log::warn("everybody on this machine can read the secrets in {}: chmod 600 {}",
                arguments.config_file, arguments.config_file);
    }
  }
  auto given = [](const std::string& text) {
    return text.empty() ? std::optional<std::string>() : text;
  };
  config::Flags flags;
  flags.storage = given(arguments.storage);
  flags.mount = given(arguments.mount);
  flags.ninep = arguments.ninep;
  flags.web = arguments.web;
  flags.cache_dir = given(arguments.cache_dir);
  flags.read_only = arguments.read_only;
  flags.snapshot = given(arguments.snapshot);
  flags.name = given(arguments.name);
  TRY_OK(config::apply_flags(settings, flags, std::filesystem::current_path().string()));
  TRY_OK(config::validate_settings(settings));
  return settings;
}

int serve(const Arguments& arguments, const StoreFactory& make_store) {
  auto settings = read_settings(arguments);
  if (!settings) return say(settings.error());
  log::set_daemon(settings->name);
  Notifier notifier(arguments.background);
  Daemon daemon(std::move(*settings), make_store);
  if (auto started = daemon.start(); !started) {
    notifier.failed(started.error().message());
    const bool fenced = is(started.error(), engine::EngineErrc::kFenced);
    if (!arguments.background) say(started.error());  // else the waiting parent says it
    return fenced ? kExitFenced : kExitFailed;
  }
  log::info("ready: {}", daemon.summary());
  notifier.ready(daemon.summary());
  daemon.wait();
  notifier.stopping();
  return daemon.stop();
}

int init(const Arguments& arguments) {
  const std::string_view text = config::default_settings_toml();
  if (arguments.config_file.empty() || arguments.config_file == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kExitOk;
  }
  // It will hold secrets: nobody else's to read, and never over another one.
  const UniqueFd file(
      ::open(arguments.config_file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) {
    const std::error_code code(errno, std::generic_category());
    return say(Error(code, "the configuration cannot be written",
                     arguments.config_file + " (" + code.message() + ")"));
  }
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return say(Error(std::make_error_code(std::errc::io_error), "writing failed"));
  std::printf("wrote %s: set storage.url in it, then run: cairn serve -c %s\n",
              arguments.config_file.c_str(), arguments.config_file.c_str());
  return kExitOk;
}

Result<std::string> ask(const Arguments& arguments, const std::string& command, Duration patience) {
  const std::string name = arguments.name.empty() ? "cairn" : arguments.name;
  return admin::ask_daemon(config::default_control_socket(geteuid(), process_environment(), name),
                           command, patience);
}

int status(const Arguments& arguments) {
  auto answer = ask(arguments, "status", std::chrono::seconds(10));
  if (!answer) return say(answer.error());
  if (arguments.json) {
    std::printf("%s\n", answer->c_str());
    return kExitOk;
  }
  const auto report = nlohmann::json::parse(*answer, nullptr, false);
  std::printf("%s\n", report.is_discarded() ? answer->c_str() : report.dump(2).c_str());
  return report.contains("failed") || report.contains("error") ? kExitFailed : kExitOk;
}

int flush(const Arguments& arguments) {
  auto answer = ask(arguments, "flush", Duration{0});
  if (!answer) return say(answer.error());
  const auto report = nlohmann::json::parse(*answer, nullptr, false);
  if (!report.is_discarded() && report.value("ok", false)) return kExitOk;
  std::fprintf(stderr, "cairn: not everything is in the bucket: %s\n", answer->c_str());
  return kExitFailed;
}

/// For commands that work on the bucket without a daemon.
template <class Operation>
int with_store(const Arguments& arguments, const StoreFactory& make_store, Operation operation) {
  auto settings = read_settings(arguments);
  if (!settings) return say(settings.error());
  if (!settings->storage.url) {
    return say(Error(std::make_error_code(std::errc::invalid_argument),
                     "nothing says where the volume is: set storage.url or give --storage"));
  }
  RealRuntime runtime({.io_threads = 1, .pool_threads = 1});
  auto made = make_store(runtime, *settings);
  if (!made) return say(made.error());
  StoreStack store(std::move(*made), runtime.runtime(), *settings);
  const int status = operation(runtime.runtime(), store, *settings);
  run_blocking(runtime.runtime().core, [&] { return store.stop(); });
  runtime.stop();
  return status;
}

/// Says no while a daemon of this machine and user serves the volume: it would go on for some
/// seconds, and what it writes in them would be left behind.
Result<void> check_nobody_serves(const config::Settings& settings) {
  const std::filesystem::path any =
      config::default_control_socket(geteuid(), process_environment(), "any");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(any.parent_path(), ignored)) {
    if (entry.path().extension() != any.extension()) continue;
    auto answer = admin::ask_daemon(entry.path().string(), "status", std::chrono::seconds(2));
    if (!answer) continue;
    const auto report = nlohmann::json::parse(*answer, nullptr, false);
    if (!report.is_object() || report.value("volume", "") != settings.storage.url->text()) continue;
    if (report.value("endpoint", "") != settings.aws.endpoint) continue;
    return Error(std::make_error_code(std::errc::device_or_resource_busy),
                 "a daemon serves this volume: stop it first",
                 "--name " + entry.path().stem().string());
  }
  return {};
}

int destroy(const Arguments& arguments, const StoreFactory& make_store) {
  return with_store(
      arguments, make_store,
      [&](Runtime& runtime, StoreStack& store, const config::Settings& settings) {
        if (!arguments.yes) {
          return say(Error(std::make_error_code(std::errc::operation_canceled),
                           "add --yes if you want to delete, with all files in it and for ever",
                           settings.storage.url->text()));
        }
        if (auto free = check_nobody_serves(settings); !free) return say(free.error());
        auto removed =
            run_blocking(runtime.core, [&] { return engine::destroy_volume(store.store()); });
        if (!removed) return say(removed.error());
        std::printf("destroyed %s: %llu objects deleted\n", settings.storage.url->text().c_str(),
                    static_cast<unsigned long long>(*removed));
        return kExitOk;
      });
}

int change_password(const Arguments& arguments, const StoreFactory& make_store) {
  const char* fresh = std::getenv("CAIRN_NEW_PASSWORD");
  if (fresh == nullptr || *fresh == '\0') {
    return say(Error(std::make_error_code(std::errc::invalid_argument),
                     "put the new password into the environment variable CAIRN_NEW_PASSWORD"));
  }
  return with_store(
      arguments, make_store,
      [&](Runtime& runtime, StoreStack& store, const config::Settings& settings) {
        if (!settings.storage.encryption_password) {
          return say(Error(std::make_error_code(std::errc::invalid_argument),
                           "the volume's present password is needed, if it has one: set "
                           "storage.encryption_password"));
        }
        auto changed = run_blocking(runtime.core, [&] {
          return engine::change_volume_password(runtime, store.store(),
                                                settings.storage.encryption_password->reveal(),
                                                fresh, format::Argon2Cost());
        });
        if (!changed) return say(changed.error());
        std::printf(
            "the volume has its new password: put it into storage.encryption_password, the next "
            "start needs it. A daemon that runs goes on\n");
        return kExitOk;
      });
}

void add_volume_options(CLI::App& command, Arguments& arguments) {
  command.add_option("-c,--config", arguments.config_file, "configuration (TOML)");
  command.add_option("--storage", arguments.storage, "s3://bucket/prefix, file:///dir or memory:");
  command.add_option("--name", arguments.name,
                     "name of the daemon (its control socket, its cache)");
}

void add_serve_options(CLI::App& command, Arguments& arguments) {
  add_volume_options(command, arguments);
  command.add_option("--mount", arguments.mount, "mount the volume on this directory");
  command.add_option("--ninep", arguments.ninep,
                     "serve 9P2000.L there: HOST:PORT, or the path of a socket");
  command.add_option("--web", arguments.web, "serve the web page and WebSockets there: HOST:PORT");
  command.add_option("--cache-dir", arguments.cache_dir, "where the local index and cache lie");
  command.add_flag("--read-only", arguments.read_only, "change nothing in the bucket");
  command.add_option("--snapshot", arguments.snapshot, "(to come) serve this snapshot, read-only");
  command.add_flag("--background", arguments.background, "return when the volume is served");
}

/// What is wrong with the command line.
int say_usage(const CLI::App& app, int argc, char** argv, const CLI::ParseError& error) {
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  std::fprintf(stderr, "cairn: %s (cairn --help says more)\n",
               usage_sentence(app, argv[1], error).c_str());
  return kExitUsage;
}

}  // namespace

int run_command(int argc, char** argv, const StoreFactory& make_store) {
  log::to_stderr();
  CLI::App app("Cairn: a POSIX filesystem in an S3 bucket", "cairn");
  app.require_subcommand(1);
  app.set_version_flag("--version", "cairn " CAIRN_VERSION);
  Arguments arguments;
  auto& serve_command = *app.add_subcommand("serve", "serve a volume until told to stop");
  add_serve_options(serve_command, arguments);
  auto& init_command = *app.add_subcommand("init", "write a commented configuration");
  init_command.add_option("-c,--config", arguments.config_file, "the file; - prints it");
  auto& status_command = *app.add_subcommand("status", "what a running daemon says of itself");
  status_command.add_option("--name", arguments.name, "name of the daemon");
  status_command.add_flag("--json", arguments.json, "on one line");
  auto& flush_command =
      *app.add_subcommand("flush", "return when everything written so far is in the bucket");
  flush_command.add_option("--name", arguments.name, "name of the daemon");
  auto& destroy_command = *app.add_subcommand("destroy", "delete a volume and all that is in it");
  add_volume_options(destroy_command, arguments);
  destroy_command.add_flag("--yes", arguments.yes, "really");
  auto& password_command =
      *app.add_subcommand("password", "give the volume the password in CAIRN_NEW_PASSWORD");
  add_volume_options(password_command, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return say_usage(app, argc, argv, error);
  }

  if (serve_command.parsed()) return serve(arguments, make_store);
  if (init_command.parsed()) return init(arguments);
  if (status_command.parsed()) return status(arguments);
  if (flush_command.parsed()) return flush(arguments);
  if (destroy_command.parsed()) return destroy(arguments, make_store);
  return change_password(arguments, make_store);
}

}  // namespace cairn::daemon
