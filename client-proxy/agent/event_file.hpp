// The agent's events on the disk, for `postern events`: one JSON object a line, as docs/agent-protocol.md has
// them, in events.jsonl of the profile. Bounded: a file that is full becomes events.jsonl.1, in place of the
// one before. May be lost, as every log; a disk that takes nothing stops nobody.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/pace.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/config/profile.hpp"

namespace postern::client {

/// One writer: the agent. Not thread-safe.
class EventFile {
public:
    static constexpr std::size_t kMostBytes = 1 << 20;

    explicit EventFile(const ProfileFolder& folder, std::size_t most_bytes = kMostBytes);

    /// Code::io_failed; then it is tried again with a later event, after a pause. Nothing within the pause.
    Result<void> add(const nlohmann::json& event);

    static std::filesystem::path file_in(const ProfileFolder& folder);

private:
    Result<void> open();
    Result<void> make_room(std::size_t bytes);

    const std::filesystem::path file_;
    const std::size_t most_bytes_;
    UniqueFd fd_;
    std::size_t size_ = 0;
    Pace pace_;
};

/// The events that are kept, the oldest first. A line that is damaged, or was cut off by a power cut, is left
/// out. Code::not_found when there is no file.
Result<std::vector<nlohmann::json>> read_events(const ProfileFolder& folder);

/// Which to show.
struct EventChoice {
    /// Empty: of all.
    std::string service;
    std::string connection_id;
    /// The newest of them.
    std::size_t most = 0;
};
/// Pure.
std::vector<nlohmann::json> chosen(const std::vector<nlohmann::json>& events, const EventChoice& choice);

}  // namespace postern::client
