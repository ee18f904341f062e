// Reads a file of a log into the verifier: the one loop for whoever verifies a log and whoever goes on
// writing it.
#pragma once

#include <cstdint>
#include <functional>

#include "audit/chain_verifier.hpp"
#include "audit/log_path.hpp"
#include "base/result.hpp"

namespace postern::audit {

struct ChainReading {
    /// Looks once more at a last line without its end, which may be being written right now. None: it stays
    /// unfinished.
    std::function<LogLineReader::Item(LogLineReader&)> look_again;
    /// Called after each line with how far the file has been read.
    std::function<void(std::uint64_t offset)> progress;
};

/// What of the file the verdict does not say.
struct ChainExtent {
    /// Where the last line, whole or not, begins.
    std::uint64_t last_line = 0;
    bool has_unfinished_line = false;
};

/// From where the reader stands to the end of the file, or to the line that fixes the verdict. The caller
/// begins and ends the file for the verifier. Code::io_failed when it cannot be read.
Result<ChainExtent> read_chain(LogLineReader& reader, ChainVerifier& verifier,
                               const ChainReading& reading = {});

}  // namespace postern::audit
