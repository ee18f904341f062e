#include "audit/chain.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "audit/record.hpp"
#include "base/json.hpp"
#include "pki/digest.hpp"

namespace postern::audit {

namespace {

constexpr std::string_view kTimeKey = R"({"@timestamp":")";
constexpr std::string_view kSequenceKey = R"(","event":{"sequence":)";
constexpr std::string_view kActionKey = R"(,"action":")";
constexpr std::string_view kPreviousKey = R"(},"postern":{"audit":{"previous":")";
constexpr std::string_view kSignatureKey = R"("signature":")";
constexpr std::size_t kTimeLength = 27;
constexpr std::size_t kHashLength = 64;
/// An Ed25519 signature of 64 bytes in base64.
constexpr std::size_t kSignatureLength = 88;

Failure malformed(std::string_view what) {
    return Failure{Code::malformed_request, std::string(what)};
}

bool is_hash(std::string_view text) {
    return text.size() == kHashLength && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

/// Checks the characters of a time. Anybody who can write the file chooses them, and they may be printed on a
/// terminal.
bool is_time(std::string_view text) {
    return text.find_first_not_of("0123456789-:.TZ") == text.npos;
}

constexpr std::size_t kLongestAction = 64;

bool is_action(std::string_view text) {
    return !text.empty() && text.size() <= kLongestAction && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    });
}

bool take(std::string_view& rest, std::string_view expected) {
    if (!rest.starts_with(expected)) {
        return false;
    }
    rest.remove_prefix(expected.size());
    return true;
}

bool read_sequence(std::string_view text, std::uint64_t& sequence) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
    const bool is_canonical = !text.empty() && (text.front() != '0' || text.size() == 1);
    return error == std::errc() && end == text.data() + text.size() && is_canonical;
}

/// Signs the text and returns the signature in base64.
Result<std::string> sign(const Signer& signer, std::string_view text) {
    const auto signature = signer.key.sign_ed25519(text);
    if (!signature) {
        return with_context("cannot sign", signature.error());
    }
    return pki::base64(std::string(signature->begin(), signature->end()));
}

Result<void> verify(std::string_view text, std::string_view signature, std::string_view fingerprint,
                    const KeyRing& keys) {
    const pki::PublicKey* key = keys.find(fingerprint);
    if (key == nullptr) {
        return Failure{Code::unknown_issuer,
                       fmt::format("signed with a key that is not known (sha256:{})", fingerprint)};
    }
    const auto bytes = pki::from_base64(signature);
    if (!bytes || !key->verify_ed25519(text, *bytes)) {
        return malformed("the signature does not fit");
    }
    return {};
}

std::string head_text(const Head& head) {
    return fmt::format("postern audit head v1\n{}\n{}\n{}\n{}\n", head.log_id, head.sequence, head.hash,
                       head.time);
}

/// Returns the string member `key`; empty if it is absent or no string.
std::string text_of(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<Link> parse_link(std::string_view line) {
    const Failure foreign = malformed("not a record of this log");
    Link link;
    std::string_view rest = line;
    if (line.size() > kLongestReadLine || !take(rest, kTimeKey) || rest.size() < kTimeLength) {
        return foreign;
    }
    link.time = rest.substr(0, kTimeLength);
    if (!is_time(link.time)) {
        return malformed("its time is no time");
    }
    rest.remove_prefix(kTimeLength);
    if (!take(rest, kSequenceKey)) {
        return foreign;
    }
    const std::size_t digits = rest.find(',');
    if (digits == std::string_view::npos || !read_sequence(rest.substr(0, digits), link.sequence)) {
        return malformed("its sequence number is not a number");
    }
    rest.remove_prefix(digits);
    if (!take(rest, kActionKey)) {
        return foreign;
    }
    link.action = rest.substr(0, rest.find('"'));
    if (!is_action(link.action)) {
        return malformed("its action is no word that a log writes");
    }
    const std::size_t previous = rest.find(kPreviousKey);
    if (previous == std::string_view::npos || previous < link.action.size()) {
        return malformed("it does not name the record before it");
    }
    rest.remove_prefix(previous + kPreviousKey.size());
    link.previous = rest.substr(0, kHashLength);
    if (!is_hash(link.previous) || rest.size() <= kHashLength || rest[kHashLength] != '"') {
        return malformed("what it names as the record before it is not a hash");
    }
    if (line.back() != '}') {
        return malformed("it has no end");
    }
    return link;
}

void KeyRing::add(pki::PublicKey key) {
    std::string fingerprint = key.fingerprint();
    keys_.insert_or_assign(std::move(fingerprint), std::move(key));
}

Result<void> KeyRing::add_pem(std::string_view pem) {
    constexpr std::string_view kEnd = "-----END PUBLIC KEY-----";
    bool is_any = false;
    for (std::size_t end = pem.find(kEnd); end != std::string_view::npos; end = pem.find(kEnd)) {
        const std::size_t length = end + kEnd.size();
        auto key = pki::PublicKey::from_pem(fmt::format("{}\n", pem.substr(0, length)));
        if (!key) {
            return key.error();
        }
        add(std::move(*key));
        is_any = true;
        pem.remove_prefix(length);
    }
    return is_any ? Result<void>() : malformed("it holds no public key in PEM");
}

const pki::PublicKey* KeyRing::find(std::string_view fingerprint) const {
    const auto found = keys_.find(fingerprint);
    return found == keys_.end() ? nullptr : &found->second;
}

std::vector<std::string> KeyRing::fingerprints() const {
    std::vector<std::string> names;
    for (const auto& [fingerprint, key] : keys_) {
        names.push_back(fingerprint);
    }
    return names;
}

Result<Signer> Signer::make(pki::PrivateKey key) {
    const auto pem = key.public_pem();
    if (!pem) {
        return pem.error();
    }
    const auto public_key = pki::PublicKey::from_pem(*pem);
    if (!public_key) {
        return public_key.error();
    }
    return Signer{std::move(key), public_key->fingerprint()};
}

Result<std::string> format_checkpoint(const Position& position, std::string_view reason,
                                      const Signer& signer) {
    Record record;
    record.action = kCheckpointAction;
    record.extra["postern"]["audit"]["log_id"] = position.log_id;
    auto& checkpoint = record.extra["postern"]["audit"]["checkpoint"];
    checkpoint["reason"] = reason;
    checkpoint["key"] = signer.fingerprint;
    checkpoint["signature"] = "";
    std::string line = format_line(record, position.time, position.sequence, position.previous,
                                   position.host_name, position.program);
    const auto link = parse_link(line);
    if (!link) {
        return with_context("cannot make a checkpoint", link.error());
    }
    const auto unsigned_checkpoint = parse_checkpoint(line, *link);
    if (!unsigned_checkpoint) {
        return with_context("cannot make a checkpoint", unsigned_checkpoint.error());
    }
    const auto signature = sign(signer, unsigned_checkpoint->text);
    if (!signature) {
        return signature.error();
    }
    line.insert(line.find(kSignatureKey) + kSignatureKey.size(), *signature);
    return line;
}

Result<Checkpoint> parse_checkpoint(std::string_view line, const Link& link) {
    const auto json = parse_json(line, kAnyDepth);
    const nlohmann::json::json_pointer place("/postern/audit");
    if (!json.is_object() || !json.contains(place) || !json.at(place).is_object()) {
        return malformed("the checkpoint is not JSON");
    }
    const auto& audit = json.at(place);
    const auto found = audit.find("checkpoint");
    if (found == audit.end() || !found->is_object()) {
        return malformed("the checkpoint is empty");
    }
    Checkpoint checkpoint;
    checkpoint.log_id = text_of(audit, "log_id");
    checkpoint.reason = text_of(*found, "reason");
    checkpoint.key_fingerprint = text_of(*found, "key");
    checkpoint.signature = text_of(*found, "signature");

    // The signed text holds the line without the bytes of the signature, which must be at the first
    // occurrence of the key.
    const std::size_t key = line.find(kSignatureKey);
    if (key == std::string_view::npos) {
        return malformed("the checkpoint bears no signature");
    }
    const std::size_t start = key + kSignatureKey.size();
    if (line.substr(start, checkpoint.signature.size()) != checkpoint.signature) {
        return malformed("the checkpoint's signature stands in a strange place");
    }
    std::string bare(line.substr(0, start));
    bare += line.substr(start + checkpoint.signature.size());
    checkpoint.text = fmt::format("postern audit checkpoint v1\n{}\n{}\n{}\n{}\n{}\n", checkpoint.log_id,
                                  link.sequence, link.previous, link.time, pki::sha256_hex(bare));
    return checkpoint;
}

Result<void> check_signature(const Checkpoint& checkpoint, const KeyRing& keys) {
    if (checkpoint.signature.size() != kSignatureLength) {
        return malformed("it bears no whole signature");
    }
    return verify(checkpoint.text, checkpoint.signature, checkpoint.key_fingerprint, keys);
}

Result<std::string> format_head(const Head& head, const Signer& signer) {
    const auto signature = sign(signer, head_text(head));
    if (!signature) {
        return signature.error();
    }
    nlohmann::ordered_json json;
    json["log_id"] = head.log_id;
    json["sequence"] = head.sequence;
    json["hash"] = head.hash;
    json["time"] = head.time;
    json["key"] = signer.fingerprint;
    json["signature"] = *signature;
    return ascii_json_text(json) + "\n";
}

Result<Head> parse_head(std::string_view text) {
    const auto json = parse_json(text);
    if (!json.is_object() || !json.contains("sequence") || !json["sequence"].is_number_unsigned()) {
        return malformed("it is not a head of an audit log");
    }
    Head head;
    head.log_id = text_of(json, "log_id");
    head.sequence = json["sequence"].get<std::uint64_t>();
    head.hash = text_of(json, "hash");
    head.time = text_of(json, "time");
    head.key_fingerprint = text_of(json, "key");
    head.signature = text_of(json, "signature");
    if (!is_hash(head.hash)) {
        return malformed("it is not a head of an audit log");
    }
    return head;
}

Result<void> check_signature(const Head& head, const KeyRing& keys) {
    return verify(head_text(head), head.signature, head.key_fingerprint, keys);
}

}  // namespace postern::audit
