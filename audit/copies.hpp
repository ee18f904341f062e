// Copies audit lines to further targets, on a thread of its own, so that a target that blocks delays nobody.
// Copies may be lost, and a log message then gives their number; lines of the audit file are never lost.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"

namespace postern::audit {

/// Thread-safe.
class Copies {
public:
    /// The most lines that may wait for their target; lines beyond them are lost.
    static constexpr std::size_t kMostWaiting = 10000;

    /// Each of `targets` is "stdout" or "journald"; Code::config_invalid for another word. `program` names
    /// the source of the lines in the journal. Without targets no thread is started.
    static Result<Copies> make(const std::vector<std::string>& targets, std::string program);
    /// Waits up to one second for the lines that are left. If a target still blocks then, the thread is
    /// detached and runs on until the process ends.
    ~Copies();
    Copies(Copies&&) noexcept = default;
    Copies& operator=(Copies&&) = delete;

    /// Queues `lines` without waiting for the targets.
    void add(std::vector<std::string> lines);

private:
    struct Desk;
    Copies(std::shared_ptr<Desk> desk, std::thread thread)
        : desk_(std::move(desk)), thread_(std::move(thread)) {}

    /// Shared with the thread, which may outlive this object. Null without targets.
    std::shared_ptr<Desk> desk_;
    std::thread thread_;
};

}  // namespace postern::audit
