// What a running `postern connect` says: one line an event for people, or one JSON object for programs.
// Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "client-proxy/refusal.hpp"

namespace postern::client {

class Notes {
public:
    enum class Style {
        /// Ports on standard output, the rest on standard error.
        human,
        /// Everything on standard output, an object a line.
        json,
        /// `postern psql`: the terminal is psql's, and refusals reach it through the protocol.
        silent,
    };
    Notes(Style style, bool has_color);

    void listening(std::string_view service, std::string_view mode, unsigned short port,
                   std::string_view user);
    /// A connection that was turned away.
    void refused(std::string_view service, const Refusal& refusal);
    /// A session that was open and was cut.
    void cut(std::string_view service, const Refusal& refusal);
    void renewed(SystemTime not_after);
    void not_renewed(const Refusal& refusal);
    void logged_out();
    /// Something that is good to know.
    void remark(std::string_view text);

private:
    void write(nlohmann::json event, const std::string& line, bool is_output);
    void tell(std::string_view event, std::string_view what, std::string_view service,
              const Refusal& refusal);

    const Style style_;
    const bool has_color_;
    std::mutex mutex_;
    /// What was last said of a renewal that failed: an outage is told once.
    std::string complaint_;
};

/// Without control characters: what others sent may go to a terminal.
std::string printable(std::string_view text);

}  // namespace postern::client
