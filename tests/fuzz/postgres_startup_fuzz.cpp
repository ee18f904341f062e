// A client's first bytes, fed in pieces whose sizes the input chooses, and once more byte by byte. What
// becomes of them may not depend on the pieces, and what is forwarded must be what came.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/reason.hpp"
#include "postgres/first_packet.hpp"
#include "postgres/rejection_message.hpp"
#include "postgres/startup.hpp"

using namespace postern::postgres;

namespace {

void check(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// What the reader made of the bytes, as text. An encryption request ends a piece: a client waits for its
// answer.
std::string told(Bytes input, unsigned char pieces) {
    StartupReader reader;
    std::string answers;
    std::size_t from = 0;
    std::size_t began = 0;
    while (from < input.size()) {
        std::size_t count =
            pieces == 0 ? 1 : std::min<std::size_t>(input.size() - from, 1U + input[from] % pieces);
        // Not past the end of an encryption request, which has eight bytes.
        if (from - began < 8) {
            count = std::min<std::size_t>(count, 8 - (from - began));
        }
        const auto outcome = reader.feed(input.subspan(from, count));
        from += count;
        if (const auto* startup = std::get_if<StartupMessage>(&outcome)) {
            check(!startup->user().empty() && !startup->database().empty());
            check(startup->raw.size() <= 4 + kMostStartupBytes);
            const std::string forwarded = startup->raw + reader.take_rest();
            check(as_text(input.first(from)).ends_with(forwarded));
            return answers + "startup " + startup->raw;
        }
        if (const auto* request = std::get_if<CancelRequest>(&outcome)) {
            check(request->key.size() + 8 == request->raw.size() &&
                  request->key.size() <= kMostCancelKeyBytes);
            return answers + "cancel " + request->raw;
        }
        if (const auto* refused = std::get_if<StartupRefusal>(&outcome)) {
            const std::string words = rejection_message(
                refused->language, {reason_of(refused->code).sqlstate, refused->message, refused->hint, {}});
            check((refused->language == Language::unknown) == words.empty());
            return answers + "refused";
        }
        if (std::holds_alternative<AnswerNo>(outcome)) {
            answers += "no ";
            began = from;
        }
    }
    return answers + "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    const FirstPacket first = judge_first_packet(input);
    const std::string by_byte = told(input, 0);
    check(told(input, 64) == by_byte);
    check(first != FirstPacket::startup_message || by_byte != "more");
    check(first != FirstPacket::incomplete || by_byte == "more");
    return 0;
}
