#include "net/buffer_pool.hpp"

#include <utility>
#include <vector>

namespace postern::net {

namespace {

/// The most buffers that a thread keeps; those returned beyond that are freed.
constexpr std::size_t kKept = 32;

std::vector<std::unique_ptr<unsigned char[]>>& pool() {
    thread_local std::vector<std::unique_ptr<unsigned char[]>> buffers;
    return buffers;
}

}  // namespace

BorrowedBuffer::BorrowedBuffer() {
    auto& buffers = pool();
    if (buffers.empty()) {
        memory_.reset(new unsigned char[kSize]);
    } else {
        memory_ = std::move(buffers.back());
        buffers.pop_back();
    }
}

BorrowedBuffer::~BorrowedBuffer() {
    auto& buffers = pool();
    if (buffers.size() < kKept) {
        buffers.push_back(std::move(memory_));
    }
}

}  // namespace postern::net
