// A client's bytes at the control socket, whole and byte by byte: the same lines, and each is a request, a
// notification, or refused with an answer that is one line of JSON-RPC.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "client-proxy/control/json_rpc.hpp"

namespace {

using namespace postern::client::control;

constexpr std::size_t kLineBytes = 256;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

struct Heard {
    std::vector<std::string> lines;
    bool is_refused = false;
};

Heard feed(std::string_view bytes, std::size_t step) {
    Heard heard;
    LineReader reader(kLineBytes);
    while (!bytes.empty() && !heard.is_refused) {
        heard.is_refused = !reader.feed(bytes.substr(0, step));
        bytes.remove_prefix(std::min(step, bytes.size()));
        while (auto line = reader.next()) {
            require(line->size() <= kLineBytes);
            heard.lines.push_back(*line);
        }
    }
    return heard;
}

void answer(const std::string& line) {
    const auto read = read_request(line);
    std::string said;
    if (const auto* bad = std::get_if<BadRequest>(&read)) {
        said = error_line(bad->id, bad->error);
    } else if (const auto* request = std::get_if<Request>(&read)) {
        require(request->params.is_object());
        said = result_line(request->id, request->params);
    } else {
        return;
    }
    require(said.find('\n') == said.size() - 1);
    const auto message = nlohmann::json::parse(said, nullptr, false);
    require(message.is_object() && message["jsonrpc"] == "2.0" && message.contains("id"));
    (void)read_message(said);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Heard dripped = feed(bytes, 1);
    for (const auto& line : dripped.lines) {
        answer(line);
    }
    if (size > 0 && !dripped.is_refused) {
        const Heard whole = feed(bytes, size);
        require(whole.is_refused || whole.lines == dripped.lines);
    }
    answer(std::string(bytes.substr(0, kLineBytes)));
    return 0;
}
