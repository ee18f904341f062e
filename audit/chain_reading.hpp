// Reads a file of a log into the verifier. Both the verification of a log and the writer that continues one
// use this loop.
#pragma once

#include <cstdint>
#include <functional>

#include "audit/chain_verifier.hpp"
#include "audit/log_path.hpp"
#include "base/result.hpp"

namespace postern::audit {

/// Optional callbacks of read_chain().
struct ChainReading {
    /// Reads a last line that has no newline again, because another process may be writing it right now. When
    /// there is no callback, the line counts as unfinished.
    std::function<LogLineReader::Item(LogLineReader&)> look_again;
    /// Called after each line with the offset up to which the file has been read, in bytes.
    std::function<void(std::uint64_t offset)> progress;
};

/// What read_chain() learns of a file besides the verdict.
struct ChainExtent {
    /// The offset in the file, in bytes, at which the last line begins, whether it is complete or not.
    std::uint64_t last_line = 0;
    bool has_unfinished_line = false;
};

/// Reads from the position of `reader` to the end of the file, or to the line that settles the verdict. The
/// caller calls begin_file() and end_file() of `verifier`. Fails with Code::io_failed when the file cannot be
/// read.
Result<ChainExtent> read_chain(LogLineReader& reader, ChainVerifier& verifier,
                               const ChainReading& reading = {});

}  // namespace postern::audit
