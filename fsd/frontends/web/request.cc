#include "fsd/frontends/web/request.h"

#include <algorithm>

namespace cairn::web {
namespace {

const Header* find(const std::vector<Header>& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? nullptr : &*found;
}

std::string_view value_of(const std::vector<Header>& headers, std::string_view name) {
  const Header* found = find(headers, name);
  return found == nullptr ? std::string_view() : std::string_view(found->value);
}

}  // namespace

std::string_view Request::header(std::string_view name) const { return value_of(headers, name); }
bool Request::has(std::string_view name) const { return find(headers, name) != nullptr; }
std::string_view Response::header(std::string_view name) const { return value_of(headers, name); }

Response sentence(int status, std::string_view text) {
  Response response{.status = status};
  response.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}};
  response.body = std::string(text) + '\n';
  return response;
}

Response json_response(std::string text) {
  Response response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = std::move(text) + '\n';
  return response;
}

}  // namespace cairn::web
