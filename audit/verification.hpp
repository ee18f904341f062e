// `postern-audit verify`: finds the files of each log that is named, reads them in order, and says whether
// they are whole.
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

struct VerifyOptions {
    std::vector<std::filesystem::path> files;
    /// Every log of this folder.
    std::optional<std::filesystem::path> folder;
    /// Public keys in PEM; none: the ones published beside the log.
    std::vector<std::filesystem::path> keys;
    /// Only the files that are named, not their rotated elders.
    bool is_alone = false;
    /// A log without its head passes.
    bool is_headless = false;
    /// The log must reach this record.
    std::uint64_t at_least = 0;
};

/// One log: its files, oldest first, and what was found.
struct Verdict {
    std::filesystem::path log;
    std::vector<std::filesystem::path> files;
    std::optional<Fault> fault;
    ChainVerifier::Summary summary;
    std::vector<std::string> trusted_keys;
    bool has_given_keys = false;
    bool has_head = false;
    /// What the caller knew that the log must reach; 0 for nothing.
    std::uint64_t at_least = 0;
    std::uint64_t bytes = 0;

    bool is_whole() const noexcept { return !fault.has_value(); }
    bool is_torn() const noexcept { return fault && fault->kind == FaultKind::torn; }
    bool is_of_another_key() const noexcept { return fault && fault->kind == FaultKind::another_key; }
};

/// Called now and then with how many bytes are read and how many there are.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

/// A verdict for each log. A Failure when something could not be read at all: Code::not_found, io_failed,
/// config_invalid.
Result<std::vector<Verdict>> verify(const VerifyOptions& options, const Progress& progress);

}  // namespace postern::audit
