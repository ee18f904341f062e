// `postern-audit verify`: finds the files of each log that is named, reads them in order, and says whether
// they are intact.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "audit/chain_verifier.hpp"
#include "base/result.hpp"

namespace postern::audit {

/// What to verify, and how strictly.
struct VerifyOptions {
    std::vector<std::filesystem::path> files;
    /// A folder of which every log is verified.
    std::optional<std::filesystem::path> folder;
    /// Files of public keys in PEM. When empty, the keys in the file beside the log are used.
    std::vector<std::filesystem::path> keys;
    /// Verifies only the files that are named, not the older files of their logs.
    bool is_alone = false;
    /// Accepts a log without its head file.
    bool is_headless = false;
    /// The sequence number that the log must reach; 0 for none.
    std::uint64_t at_least = 0;
};

/// One log: its files, oldest first, and the result.
struct Verdict {
    std::filesystem::path log;
    std::vector<std::filesystem::path> files;
    std::optional<Fault> fault;
    ChainVerifier::Summary summary;
    std::vector<std::string> trusted_keys;
    bool has_given_keys = false;
    bool has_head = false;
    /// VerifyOptions::at_least.
    std::uint64_t at_least = 0;
    std::uint64_t bytes = 0;

    bool is_whole() const noexcept { return !fault.has_value(); }
    bool is_torn() const noexcept { return fault && fault->kind == FaultKind::torn; }
    bool is_of_another_key() const noexcept { return fault && fault->kind == FaultKind::another_key; }
};

/// Called from time to time with the number of bytes that have been read and the number of all bytes.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

/// Returns a verdict for each log. Fails when something could not be read: Code::not_found, io_failed or
/// config_invalid. Blocking.
Result<std::vector<Verdict>> verify(const VerifyOptions& options, const Progress& progress);

}  // namespace postern::audit
