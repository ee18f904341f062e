#include "audit/copies.hpp"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
// With this macro, sd_journal_send() does not add the source file, line and function of the call.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/syslog.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

namespace postern::audit {

namespace {

/// How long the destructor waits for the lines that are left.
constexpr std::chrono::seconds kLastCopies{1};

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

/// What the thread shares with its owner. `mutex` guards the members declared after it.
struct Copies::Desk {
    bool is_to_stdout = false;
    bool is_to_journal = false;
    std::string program;

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::string> waiting;
    std::uint64_t lost = 0;
    bool is_writing = false;
    bool is_closing = false;
    /// The owner has stopped waiting: the thread drops the remaining lines and ends.
    bool is_given_up = false;

    bool is_done() const { return waiting.empty() && !is_writing; }
    void run();
    void write(const std::string& line) const;
};

void Copies::Desk::run() {
    std::unique_lock guard(mutex);
    while (true) {
        wake.wait(guard, [this] { return !waiting.empty() || is_closing; });
        if (waiting.empty() || is_given_up) {
            return;
        }
        const std::string line = std::move(waiting.front());
        waiting.pop_front();
        const std::uint64_t newly_lost = std::exchange(lost, 0);
        is_writing = true;
        guard.unlock();
        if (newly_lost > 0) {
            spdlog::warn("event=audit.copies_lost lines={}", newly_lost);
        }
        write(line);
        guard.lock();
        is_writing = false;
        if (is_closing) {
            wake.notify_all();
        }
    }
}

void Copies::Desk::write(const std::string& line) const {
    if (is_to_stdout) {
        write_to_stdout(line);
    }
    if (is_to_journal) {
        const bool is_failure = line.find(R"("outcome":"failure")") != std::string::npos;
        ::sd_journal_send("MESSAGE=%s", line.c_str(), "PRIORITY=%i", is_failure ? LOG_WARNING : LOG_INFO,
                          "SYSLOG_IDENTIFIER=%s-audit", program.c_str(), "POSTERN_AUDIT=1", nullptr);
    }
}

Result<Copies> Copies::make(const std::vector<std::string>& targets, std::string program) {
    auto desk = std::make_shared<Desk>();
    desk->program = std::move(program);
    for (const std::string& target : targets) {
        if (target == "stdout") {
            desk->is_to_stdout = true;
        } else if (target == "journald") {
            desk->is_to_journal = true;
        } else {
            return Failure{
                Code::config_invalid,
                fmt::format("'{}' is no target for copies of the audit log; use stdout or journald", target)};
        }
    }
    if (targets.empty()) {
        return Copies(nullptr, std::thread());
    }
    std::thread thread([desk] { desk->run(); });
    return Copies(std::move(desk), std::move(thread));
}

Copies::~Copies() {
    if (!desk_) {
        return;
    }
    std::unique_lock guard(desk_->mutex);
    desk_->is_closing = true;
    desk_->wake.notify_all();
    if (desk_->wake.wait_for(guard, kLastCopies, [this] { return desk_->is_done(); })) {
        guard.unlock();
        thread_.join();
        return;
    }
    desk_->is_given_up = true;
    const std::uint64_t lost = desk_->lost + desk_->waiting.size() + (desk_->is_writing ? 1 : 0);
    guard.unlock();
    thread_.detach();
    spdlog::warn("event=audit.copies_lost lines={}", lost);
}

void Copies::add(std::vector<std::string> lines) {
    if (!desk_ || lines.empty()) {
        return;
    }
    const std::lock_guard guard(desk_->mutex);
    for (std::string& line : lines) {
        if (desk_->waiting.size() < kMostWaiting) {
            desk_->waiting.push_back(std::move(line));
        } else {
            ++desk_->lost;
        }
    }
    desk_->wake.notify_all();
}

}  // namespace postern::audit
