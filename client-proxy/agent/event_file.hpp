// The agent's events on disk, for `postern events`: one JSON object for each line, in the format of
// docs/agent-protocol.md, in events.jsonl of the profile. The size is bounded: a full file is renamed to
// events.jsonl.1, which replaces the previous one. Events may be lost, as with every log; a disk that cannot
// be written stops nothing.
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

/// The agent is the only writer. The class is not thread-safe.
class EventFile {
public:
    /// The default of the file's size limit.
    static constexpr std::size_t kMostBytes = 1 << 20;

    explicit EventFile(const ProfileFolder& folder, std::size_t most_bytes = kMostBytes);

    /// Appends the event. Errors: Code::io_failed; a pause follows, in which events are dropped without an
    /// error, and a later event is tried again.
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

/// Reads the stored events, the oldest first. Lines that are damaged or incomplete, as after a power cut, are
/// left out. Errors: Code::not_found when there is no file.
Result<std::vector<nlohmann::json>> read_events(const ProfileFolder& folder);

/// Selects events.
struct EventChoice {
    /// An empty service or connection id selects all events.
    std::string service;
    std::string connection_id;
    /// The most events to select; the newest are kept.
    std::size_t most = 0;
};
std::vector<nlohmann::json> chosen(const std::vector<nlohmann::json>& events, const EventChoice& choice);

}  // namespace postern::client
