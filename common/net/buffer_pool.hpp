// Buffers for bytes in transit. Each thread keeps a few, and a session borrows one only while bytes move.
#pragma once

#include <cstddef>
#include <memory>

#include "net/byte_stream.hpp"

namespace postern::net {

/// A borrowed buffer of kSize bytes. It returns to the pool of the thread that destroys it.
class BorrowedBuffer {
public:
    /// This many bytes, sent as four TLS records with 22 bytes of overhead each, fill the largest segment
    /// that the kernel moves as one (65,483 bytes on the loopback). With 64 KiB each block would end in a
    /// segment of 141 bytes, which costs as much as a full one.
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
