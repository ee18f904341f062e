// Buffers for bytes on their way: each thread keeps a few, and a session borrows one only while bytes move.
#pragma once

#include <cstddef>
#include <memory>

#include "net/byte_stream.hpp"

namespace postern::net {

/// One borrowed buffer of kSize bytes; goes back to the pool of the thread that drops it.
class BorrowedBuffer {
public:
    /// What fills the largest segment that the kernel moves as one (65,483 bytes on the loopback), once it is
    /// four TLS records with 22 bytes more each. With 64 KiB each block would have a tail of 141 bytes, which
    /// costs as much as a whole segment.
    static constexpr std::size_t kSize = 64 * 1024 - 160;

    BorrowedBuffer();
    ~BorrowedBuffer();
    BorrowedBuffer(const BorrowedBuffer&) = delete;
    BorrowedBuffer& operator=(const BorrowedBuffer&) = delete;

    Buffer bytes() noexcept { return Buffer(memory_.get(), kSize); }

private:
    std::unique_ptr<unsigned char[]> memory_;
};

}  // namespace postern::net
