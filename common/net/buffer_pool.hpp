// Buffers for bytes on their way: each thread keeps a few, and a session borrows one only while bytes move.
#pragma once

#include <cstddef>
#include <memory>

#include "net/byte_stream.hpp"

namespace postern::net {

/// One borrowed buffer of kSize bytes; goes back to the pool of the thread that drops it.
class BorrowedBuffer {
public:
    static constexpr std::size_t kSize = 64 * 1024;

    BorrowedBuffer();
    ~BorrowedBuffer();
    BorrowedBuffer(const BorrowedBuffer&) = delete;
    BorrowedBuffer& operator=(const BorrowedBuffer&) = delete;

    Buffer bytes() noexcept { return Buffer(memory_.get(), kSize); }

private:
    std::unique_ptr<unsigned char[]> memory_;
};

}  // namespace postern::net
