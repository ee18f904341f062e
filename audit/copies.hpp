// Where audit lines go besides their file, on a thread of their own: a target that takes nothing holds nobody
// up. Copies may be lost (and then say so); the file may not.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"

namespace postern::audit {

class Copies {
public:
    /// Lines that may wait for their target; what comes beyond them is lost.
    static constexpr std::size_t kMostWaiting = 10000;

    /// `targets`: "stdout", "journald". Code::config_invalid for another word.
    static Result<Copies> make(const std::vector<std::string>& targets, std::string program);
    /// Waits a second for what is left. A target that takes nothing then keeps its thread until the process
    /// ends.
    ~Copies();
    Copies(Copies&&) noexcept = default;
    Copies& operator=(Copies&&) = delete;

    /// Does not wait for the target. Thread-safe.
    void add(std::vector<std::string> lines);

private:
    struct Desk;
    Copies(std::shared_ptr<Desk> desk, std::thread thread)
        : desk_(std::move(desk)), thread_(std::move(thread)) {}

    /// Shared with the thread, which may outlive this. Null without targets.
    std::shared_ptr<Desk> desk_;
    std::thread thread_;
};

}  // namespace postern::audit
