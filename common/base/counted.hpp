// One of those that a number counts, for as long as it lives: what a bound judges, and a stop waits for.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace postern {

/// Thread-safe. The number must outlive it.
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
