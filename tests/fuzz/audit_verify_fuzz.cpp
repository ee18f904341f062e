// A log as somebody may have left it: any bytes, cut into lines.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "audit/chain.hpp"
#include "audit/chain_verifier.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace postern::audit;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    ChainVerifier verifier{KeyRing()};
    verifier.begin_file("fuzz", size % 2 == 1);
    for (std::size_t newline = rest.find('\n'); newline != std::string_view::npos;
         newline = rest.find('\n')) {
        const std::string_view line = rest.substr(0, newline);
        if (const auto link = parse_link(line)) {
            (void)parse_checkpoint(line, *link);
        }
        verifier.add(line);
        rest.remove_prefix(newline + 1);
    }
    if (!rest.empty()) {
        verifier.add_unfinished(rest.size());
    }
    verifier.end_file();
    verifier.finish();
    (void)parse_head(std::string_view(reinterpret_cast<const char*>(data), size));
    return 0;
}
