#include "audit/copies.hpp"

#include <cerrno>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
// sd_journal_send then bears the audit line's program, not the place in this file.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/syslog.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

namespace postern::audit {

namespace {

void write_to_stdout(std::string line) {
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return;
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

Result<Copies> Copies::make(const std::vector<std::string>& targets, std::string program) {
    Copies copies;
    copies.program_ = std::move(program);
    for (const std::string& target : targets) {
        if (target == "stdout") {
            copies.is_to_stdout_ = true;
        } else if (target == "journald") {
            copies.is_to_journal_ = true;
        } else {
            return Failure{
                Code::config_invalid,
                fmt::format("'{}' is no target for copies of the audit log; use stdout or journald", target)};
        }
    }
    return copies;
}

void Copies::write(const std::deque<std::string>& lines, std::uint64_t lost) const {
    if (lost > 0) {
        spdlog::warn("event=audit.copies_lost lines={}", lost);
    }
    for (const std::string& line : lines) {
        if (is_to_stdout_) {
            write_to_stdout(line);
        }
        if (is_to_journal_) {
            const bool is_failure = line.find(R"("outcome":"failure")") != std::string::npos;
            ::sd_journal_send("MESSAGE=%s", line.c_str(), "PRIORITY=%i", is_failure ? LOG_WARNING : LOG_INFO,
                              "SYSLOG_IDENTIFIER=%s-audit", program_.c_str(), "POSTERN_AUDIT=1", nullptr);
        }
    }
}

}  // namespace postern::audit
