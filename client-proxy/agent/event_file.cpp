#include "client-proxy/agent/event_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "base/file.hpp"
#include "base/json.hpp"
#include "client-proxy/control/json_rpc.hpp"

namespace postern::client {

namespace {

namespace fs = std::filesystem;

constexpr Pace::Bounds kPace{std::chrono::seconds(1), std::chrono::minutes(1)};

fs::path older(fs::path file) {
    file += ".1";
    return file;
}

void read_into(const fs::path& file, std::vector<nlohmann::json>& events) {
    const auto text = read_file(file, 2 * EventFile::kMostBytes);
    if (!text) {
        return;
    }
    for (std::string_view left = *text; !left.empty();) {
        const auto end = std::min(left.find('\n'), left.size());
        auto event = parse_json(left.substr(0, end));
        if (event.is_object()) {
            events.push_back(std::move(event));
        }
        left.remove_prefix(std::min(end + 1, left.size()));
    }
}

}  // namespace

EventFile::EventFile(const ProfileFolder& folder, std::size_t most_bytes)
    : file_(file_in(folder)), most_bytes_(most_bytes), pace_(kPace) {}

fs::path EventFile::file_in(const ProfileFolder& folder) {
    return folder.path() / "events.jsonl";
}

Result<void> EventFile::open() {
    fd_ = UniqueFd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat info {};
    if (!fd_ || ::fstat(fd_.get(), &info) != 0) {
        return io_failure("cannot open", file_);
    }
    size_ = static_cast<std::size_t>(info.st_size);
    return {};
}

Result<void> EventFile::make_room(std::size_t bytes) {
    if (fd_ && size_ + bytes <= most_bytes_) {
        return {};
    }
    if (auto opened = open(); !opened || size_ == 0 || size_ + bytes <= most_bytes_) {
        return opened;
    }
    if (::rename(file_.c_str(), older(file_).c_str()) != 0) {
        return io_failure("cannot rename", file_);
    }
    return open();
}

Result<void> EventFile::add(const nlohmann::json& event) {
    const auto now = std::chrono::steady_clock::now();
    if (!pace_.is_due(now)) {
        return {};
    }
    const std::string line = json_text(event) + "\n";
    auto done = make_room(line.size());
    if (done && ::write(fd_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        done = io_failure("cannot write", file_);
    }
    if (!done) {
        fd_ = UniqueFd();
        pace_.failed(now);
        return done;
    }
    size_ += line.size();
    pace_.worked();
    return {};
}

Result<std::vector<nlohmann::json>> read_events(const ProfileFolder& folder) {
    const fs::path file = EventFile::file_in(folder);
    std::error_code ignored;
    if (!fs::exists(file, ignored)) {
        return Failure{Code::not_found, "there is no " + file.string()};
    }
    std::vector<nlohmann::json> events;
    read_into(older(file), events);
    read_into(file, events);
    return events;
}

std::vector<nlohmann::json> chosen(const std::vector<nlohmann::json>& events, const EventChoice& choice) {
    std::vector<nlohmann::json> list;
    for (const auto& event : events) {
        const bool is_of_service =
            choice.service.empty() || control::text_in(event, "service") == choice.service;
        const bool is_of_connection =
            choice.connection_id.empty() || control::text_in(event, "connection_id") == choice.connection_id;
        if (is_of_service && is_of_connection) {
            list.push_back(event);
        }
    }
    if (list.size() > choice.most) {
        list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(choice.most));
    }
    return list;
}

}  // namespace postern::client
