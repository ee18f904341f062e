// A guard that counts something for as long as it exists. The count is what a limit is compared with, and
// what a shutdown waits to see at zero.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace postern {

/// Increments `count` when it is constructed and decrements it when it is destroyed; a moved-from guard does
/// nothing. Thread-safe. `count` must outlive the guard.
class Counted {
public:
    explicit Counted(std::atomic<std::size_t>& count) : count_(&count) { ++*count_; }
    Counted(Counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    ~Counted() {
        if (count_ != nullptr) {
            --*count_;
        }
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    Counted& operator=(Counted&&) = delete;

private:
    std::atomic<std::size_t>* count_;
};

}  // namespace postern
