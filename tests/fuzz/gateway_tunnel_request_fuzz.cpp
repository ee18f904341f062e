// The CONNECT head: target, Postern-Backend-Start, Postern-Cancel-Of and Postern-Client-Program,
// one a line.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/tunnel/tunnel_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    std::array<std::string_view, 4> lines;
    for (std::string_view& line : lines) {
        const std::size_t end = rest.find('\n');
        line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    const auto request = postern::gateway::parse_tunnel_request({lines[0], lines[1], lines[2], lines[3]});
    if (request) {
        const bool is_whole = !request->service.empty() && request->port != 0 &&
                              request->service.find_first_of(":/ \r\n") == std::string::npos;
        if (!is_whole) {
            std::abort();
        }
    }
    return 0;
}
