#include "fsd/daemon/usage.h"

#include <vector>

#include "fsd/config/nearest_name.h"

namespace cairn::daemon {
namespace {

bool is(const CLI::ParseError& error, CLI::ExitCodes code) {
  return error.get_exit_code() == static_cast<int>(code);
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

}  // namespace

std::string usage_sentence(const CLI::App& app, const std::string& first_word,
                           const CLI::ParseError& error) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  if (app.get_subcommands().empty()) {
    if (first_word.starts_with('-')) return "a command is missing: it is one of " + joined(names);
    const std::string sentence = "there is no command \"" + first_word + '"';
    const auto meant = config::nearest_name(first_word, names);
    return sentence + (meant ? ": is it " + *meant + "?" : "; it is one of " + joined(names));
  }
  if (is(error, CLI::ExitCodes::ExtrasError)) {
    return app.get_subcommands().front()->get_name() +
           " does not know what this is: " + joined(app.remaining(true));
  }
  const std::string sentence = error.what();
  const std::size_t colon = sentence.find(':');
  const bool value_missing = is(error, CLI::ExitCodes::ArgumentMismatch) && colon != sentence.npos;
  return value_missing ? sentence.substr(0, colon) + " needs a value" : sentence;
}

}  // namespace cairn::daemon
