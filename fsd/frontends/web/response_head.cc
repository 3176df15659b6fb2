#include "fsd/frontends/web/response_head.h"

#include <ctime>

namespace cairn::web {
namespace {

struct Phrase {
  int status;
  const char* text;
};
constexpr Phrase kPhrases[] = {{200, "OK"},
                               {204, "No Content"},
                               {206, "Partial Content"},
                               {304, "Not Modified"},
                               {400, "Bad Request"},
                               {401, "Unauthorized"},
                               {403, "Forbidden"},
                               {404, "Not Found"},
                               {405, "Method Not Allowed"},
                               {413, "Content Too Large"},
                               {415, "Unsupported Media Type"},
                               {416, "Range Not Satisfiable"},
                               {421, "Misdirected Request"},
                               {426, "Upgrade Required"},
                               {429, "Too Many Requests"},
                               {431, "Request Header Fields Too Large"},
                               {500, "Internal Server Error"},
                               {503, "Service Unavailable"}};

const char* phrase_of(int status) {
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "";
}

std::string date_of(Duration wall) {
  const std::time_t seconds = wall / std::chrono::seconds(1);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  // The program keeps the locale "C".
  const std::size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

void append(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

const std::vector<Header>& security_headers() {
  static const std::vector<Header> headers = {
      {"Content-Security-Policy",
       "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
       "connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
       "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Embedder-Policy", "require-corp"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  };
  return headers;
}

std::string format_head(const Response& response, Duration wall, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  head.append(phrase_of(response.status)).append("\r\n");
  append(head, "Date", date_of(wall));
  for (const Header& header : security_headers()) append(head, header.name, header.value);
  for (const Header& header : response.headers) append(head, header.name, header.value);
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body) append(head, "Content-Length", std::to_string(response.body_bytes()));
  append(head, "Connection", keep_alive ? "keep-alive" : "close");
  return head + "\r\n";
}

}  // namespace cairn::web
