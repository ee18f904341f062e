// A client's first bytes, fed in pieces whose sizes the input chooses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "postgres/first_packet.hpp"
#include "postgres/startup.hpp"

using namespace postern::postgres;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    judge_first_packet(Bytes(data, size));
    StartupReader reader;
    Bytes rest(data, size);
    while (!rest.empty()) {
        const std::size_t count = std::min<std::size_t>(rest.size(), 1U + rest[0] % 64U);
        const auto outcome = reader.feed(rest.first(count));
        rest = rest.subspan(count);
        if (const auto* startup = std::get_if<StartupMessage>(&outcome)) {
            if (startup->user().empty() || startup->database().empty() ||
                startup->raw.size() > 4 + kMostStartupBytes) {
                std::abort();
            }
            return 0;
        }
        if (const auto* request = std::get_if<CancelRequest>(&outcome)) {
            if (request->key.size() + 8 != request->raw.size() || request->key.size() > kMostCancelKeyBytes) {
                std::abort();
            }
            return 0;
        }
        if (std::holds_alternative<StartupRefusal>(outcome)) {
            return 0;
        }
    }
    return 0;
}
