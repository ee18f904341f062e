#include "postgres/rejection_message.hpp"

#include <fmt/format.h>

namespace postern::postgres {

namespace {

std::string http_rejection(const Refusal& refusal) {
    std::string text = refusal.message + ".\n";
    if (!refusal.hint.empty()) {
        text += refusal.hint + "\n";
    }
    return fmt::format(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
        "Connection: close\r\n\r\n{}",
        text.size(), text);
}

}  // namespace

std::string tls_rejection() {
    return std::string("\x15\x03\x03\x00\x02\x02\x31", 7);
}

std::string rejection_message(Language language, const Refusal& refusal) {
    switch (language) {
        case Language::postgres:
            return fatal_error(refusal);
        case Language::tls:
            return tls_rejection();
        case Language::http:
            return http_rejection(refusal);
        case Language::unknown:
            return {};
    }
    return {};
}

}  // namespace postern::postgres
