// What a proxy, or whatever answers in its place, says to CONNECT: the same verdict in whatever pieces it
// comes, and nothing of it in what people read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client-proxy/proxy/proxy_answer.hpp"

namespace {

std::string told(std::string_view bytes, std::size_t piece) {
    postern::client::ProxyAnswer answer("proxy:3128", bytes.size() % 2 == 0);
    while (!bytes.empty()) {
        const auto part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        const auto judged = answer.feed(part);
        if (!judged) {
            return judged.error().detail;
        }
        if (*judged) {
            // What comes behind is told apart only when it comes together with the head.
            return bytes.empty() ? "open" : "open early";
        }
    }
    return "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::string at_once = told(bytes, std::max<std::size_t>(size, 1));
    const std::string by_byte = told(bytes, 1);
    if (at_once != by_byte && by_byte != "open early") {
        std::abort();
    }
    if (std::any_of(at_once.begin(), at_once.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; })) {
        std::abort();
    }
    return 0;
}
