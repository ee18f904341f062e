// The hash chain of an audit log: each line holds the SHA-256 of the line before it, and signed checkpoints
// confirm where the chain stands. This file is pure and knows no files; chain_verifier.hpp verifies whole
// logs with it.
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

/// The hash that the first record of a log holds in place of that of a line before it.
inline constexpr std::string_view kNoPredecessor =
    "0000000000000000000000000000000000000000000000000000000000000000";
/// The longest line, in bytes, that a reader accepts. Lines of format_line() are far shorter.
inline constexpr std::size_t kLongestReadLine = 65536;

/// The action of a signed checkpoint.
inline constexpr std::string_view kCheckpointAction = "checkpoint";
/// The action of the first record of a log.
inline constexpr std::string_view kStartedAction = "audit.started";
/// The action of the first record of every later file of the log.
inline constexpr std::string_view kRotatedAction = "audit.rotated";
/// The action of the record that says that a torn last line was cut off.
inline constexpr std::string_view kRecoveredAction = "audit.recovered";
/// The reason of the checkpoint that ends a file before the log goes on in a new one.
inline constexpr std::string_view kRotationReason = "rotation";

/// The fields that tie a line into the chain, read from the fixed head of the line. The members are views
/// into the line.
struct Link {
    std::uint64_t sequence = 0;
    std::string_view previous;
    std::string_view time;
    std::string_view action;
};

/// Parses the head of a line, which is given without its newline, and checks its last byte. The JSON between
/// the two is not parsed, because the hash in the next line vouches for it. Fails with
/// Code::malformed_request.
Result<Link> parse_link(std::string_view line);

/// The public keys whose signatures are trusted, by fingerprint.
class KeyRing {
public:
    void add(pki::PublicKey key);
    /// Adds every key of a text of "PUBLIC KEY" PEM blocks. Fails when there is none
    /// (Code::malformed_request) or when one cannot be read; keys before that one stay in the ring.
    Result<void> add_pem(std::string_view pem);
    /// Returns null when the ring does not hold the key. The pointer is valid until the ring changes or is
    /// destroyed.
    const pki::PublicKey* find(std::string_view fingerprint) const;
    bool is_empty() const noexcept { return keys_.empty(); }
    std::vector<std::string> fingerprints() const;

private:
    std::map<std::string, pki::PublicKey, std::less<>> keys_;
};

/// The private key that signs checkpoints, with the fingerprint of its public key.
struct Signer {
    pki::PrivateKey key;
    std::string fingerprint;

    static Result<Signer> make(pki::PrivateKey key);
};

/// Where a line stands in a log. The texts are views that the caller keeps alive.
struct Position {
    std::string_view log_id;
    std::uint64_t sequence = 0;
    std::string_view previous;
    SystemTime time;
    std::string_view host_name;
    std::string_view program;
};

/// Returns a signed checkpoint line without its newline. The signature covers "postern audit checkpoint v1",
/// the log's id, the sequence number, the previous line's hash, the time, and the hash of the line itself
/// without the signature.
Result<std::string> format_checkpoint(const Position& position, std::string_view reason,
                                      const Signer& signer);

/// The content of a checkpoint line, whose signature is not verified yet.
struct Checkpoint {
    std::string log_id;
    std::string reason;
    std::string key_fingerprint;
    std::string signature;
    /// The text that the signature covers.
    std::string text;
};
/// Parses a checkpoint `line`, whose head is `link`. Fails with Code::malformed_request.
Result<Checkpoint> parse_checkpoint(std::string_view line, const Link& link);
/// Fails with Code::unknown_issuer when the signing key is not in the ring, and with Code::malformed_request
/// when the signature is not valid.
Result<void> check_signature(const Checkpoint& checkpoint, const KeyRing& keys);

/// The newest checkpoint of a log, in a signed file of its own beside the log.
struct Head {
    std::string log_id;
    /// Before the first checkpoint `sequence` is 0 and `hash` is kNoPredecessor.
    std::uint64_t sequence = 0;
    std::string hash;
    std::string time;
    std::string key_fingerprint;
    std::string signature;
};
/// Signs `head`, whose key_fingerprint and signature are ignored, and returns it as a line with its newline.
Result<std::string> format_head(const Head& head, const Signer& signer);
/// Parses a head without verifying its signature. Fails with Code::malformed_request.
Result<Head> parse_head(std::string_view text);
/// Fails as check_signature() of a checkpoint does.
Result<void> check_signature(const Head& head, const KeyRing& keys);

}  // namespace postern::audit
