// What ties audit lines together: each names the SHA-256 of the one before it, and signed checkpoints name
// where the chain stands. Pure: knows no files. chain_verifier.hpp reads whole logs with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/key.hpp"

namespace postern::audit {

/// What the first record of a log names as its predecessor.
inline constexpr std::string_view kNoPredecessor =
    "0000000000000000000000000000000000000000000000000000000000000000";
/// A reader refuses longer lines; format_line() stays far below.
inline constexpr std::size_t kLongestReadLine = 65536;

inline constexpr std::string_view kCheckpointAction = "checkpoint";
/// The first record of a log, and of each further file of it.
inline constexpr std::string_view kStartedAction = "audit.started";
inline constexpr std::string_view kRotatedAction = "audit.rotated";
inline constexpr std::string_view kRecoveredAction = "audit.recovered";
/// The reason of the checkpoint that closes a file for good.
inline constexpr std::string_view kRotationReason = "rotation";

/// What ties a line into the chain, read from the fixed head of the line. Views into the line.
struct Link {
    std::uint64_t sequence = 0;
    std::string_view previous;
    std::string_view time;
    std::string_view action;
};

/// Reads a line without its newline. Looks at its head and last byte alone: that the rest is JSON is what the
/// next line's hash vouches for. Code::malformed_request.
Result<Link> parse_link(std::string_view line);

/// The public keys whose signatures count, by fingerprint.
class KeyRing {
public:
    void add(pki::PublicKey key);
    /// Adds every key of a file of "PUBLIC KEY" PEM blocks.
    Result<void> add_pem(std::string_view pem);
    const pki::PublicKey* find(std::string_view fingerprint) const;
    bool is_empty() const noexcept { return keys_.empty(); }
    std::vector<std::string> fingerprints() const;

private:
    std::map<std::string, pki::PublicKey, std::less<>> keys_;
};

/// The key that signs, with its name.
struct Signer {
    pki::PrivateKey key;
    std::string fingerprint;

    static Result<Signer> make(pki::PrivateKey key);
};

/// Where a line stands in a log.
struct Position {
    std::string_view log_id;
    std::uint64_t sequence = 0;
    std::string_view previous;
    SystemTime time;
    std::string_view host_name;
    std::string_view program;
};

/// A signed checkpoint line. The signature is over "postern audit checkpoint v1", the log's id, the sequence
/// number, the previous line's hash, the time, and the hash of the line itself without the signature.
Result<std::string> format_checkpoint(const Position& position, std::string_view reason,
                                      const Signer& signer);

/// What a checkpoint line says of itself, not yet verified.
struct Checkpoint {
    std::string log_id;
    std::string reason;
    std::string key_fingerprint;
    std::string signature;
    /// The text that is signed.
    std::string text;
};
Result<Checkpoint> parse_checkpoint(std::string_view line, const Link& link);
/// Code::unknown_issuer for a key that is not in the ring, Code::malformed_request for a signature that does
/// not fit.
Result<void> check_signature(const Checkpoint& checkpoint, const KeyRing& keys);

/// The highest checkpoint of a log, kept beside it and signed.
struct Head {
    std::string log_id;
    /// 0 and kNoPredecessor before the first checkpoint.
    std::uint64_t sequence = 0;
    std::string hash;
    std::string time;
    std::string key_fingerprint;
    std::string signature;
};
/// `head` without key_fingerprint and signature, signed, as a line with its newline.
Result<std::string> format_head(const Head& head, const Signer& signer);
Result<Head> parse_head(std::string_view text);
Result<void> check_signature(const Head& head, const KeyRing& keys);

}  // namespace postern::audit
